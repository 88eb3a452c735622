"""Images on canvases beside a slow form: one image and one view after another."""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.whole_images import COLOUR, KERNELS, STRIDE, both, interpolated, near, network, pictures, said
from tfwsss.data.images import scale_image
from tfwsss.inference.canvas import canvas_side, covered, grid_steps, on_canvas, see_on_canvases
from tfwsss.inference.views import Canvas

IMAGE = pictures(1, (20, 33))[0]
GREY = np.array([1.0, 2.0, 3.0], np.float32)


def test_an_image_that_fits_stays_as_it_is():
    found = on_canvas(tf.constant(IMAGE), 41, 41, GREY).numpy()
    np.testing.assert_array_equal(found[:20, :33], IMAGE)
    assert (found[20:] == GREY).all() and (found[:, 33:] == GREY).all()


@pytest.mark.parametrize(("side", "base", "size"), [(33, 33, (20, 33)), (17, 17, (10, 17)), (17, 33, (10, 17)),
                                                    (65, 33, (40, 65)), (9, 17, (5, 9))])
def test_the_longer_side_is_reduced_to_the_base_and_all_is_scaled(side, base, size):
    found = on_canvas(tf.constant(IMAGE), side, base, GREY).numpy()
    assert found.shape == (side, side, 3) and found.dtype == np.float32
    np.testing.assert_array_equal(found[:size[0], :size[1]], scale_image(tf.constant(IMAGE), size).numpy())
    assert (found[size[0]:] == GREY).all() and (found[:, size[1]:] == GREY).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1)])
def test_narrow_images_keep_a_pixel(shape):
    found = on_canvas(tf.fill([*shape, 3], tf.constant(200, tf.uint8)), 17, 33, GREY).numpy()
    assert (found == 200).all(-1).any() and found.shape == (17, 17, 3)


def test_a_batch_of_images_is_one_after_another():
    images = pictures(3, (20, 33))
    found = on_canvas(tf.constant(images), 17, 25, GREY).numpy()
    for image, canvas in zip(images, found, strict=True):
        np.testing.assert_array_equal(canvas, on_canvas(tf.constant(image), 17, 25, GREY))


@pytest.mark.parametrize(("asked", "steps", "side"), [(33, 8, 33), (34, 9, 37), (513, 128, 513), (4, 1, 5), (1, 0, 1)])
def test_a_canvas_holds_whole_steps(asked, steps, side):
    assert (grid_steps(STRIDE, Canvas(asked)), canvas_side(STRIDE, Canvas(asked))) == (steps, side)


@pytest.mark.parametrize(("size", "expected"), [((20, 33), 61), ((61, 61), 61), ((90, 64), 90), ((1, 150), 150)])
def test_what_a_canvas_covers_of_an_image(size, expected):
    """Its own side, or the longer side of an image that is reduced to fit."""
    assert tuple(map(int, covered(size, 61))) == (expected, expected)


def by_hand(image: np.ndarray, view: Canvas, weights: np.ndarray) -> np.ndarray:
    steps = -(-(view.side - 1) // STRIDE)
    base, passes = steps * STRIDE + 1, []
    for scale in view.scales:
        side = max(1, round(steps * scale)) * STRIDE + 1
        factor = (side - 1) / (base - 1) * min(1.0, base / max(image.shape))
        rows, columns = (min(max(int(length * factor + 0.5), 1), side) for length in image.shape[:2])
        canvas = np.empty((side, side, 3))
        canvas[:] = view.colour
        canvas[:rows, :columns] = scale_image(tf.constant(image), (rows, columns)).numpy()
        ways = [interpolated(maps, steps + 1, steps + 1, corners=True)
                for maps in both(canvas, view.mirror, lambda x: said(x, weights))]
        passes.append(np.mean(ways, axis=0))
    return np.mean(passes, axis=0)


@pytest.mark.parametrize("size", [(40, 57), (61, 61), (1, 30), (90, 64), (1, 1), (31, 400)])
@pytest.mark.parametrize("view", [Canvas(60, colour=COLOUR), Canvas(60, (1.0, 0.5, 1.5), True, COLOUR),
                                  Canvas(61, (0.75,), True), Canvas(17, (0.5, 1.0))],
                         ids=["plain", "scales and mirror", "one other scale", "small"])
def test_maps_are_the_mean_over_scales_and_mirror_images(size, view):
    """Of several images at once, what each gives alone; larger ones than the canvas are reduced to fit."""
    images, model = pictures(2, size), network()
    base = canvas_side(STRIDE, view)
    found = see_on_canvases(lambda x: model(x, training=False), STRIDE, view,
                            lambda side: on_canvas(tf.constant(images), side, base, view.colour))
    assert list(found) == list(KERNELS)
    for key, maps in found.items():
        near(maps, np.stack([by_hand(image, view, KERNELS[key]) for image in images]))


def test_the_rest_of_a_canvas_has_the_colour_of_the_view():
    """Seen at every position beyond the image, by a network that hands on single pixels, however often."""
    view = Canvas(33, (1.0, 2.0), True, (1.0, 2.0, 3.0))
    found = see_on_canvases(lambda x: {"seen": x[:, ::STRIDE, ::STRIDE]}, STRIDE, view,
                            lambda side: on_canvas(tf.constant(IMAGE[None, :, :24]), side, 33, view.colour))["seen"]
    assert np.all(found.numpy()[0, 6:] == GREY) and np.all(found.numpy()[0, :, 7:] == GREY)
    assert not np.any(found.numpy()[0, :5, :6] == GREY)


def test_a_canvas_and_its_mirror_images_are_one_batch():
    """The network is called once for each scale."""
    seen, images = [], tf.constant(pictures(3, (20, 33)))

    def noting(x):
        seen.append(x.numpy())
        return {"seen": x[:, ::STRIDE, ::STRIDE]}

    see_on_canvases(noting, STRIDE, Canvas(33, (1.0, 0.5), True), lambda side: on_canvas(images, side, 33, GREY))
    assert [x.shape for x in seen] == [(6, 33, 33, 3), (6, 17, 17, 3)]
    for x in seen:
        np.testing.assert_array_equal(x[3:], x[:3, :, ::-1])
