import struct

import numpy as np
import pytest

from tests.weights.make_torch_files import RECORDED
from tfwsss.errors import UserError
from tfwsss.weights.formats.mxnet import read_params

V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
FLOAT = 0


def one_array(mark: int | None, shape, data: bytes, kind: int = FLOAT, device: int = 1) -> bytes:
    """Returns one array as the file holds it; mark None is the legacy form."""
    head = b"" if mark is None else struct.pack("<I", mark) + (b"" if mark == V1 else struct.pack("<i", 0))
    sides = struct.pack(f"<i{len(shape)}{'I' if mark is None else 'q'}", len(shape), *shape)
    return head + sides + struct.pack("<3i", device, 0, kind) + data


def params(arrays, names=("arg:w",), count=None) -> bytes:
    text = struct.pack("<Q", len(names)) + b"".join(struct.pack("<Q", len(name)) + name.encode() for name in names)
    return struct.pack("<3Q", 0x112, 0, len(arrays) if count is None else count) + b"".join(arrays) + text


@pytest.fixture
def read(tmp_path):
    def reader(data: bytes):
        (tmp_path / "x.params").write_bytes(data)
        return read_params(tmp_path / "x.params")
    return reader


@pytest.mark.parametrize("form", ["legacy", "v1", "v2"])
def test_recorded_files_are_read_exactly(form):
    arrays = read_params(RECORDED / f"mxnet_{form}.params")
    with np.load(RECORDED / "mxnet_expected.npz") as expected:
        assert [name.replace(":", "__") for name in arrays] == expected.files
        for name, array in arrays.items():
            want = expected[name.replace(":", "__")]
            assert array.dtype == want.dtype and array.shape == want.shape and np.array_equal(array, want), name


def test_a_scalar_and_an_unknown_shape_of_the_newest_form(read):
    scalar = one_array(V3, (), struct.pack("<f", 2.5))
    unknown = struct.pack("<Iii", V3, 0, -1)
    arrays = read(params([scalar, unknown], ("a", "b")))
    assert arrays["a"].shape == () and arrays["a"] == 2.5 and arrays["b"].size == 0


@pytest.mark.parametrize("mark", [None, V1, V2])
def test_arrays_that_were_never_filled(read, mark):
    empty = one_array(mark, (), b"")[:-12]  # nothing follows the shape
    assert read(params([empty, one_array(mark, (1,), bytes(4))], ("a", "b")))["a"].size == 0


def test_every_element_type(read):
    dtypes = ["<f4", "<f8", "<f2", "u1", "<i4", "i1", "<i8"]
    made = [np.arange(-2, 2).astype(dtype) for dtype in dtypes]
    data = params([one_array(V2, (4,), array.tobytes(), kind) for kind, array in enumerate(made)], list("abcdefg"))
    for array, want in zip(read(data).values(), made, strict=True):
        assert array.dtype == want.dtype and np.array_equal(array, want)


def test_a_list_without_names_is_numbered(read):
    assert list(read(params([one_array(V1, (1,), bytes(4))] * 2, ()))) == ["0", "1"]


@pytest.mark.parametrize(("data", "message"), [
    (params([one_array(V2, (10**6, 10**6), bytes(64))]), "array 1 of 1: claims 1000000x1000000 float32, 4,000,"),
    (params([one_array(None, (2**31 - 1, 2**31 - 1), bytes(64))]), "array 1 of 1: claims 2147483647x2147483647"),
    (params([one_array(V2, (-1, 4), bytes(16))]), "array 1 of 1: shape .* impossible"),
    (params([one_array(None, (1,) * 33, bytes(4))]), "claims 33 axes, at most 32"),
    (params([one_array(V1, (1,) * 33, bytes(4))]), "claims 33 axes, at most 32"),
    (params([struct.pack("<Iii", V2, 0, -1)]), "claims -1 axes"),
    (params([one_array(V2, (1,), bytes(4), kind=9)]), "element type 9"),
    (params([one_array(V2, (1,), bytes(4), device=77)]), "device type 77"),
    (params([struct.pack("<Ii", V2, 1) + bytes(40)]), "storage type 1, a sparse array"),
    (params([], (), 10**12), "header: claims 1,000,000,000,000 arrays"),
    (params([one_array(V2, (1,), bytes(4))] * 2, ("w", "w")), "w: is stored twice"),
    (params([one_array(V2, (1,), bytes(4))] * 2, ("w",)), "1 names for 2 arrays"),
    (params([one_array(V2, (1,), bytes(4))]) + b"x", "end of the file: 1 bytes follow"),
    (params([one_array(V2, (1,), bytes(4))])[:-5] + b"\xff\xff\xff\xff\xff", "name 1 of 1: is not text"),
    (params([one_array(V2, (1,), bytes(4))], ())[:-8] + struct.pack("<2Q", 1, 10**12), "name 1 of 1: claims"),
    (struct.pack(">3Q", 0x112, 0, 1) + bytes(40), "header: begins with"),
])
def test_false_claims_are_refused(read, data, message):
    with pytest.raises(UserError, match=f"x.params: .*{message}"):
        read(data)


@pytest.mark.parametrize("form", ["legacy", "v1", "v2"])
def test_truncated_files_name_the_entry(read, form):
    data = (RECORDED / f"mxnet_{form}.params").read_bytes()
    for length in range(1, len(data)):
        with pytest.raises(UserError, match=r"x.params: (header|array \d of 3|name \d of 3|number of names): "):
            read(data[:length])
