import importlib.util
import shutil
import struct

import numpy as np
import pytest

from tests.weights.make_torch_files import RECORDED
from tfwsss.errors import UserError
from tfwsss.weights.readers import read_safetensors, read_weights

FILES = {"torch_zip.pth": 24, "torch_legacy.pth": 24, "mxnet_v2.params": 3, "caffe_v2.caffemodel": 9}


@pytest.mark.parametrize(("name", "count"), FILES.items())
def test_the_contents_decide(tmp_path, name, count):
    assert len(read_weights(RECORDED / name)) == count
    if not name.endswith(".caffemodel"):  # the one format without a mark
        shutil.copy(RECORDED / name, tmp_path / "weights.bin")
        assert len(read_weights(tmp_path / "weights.bin")) == count


def test_keras_files_are_read(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a/b"] = np.ones(2)
    assert list(read_weights(str(tmp_path / "x.h5"))) == ["a/b"]


@pytest.mark.parametrize(("data", "message"), [
    (b"<!DOCTYPE html><html>", "is a web page: the download failed"),
    (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
    (b"\x80\x04\x95\x10\x00", "is a pickle, and not one of PyTorch's files"),
    (b"\x1f\x8b\x08\x00", "is compressed: unpack it first"),
    (b"\x00\x01\x02", "begins with 00 01 02, which no known kind does; known kinds: .pth"),
])
def test_strange_files_are_named(tmp_path, data, message):
    (tmp_path / "x.bin").write_bytes(data)
    with pytest.raises(UserError, match=f"x.bin: header: {message}"):
        read_weights(tmp_path / "x.bin")


def safetensors(header: bytes, numbers: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header + numbers


def test_safetensors(tmp_path):
    header = b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    (tmp_path / "x.safetensors").write_bytes(safetensors(header, struct.pack("<2f", 1, 2)))
    if importlib.util.find_spec("safetensors") is None:
        with pytest.raises(UserError, match="pip install safetensors"):
            read_weights(tmp_path / "x.safetensors")
        pytest.skip("safetensors is not installed; only the message was checked")
    assert read_weights(tmp_path / "x.safetensors")["w"].tolist() == [1, 2]
    rounded = header.replace(b"F32", b"BF16").replace(b"[2]", b"[4]")
    (tmp_path / "x.safetensors").write_bytes(safetensors(rounded, struct.pack("<4H", 0x3F80, 0, 0xC020, 0)))
    assert read_weights(tmp_path / "x.safetensors")["w"].tolist() == [1, 0, -2.5, 0]
    for bad in (header.replace(b"[2]", b"[1000000000000]"), b"{", b""):
        (tmp_path / "x.safetensors").write_bytes(safetensors(bad, bytes(8)))
        with pytest.raises(UserError, match="x.safetensors: header"):
            read_safetensors(tmp_path / "x.safetensors")
