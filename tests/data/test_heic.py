"""HEIC photographs, with the extra and without."""

import importlib.util

import numpy as np
import pytest
from PIL import Image

from tfwsss.data import heic
from tfwsss.data.reading import read_rgb
from tfwsss.errors import ImageFault

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0" + bytes(500)


@pytest.fixture
def without(monkeypatch):
    heic.readable.cache_clear()
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pillow_heif" else find(name))
    yield
    heic.readable.cache_clear()


def test_without_the_extra_the_cure_is_told(tmp_path, without):
    (tmp_path / "a.HEIC").write_bytes(HEIC)
    assert not heic.readable()
    with pytest.raises(ImageFault, match=r"a.HEIC: is a HEIC photograph; pip install 'tfwsss\[heic\]'"):
        read_rgb(tmp_path / "a.HEIC")


def test_with_the_extra_it_is_read(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif", reason="the extra heic is not installed")
    assert heic.readable()
    colours = np.full((32, 48, 3), (200, 40, 90), np.uint8)
    pillow_heif.from_pillow(Image.fromarray(colours)).save(tmp_path / "a.heic", quality=100)
    assert np.abs(read_rgb(tmp_path / "a.heic").astype(int) - colours).max() <= 8
    (tmp_path / "torn.heic").write_bytes(HEIC)
    with pytest.raises(ImageFault, match="torn.heic"):
        read_rgb(tmp_path / "torn.heic")


@pytest.mark.parametrize(("start", "is_one"), [
    (HEIC, True), (b"\0\0\0\x18ftypmif1", True), (b"\0\0\0\x18ftypavif", False), (b"\xff\xd8\xff", False),
    (b"", False)])
def test_first_bytes(start, is_one):
    assert heic.is_heic(start[:12]) == is_one
