from pathlib import Path

import numpy as np
import pytest

from tfwsss.errors import UserError
from tfwsss.weights.formats.source import MAX_DIMENSIONS, Source


def source(data: bytes) -> Source:
    return Source(Path("x.bin"), memoryview(data))


def test_parts_follow_each_other():
    data = source(b"\x01\x00" + np.arange(6, dtype="<i2").tobytes() + b"end")
    assert data.unpack("<H", "count") == (1,)
    assert data.array(np.dtype("<i2"), (2, 3), "w").tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (bytes(data.take(3, "text")), data.left) == (b"end", 0)
    data.end()


def test_arrays_share_the_files_memory(tmp_path):
    path = tmp_path / "x.bin"
    path.write_bytes(bytes(range(1, 9)))
    array = Source.open(path).array(np.dtype("<u4"), (2,), "w")
    assert not array.flags.owndata and not array.flags.writeable and array.tolist() == [0x04030201, 0x08070605]


@pytest.mark.parametrize(("shape", "message"), [
    ((3,), "claims 3 float32, 12 bytes, where 8 are left"), ((-1,), "impossible"),
    ((1,) * (MAX_DIMENSIONS + 1), "impossible"),
    ((10**12,), "claims 1000000000000 float32"), ((0, 10**18), "claims"), ((2**40, 2**40, 0), "claims")])
def test_false_shapes_are_refused(shape, message):
    with pytest.raises(UserError, match=f"x.bin: w: .*{message}"):
        source(bytes(8)).array(np.dtype("<f4"), shape, "w")


def test_an_array_without_elements_keeps_its_shape():
    assert source(bytes(4)).array(np.dtype("<f4"), (0, 5), "w").shape == (0, 5)


@pytest.mark.parametrize("count", [9, -1, 2**70])
def test_false_lengths_are_refused(count):
    with pytest.raises(UserError, match="x.bin: name: claims"):
        source(bytes(8)).take(count, "name")


def test_what_follows_the_end_is_refused():
    with pytest.raises(UserError, match="2 bytes follow"):
        source(bytes(2)).end()


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    for name, message in (("empty", "is empty"), ("missing", "No such file"), (".", "directory")):
        with pytest.raises(UserError, match=message):
            Source.open(tmp_path / name)
