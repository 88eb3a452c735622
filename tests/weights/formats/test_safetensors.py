import json
import struct

import numpy as np
import pytest

from tfwsss.errors import UserError
from tfwsss.weights.formats.safetensors import read_safetensors

ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def written(folder, header, numbers: bytes = struct.pack("<2f", 1, 2)):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path = folder / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + numbers)
    return path


def save(path, arrays):
    """Writes float32 arrays as the format's own library does; the path."""
    header, numbers = {"__metadata__": {"format": "pt"}}, b""
    for name, array in arrays.items():
        part = np.ascontiguousarray(array, "<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(np.shape(array)), "data_offsets": [len(numbers),
                                                                                         len(numbers) + len(part)]}
        numbers += part
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + numbers)
    return path


def test_arrays_come_back_as_views_of_the_file(tmp_path):
    arrays = {"a": np.arange(6, dtype="float32").reshape(2, 3), "b": np.float32(7), "c": np.zeros((0, 4), "float32")}
    found = read_safetensors(save(tmp_path / "x.safetensors", arrays))
    assert list(found) == ["a", "b", "c"]
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].shape == np.shape(array) and found[name].dtype == "float32"
    assert not found["a"].flags.owndata and not found["a"].flags.writeable


@pytest.mark.parametrize(("kind", "layout", "values"), [
    ("F16", "<2e", (1.5, -2)), ("I64", "<2q", (-1, 2**40)), ("U8", "<2B", (3, 255)), ("BOOL", "<2?", (True, False)),
    ("F64", "<2d", (0.1, 1e300))])
def test_types(tmp_path, kind, layout, values):
    numbers = struct.pack(layout, *values)
    entry = {"dtype": kind, "shape": [2], "data_offsets": [0, len(numbers)]}
    assert read_safetensors(written(tmp_path, {"w": entry}, numbers))["w"].tolist() == list(values)


def test_bfloat16_is_widened(tmp_path):
    entry = {**ENTRY, "dtype": "BF16", "shape": [4]}
    numbers = struct.pack("<4H", 0x3F80, 0, 0xC020, 0)
    assert read_safetensors(written(tmp_path, {"w": entry}, numbers))["w"].tolist() == [1, 0, -2.5, 0]


@pytest.mark.parametrize(("header", "message"), [
    (b"{", "header: is no JSON"), (b"[" * 100_000, "header: is no JSON"), (b"[1]", "header: is no table"),
    ({"w": {**ENTRY, "shape": [10**12]}}, "w: claims 1000000000000 float32"),
    ({"w": {**ENTRY, "shape": [1]}}, "end of the file: 4 bytes follow"),
    ({"w": {**ENTRY, "data_offsets": [0, 9]}}, "w: has no type, shape and place"),
    ({"w": {**ENTRY, "data_offsets": [8, 0]}}, "w: has no type, shape and place"),
    ({"w": {**ENTRY, "shape": [-2]}}, "w: has no type, shape and place"),
    ({"w": {**ENTRY, "shape": 2}}, "w: has no type, shape and place"), ({"w": 3}, "w: has no type"),
    ({"w": {**ENTRY, "dtype": "F8_E4M3"}}, "w: holds F8_E4M3, no plain numbers; save float32")])
def test_bad_files_are_refused(tmp_path, header, message):
    with pytest.raises(UserError, match=f"x.safetensors: {message}"):
        read_safetensors(written(tmp_path, header))


@pytest.mark.parametrize(("data", "message"), [
    (b"\x01", "claims 8 bytes, where 1 are left"), (struct.pack("<Q", 2**60), "claims 1,152,921,504,606,846,976 bytes"),
    (struct.pack("<Q", 50) + b"{}", "claims 50 bytes, where 2 are left")])
def test_cut_off_files_are_refused(tmp_path, data, message):
    (tmp_path / "x.safetensors").write_bytes(data)
    with pytest.raises(UserError, match=f"header: {message}"):
        read_safetensors(tmp_path / "x.safetensors")
