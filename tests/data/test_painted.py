"""Masks painted in colours, as ids."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfwsss.data.painted import as_painted, ids_of_colours
from tfwsss.errors import ImageFault
from tfwsss.palette import voc_palette


def test_colours_are_looked_up():
    ids = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert (ids_of_colours(Path("a.png"), voc_palette()[ids], voc_palette()) == ids).all()
    with pytest.raises(ImageFault, match=r"a.png: colour \[1, 2, 3\] is not in the palette; .*labelmap.txt"):
        ids_of_colours(Path("a.png"), np.array([[[1, 2, 3]]], np.uint8), voc_palette())


@pytest.mark.parametrize(("colours", "expected"), [
    ([9, 9, 9, 0, 0, 0], [1, 0]), ([9, 9, 9, 7, 7, 7], [0, 1]), ([0, 0, 0, 9, 9, 9], [0, 1])])
def test_indexed_images_count_by_colours_that_a_palette_of_ones_own_has(colours, expected):
    """Here 9, 9, 9 is id 1; where one colour is unknown the indices stand, and so they do with the usual palette."""
    palette, indices = voc_palette(), np.array([[0, 1]], np.uint8)
    palette[1] = 9
    image = Image.fromarray(indices)
    image.putpalette(colours)
    assert as_painted(indices, image, palette).tolist() == [expected]
    assert as_painted(indices, image, voc_palette()).tolist() == as_painted(indices, image, None).tolist() == [[0, 1]]
