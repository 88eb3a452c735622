"""Images at their own sizes beside a slow form: one image and one view after another."""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.whole_images import KERNELS, both, interpolated, near, network, pictures, said
from tfwsss.data.pillow_resize import resize_as_pillow
from tfwsss.inference.own_size import see_at_own_size
from tfwsss.inference.views import OwnSize


def by_hand(image: np.ndarray, view: OwnSize, weights: np.ndarray) -> np.ndarray:
    size, passes = image.shape[:2], []
    for scale in view.scales:
        rows, columns = (max(1, round(side * scale)) for side in size)
        seen = resize_as_pillow(tf.constant(image), (rows, columns), "cubic").numpy()     # Pillow's rule
        ways = both(seen, view.mirror, lambda x: said(x, weights))
        if view.corners:
            ways = [interpolated(maps, rows, columns, corners=True) for maps in ways]
        passes.append(np.mean([interpolated(maps, *size, corners=False) for maps in ways], axis=0))
    return np.mean(passes, axis=0)


def seen(images: np.ndarray, view: OwnSize) -> dict:
    model = network()
    return see_at_own_size(lambda x: model(x, training=False), view, tf.constant(images))


@pytest.mark.parametrize("size", [(24, 33), (1, 1), (1, 30), (200, 2)])
@pytest.mark.parametrize("view", [OwnSize(), OwnSize((1.0, 0.5, 1.5), True), OwnSize((0.7,), True), OwnSize((0.01,)),
                                  OwnSize((1.0, 0.5, 1.5), True, corners=True)],
                         ids=["plain", "scales and mirror", "one other scale", "next to nothing", "corners"])
def test_maps_are_the_mean_over_scales_and_mirror_images(size, view):
    """Of several images at once, what each gives alone; sides are rounded half to even, and never to nothing."""
    images = pictures(2, size)
    found = seen(images, view)
    assert list(found) == list(KERNELS)
    for key, maps in found.items():
        assert maps.shape == (2, *size, 3)
        near(maps, np.stack([by_hand(image, view, KERNELS[key]) for image in images]))


def test_a_mirrored_image_has_mirrored_maps():
    images, view = pictures(1, (33, 24)), OwnSize((1.0, 1.5), True)
    expected = seen(images, view)["cam"].numpy()[:, :, ::-1]
    np.testing.assert_allclose(seen(images[:, :, ::-1], view)["cam"], expected, atol=1e-3 * np.abs(expected).max())


def test_images_and_their_mirror_images_are_one_batch():
    shapes = []

    def noting(x):
        shapes.append(tuple(x.shape))
        return {"seen": x}

    see_at_own_size(noting, OwnSize((1.0, 0.5), True), tf.constant(pictures(3, (20, 33))))
    assert shapes == [(6, 20, 33, 3), (6, 10, 16, 3)]
