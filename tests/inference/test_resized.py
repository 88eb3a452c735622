"""Whole images at one size each; squares beside a slow form: one image and one view after another."""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.pillow import pillow
from tests.support.plain_maps import plain_maps
from tests.support.whole_images import KERNELS, both, interpolated, near, network, pictures, said
from tfwsss.batches.frames import in_frame
from tfwsss.inference.mirrored import as_kept
from tfwsss.inference.resized import see_resized
from tfwsss.inference.see import Seer, covered, images_at_a_time
from tfwsss.inference.views import Resized, squares
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


def by_hand(image: np.ndarray, view: Resized, weights: np.ndarray) -> np.ndarray:
    """Squares are Pillow's; maps of further scales are brought to the grid of the first."""
    passes = []
    for scale in view.scales:
        side = max(1, round(view.length * scale))
        square = pillow(image, (side, side))
        maps = np.mean(both(square, view.mirror, lambda x: said(x, weights)), axis=0)
        passes.append(interpolated(maps, *passes[0].shape[:2], corners=False) if passes else maps)
    return np.mean(passes, axis=0)


def seen(images: np.ndarray, view: Resized) -> dict:
    model = network()
    return see_resized(lambda x: model(x, training=False), view, tf.constant(images))


@pytest.mark.parametrize("size", [(24, 33), (1, 1), (1, 30), (200, 20)])
@pytest.mark.parametrize("view", [squares(32), squares(32, (1.0, 0.5, 1.5), True), squares(17, (1.5, 1.0)),
                                  squares(9, (0.01, 1.0))],
                         ids=["plain", "scales and mirror", "the first is another", "next to nothing"])
def test_maps_are_the_mean_over_scales_and_mirror_images(size, view):
    images = pictures(2, size)
    found = seen(images, view)
    assert list(found) == list(KERNELS)
    for key, maps in found.items():
        near(maps, np.stack([by_hand(image, view, KERNELS[key]) for image in images]))


def test_features_are_not_rounded():
    images = pictures(1, (24, 33))
    found = seen(images, squares(32, features=True))["cam"].numpy()
    np.testing.assert_allclose(found[0], by_hand(images[0], squares(32), KERNELS["cam"]), rtol=1e-4, atol=1e-5)
    assert (found != found.astype(np.float16)).any()


def test_squares_cover_whole_images_a_number_at_a_time():
    view = squares(32, batch_size=3)
    assert covered(4, view, (24, 33)) == (24, 33) and images_at_a_time(view, (2000, 3000)) == 3
    seer = Seer(network(), view)
    assert seer.covered((7, 90)) == (7, 90) and seer(pictures(2, (7, 90)))["scores"].shape == (2, 8, 8, 3)
