import numpy as np
import pytest
from PIL import Image

from tfwsss.inference.see import covered, see
from tfwsss.inference.views import WholeCells
from tfwsss.inference.whole_cells import in_whole_cells


@pytest.mark.parametrize(("size", "expected"), [((20, 33), (32, 48)), ((16, 32), (16, 32)), ((1, 1), (16, 16))])
def test_images_grow_to_whole_cells_as_pillow_makes_them(size, expected):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    pillow = np.array(Image.fromarray(image).resize(expected[::-1], Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(in_whole_cells(image[None], 16)[0], pillow)


def test_the_network_is_asked_once_and_its_maps_stay_as_they_are():
    asked = []

    def network(x):
        asked.append(tuple(x.shape))
        return {"patches": 1e-9 * x[:, ::16, ::16]}

    image = np.full((2, 20, 33, 3), 9, np.uint8)
    maps = see(network, 16, WholeCells(16), image, 3)
    assert asked == [(2, 32, 48, 3)] and np.all(maps["patches"] == np.float32(9e-9))
    assert covered(16, WholeCells(16), (20, 33)) == (20, 33)
