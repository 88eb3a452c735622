import shutil

import numpy as np
import pytest

from tests.weights.formats.test_safetensors import save
from tests.weights.make_torch_files import RECORDED
from tfwsss.errors import UserError
from tfwsss.weights.readers import read_weights

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


def test_safetensors_are_told_by_their_ending(tmp_path):
    save(tmp_path / "x.safetensors", {"w": np.float32([1, 2])})
    assert read_weights(tmp_path / "x.safetensors")["w"].tolist() == [1, 2]
