"""Saliency maps: grey PNGs."""

import numpy as np
import pytest
from PIL import Image

from tfwsss.artefacts.saliency import read_saliency, write_saliency
from tfwsss.errors import ImageFault


def test_a_map_comes_back_as_it_was(tmp_path):
    saliency = np.array([[0, 3, 128], [254, 255, 1]], np.uint8)
    write_saliency(tmp_path, "farm/cow 1", saliency)
    np.testing.assert_array_equal(read_saliency(tmp_path, "farm/cow 1"), saliency)
    with Image.open(tmp_path / "farm" / "cow 1.png") as image:
        assert image.mode == "L" and image.size == (3, 2)


@pytest.mark.parametrize("bad", [np.zeros((2, 3)), np.zeros((2, 3, 3), np.uint8), np.zeros(3, np.uint8)])
def test_other_arrays_are_refused(tmp_path, bad):
    with pytest.raises(ValueError, match="a saliency map is uint8"):
        write_saliency(tmp_path, "a", bad)


def test_files_that_are_no_maps(tmp_path):
    with pytest.raises(ImageFault, match="no such file"):
        read_saliency(tmp_path, "a")
    Image.new("RGB", (3, 2)).save(tmp_path / "a.png")
    with pytest.raises(ImageFault, match="a.png: mode RGB; expected a grey 8-bit PNG"):
        read_saliency(tmp_path, "a")
    (tmp_path / "a.png").write_bytes(b"torn")
    with pytest.raises(ImageFault, match="a.png: cannot be read"):
        read_saliency(tmp_path, "a")
