"""Images stretched to squares beside a slow form: one image and one view after another."""

import numpy as np
import pytest
import tensorflow as tf

from tests.data.test_pillow_resize import pillow
from tests.support.whole_images import KERNELS, both, interpolated, near, network, pictures, said
from tfwsss.inference.see import Seer, covered, images_at_a_time
from tfwsss.inference.squares import see_in_squares
from tfwsss.inference.views import Squares


def by_hand(image: np.ndarray, view: Squares, weights: np.ndarray) -> np.ndarray:
    """Squares are Pillow's; maps of further scales are brought to the grid of the first."""
    passes = []
    for scale in view.scales:
        side = max(1, round(view.edge * scale))
        square = pillow(image, (side, side))
        maps = np.mean(both(square, view.mirror, lambda x: said(x, weights)), axis=0)
        passes.append(interpolated(maps, *passes[0].shape[:2], corners=False) if passes else maps)
    return np.mean(passes, axis=0)


def seen(images: np.ndarray, view: Squares) -> dict:
    model = network()
    return see_in_squares(lambda x: model(x, training=False), view, tf.constant(images))


@pytest.mark.parametrize("size", [(24, 33), (1, 1), (1, 30), (200, 20)])
@pytest.mark.parametrize("view", [Squares(32), Squares(32, (1.0, 0.5, 1.5), True), Squares(17, (1.5, 1.0)),
                                  Squares(9, (0.01, 1.0))],
                         ids=["plain", "scales and mirror", "the first is another", "next to nothing"])
def test_maps_are_the_mean_over_scales_and_mirror_images(size, view):
    images = pictures(2, size)
    found = seen(images, view)
    assert list(found) == list(KERNELS)
    for key, maps in found.items():
        near(maps, np.stack([by_hand(image, view, KERNELS[key]) for image in images]))


def test_features_are_not_rounded():
    images = pictures(1, (24, 33))
    found = seen(images, Squares(32, features=True))["cam"].numpy()
    np.testing.assert_allclose(found[0], by_hand(images[0], Squares(32), KERNELS["cam"]), rtol=1e-4, atol=1e-5)
    assert (found != found.astype(np.float16)).any()


def test_squares_cover_whole_images_a_number_at_a_time():
    view = Squares(32, batch_size=3)
    assert covered(4, view, (24, 33)) == (24, 33) and images_at_a_time(view, (2000, 3000)) == 3
    seer = Seer(network(), view)
    assert seer.covered((7, 90)) == (7, 90) and seer(pictures(2, (7, 90)))["scores"].shape == (2, 8, 8, 3)
