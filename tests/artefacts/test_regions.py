"""Superpixels on disk: colour PNGs that decode inside a graph."""

import numpy as np
import pytest
from PIL import Image

from tfwsss.artefacts.masks import read_mask, write_mask
from tfwsss.artefacts.regions import read_regions, write_regions
from tfwsss.errors import ImageFault
from tfwsss.palette import voc_palette


def test_regions_round_trip_and_layout(tmp_path):
    regions = np.array([[0, 255, 256], [65535, 65536, 2**24 - 1]], np.int32)
    write_regions(tmp_path, "a", regions)
    assert (read_regions(tmp_path, "a") == regions).all()
    with Image.open(tmp_path / "a.png") as image:
        assert image.getpixel((1, 1)) == (1, 0, 0) and image.getpixel((2, 0)) == (0, 1, 0)
    for bad in (regions - 1, regions + 1, regions.astype(float), regions[0]):
        with pytest.raises(ValueError):
            write_regions(tmp_path, "b", bad)


def test_masks_and_regions_are_not_confused(tmp_path):
    write_regions(tmp_path, "a", np.zeros((2, 2), np.int32))
    with pytest.raises(ImageFault, match="indexed or grey"):
        read_mask(tmp_path, "a")
    write_mask(tmp_path, "a", np.zeros((2, 2), np.uint8), voc_palette())
    with pytest.raises(ImageFault, match="colour PNG"):
        read_regions(tmp_path, "a")
