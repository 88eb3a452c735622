import numpy as np
import pytest

from tests.support.plain_maps import plain_maps
from tfwsss.batches.frames import in_frame
from tfwsss.inference.mirrored import as_kept
from tfwsss.inference.resized import see_resized
from tfwsss.inference.views import Resized
from tfwsss.ops.resize import resize


def scene(count=2, rows=20, columns=30):
    grid = np.random.default_rng(0).integers(0, 256, (count, rows // 5, columns // 5, 3))
    return grid.repeat(5, 1).repeat(5, 2).astype(np.uint8)


NETWORK = plain_maps(cam=[(0.0, 1.0), (3.0, -2.0)])


def of_scale(view, scale, images):
    return np.asarray(NETWORK(in_frame(images, view.frame(scale)))["cam"])


def test_maps_of_the_frame():
    view = Resized(17, stride=4)
    found = see_resized(NETWORK, view, scene())["cam"]
    np.testing.assert_array_equal(found, as_kept(of_scale(view, 1.0, scene())))
    assert found.shape == (2, 5, 7, 2)                              # 17x25 pixels


def test_mirror_images_are_turned_back():
    view = Resized(17, True, 4, mirror=True)
    plain, other = of_scale(view, 1.0, scene()), of_scale(view, 1.0, scene()[:, :, ::-1])[:, :, ::-1]
    np.testing.assert_allclose(see_resized(NETWORK, view, scene())["cam"], (plain + other) / 2, atol=2e-3)


@pytest.mark.parametrize("stride", [4, None])
def test_further_scales_are_brought_to_the_first_grid(stride):
    view = Resized(17, True, stride, scales=(1.0, 2.0))
    one, two = (of_scale(view, scale, scene()) for scale in view.scales)
    expected = (one + np.asarray(resize(two, *one.shape[1:3], align_corners=stride is not None))) / 2
    found = see_resized(NETWORK, view, scene())["cam"]
    np.testing.assert_allclose(found, expected, atol=2e-3)
    assert found.shape[1:3] == one.shape[1:3] != two.shape[1:3]
