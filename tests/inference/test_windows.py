"""Probabilities of whole images beside a slow form: one image, view and window after another.

The scales' rule is CIAN's: the canvas, its colour included, is resized corners on corners to `pieces stride + 1`
pixels, and the logits corners on corners to the grid of scale 1.
"""

import math

import numpy as np
import pytest
import tensorflow as tf

from tests.support.whole_images import COLOUR, STRIDE, both, interpolated, kernel, network, pictures, said
from tfwsss.inference.views import Windows
from tfwsss.inference.windows import covered, see_in_windows, window_starts

WEIGHTS = kernel(4, 5) * 3
MODEL = network({"logits": WEIGHTS})


def softmax(x: np.ndarray) -> np.ndarray:
    raised = np.exp(x - x.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def starts(length: int, window: int) -> list[int]:
    """Places windows one after another until one reaches the end."""
    found, hop = [0], max(1, window - math.ceil(window / 3))
    while found[-1] + window < length:
        found.append(min(found[-1] + hop, length - window))
    return found


def in_windows(canvas: np.ndarray, window: int, treat) -> np.ndarray:
    """The mean of all windows that see a position."""
    rows, columns = ((length - 1) // STRIDE for length in canvas.shape[:2])
    largest = (window - 1) // STRIDE
    total, count = np.zeros((rows + 1, columns + 1, 4)), np.zeros((rows + 1, columns + 1, 1))
    for y in starts(rows, largest):
        for x in starts(columns, largest):
            height, width = min(rows, largest), min(columns, largest)
            piece = canvas[y * STRIDE:(y + height) * STRIDE + 1, x * STRIDE:(x + width) * STRIDE + 1]
            total[y:y + height + 1, x:x + width + 1] += treat(said(piece, WEIGHTS))
            count[y:y + height + 1, x:x + width + 1] += 1
    return total / count


def by_hand(image: np.ndarray, view: Windows) -> np.ndarray:
    steps = [max(math.ceil((length - 1) / STRIDE), 1) for length in image.shape[:2]]
    canvas = np.empty((steps[0] * STRIDE + 1, steps[1] * STRIDE + 1, 3))
    canvas[:] = view.colour
    canvas[:image.shape[0], :image.shape[1]] = image
    treat = softmax if view.average == "probabilities" else lambda logits: logits
    ways = [[], []]
    for scale in view.scales:
        pieces = [max(round(each * scale), 1) for each in steps]
        seen = interpolated(canvas, pieces[0] * STRIDE + 1, pieces[1] * STRIDE + 1, corners=True)
        for way, maps in zip(ways, both(seen, view.mirror, lambda x: in_windows(x, view.side, treat)), strict=False):
            way.append(interpolated(maps, steps[0] + 1, steps[1] + 1, corners=True))
    if view.average == "logits_and_maximum":
        ways = [[*way, np.max(way, axis=0)] if way else way for way in ways]
    mean = np.mean([np.mean(way, axis=0) for way in ways if way], axis=0)
    return mean if view.average == "probabilities" else softmax(mean)


def seen(images, view: Windows, model=MODEL) -> np.ndarray:
    found = see_in_windows(lambda x: model(x, training=False), 4, STRIDE, view, tf.constant(images))
    return found["probabilities"].numpy()


@pytest.mark.parametrize("average", ["probabilities", "logits", "logits_and_maximum"])
@pytest.mark.parametrize(("scales", "mirror", "window"), [((1.0,), False, 513), ((1.0, 0.75, 1.25), True, 513),
                                                         ((1.0, 1.5), True, 41), ((0.5,), False, 33)])
@pytest.mark.parametrize("size", [(22, 35), (1, 1), (90, 64)])
def test_scales_mirror_images_and_windows_are_averaged(average, scales, mirror, window, size):
    """Of several images at once, what each gives alone."""
    images, view = pictures(2, size), Windows(window, scales, mirror, COLOUR, average)
    found = seen(images, view)
    np.testing.assert_allclose(found, np.stack([by_hand(image, view) for image in images]), atol=2e-5)
    np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 300), (300, 2), (3, 2)])
def test_very_long_and_very_small_images(size):
    images, view = pictures(1, size), Windows(41, (0.25, 1.0, 2.0), True, COLOUR)
    np.testing.assert_allclose(seen(images, view)[0], by_hand(images[0], view), atol=2e-5)


def logits_of(seen_values, view: Windows, image: np.ndarray) -> np.ndarray:
    """Returns the mean logit of a network whose logits are those values of the red channel, and 0."""
    found = see_in_windows(lambda x: {"logits": tf.pad(seen_values(x), [[0, 0]] * 3 + [[0, 1]])}, 2, STRIDE, view,
                           tf.constant(image[None]))["probabilities"].numpy()[0].astype(np.float64)
    return np.log(found[..., 0] / found[..., 1])


def red(x):
    return x[:, ::STRIDE, ::STRIDE, :1]


def test_the_colour_beyond_the_image_is_resized_with_it():
    """6 columns of 8 and 3 of 0, resized to 13: 0, 2 2/3, 5 1/3 and 8 are seen; on the grid of 3 half of 8 + 16/3."""
    image = np.full((1, 6, 3), 8, np.uint8)
    found = logits_of(red, Windows(99, (1.5,), colour=(0.0, 0.0, 0.0), average="logits"), image)
    np.testing.assert_allclose(found[0], [8.0, (8.0 + 16 / 3) / 2, 0.0], atol=1e-4)


def test_the_largest_logits_over_the_scales_count_as_one_scale_more():
    """By hand: at scale 1 the middle is 8, at 1.5 it is 20/3; mean of these and of their maximum."""
    image = np.full((1, 6, 3), 8, np.uint8)
    view = Windows(99, (1.0, 1.5), colour=(0.0, 0.0, 0.0), average="logits_and_maximum")
    np.testing.assert_allclose(logits_of(red, view, image)[0], [8.0, (8.0 + 20 / 3 + 8.0) / 3, 0.0], atol=1e-4)


@pytest.mark.parametrize(("scale", "side", "grid"), [(1.0, 513, 65), (0.75, 385, 49), (1.25, 641, 81)])
def test_sides_and_grids_of_the_published_scales(scale, side, grid):
    """513 pixels are seen as 385 and 641, at eight pixels a position as 49 and 81."""
    shapes = []

    def noting(x):
        shapes.append((x.shape[1:3], x[:, ::8, ::8].shape[1:3]))
        return {"logits": x[:, ::8, ::8, :2]}

    see_in_windows(noting, 2, 8, Windows(641, (scale,)), tf.zeros((1, 513, 513, 3), tf.uint8))
    assert shapes == [((side, side), (grid, grid))]


def test_what_sees_single_pixels_sees_the_same_through_windows():
    images = pictures(1, (130, 61))
    model = network({"logits": kernel(4, 5, size=1)})
    whole, pieces = (seen(images, Windows(window, colour=COLOUR), model) for window in (513, 33))
    np.testing.assert_allclose(whole, pieces, atol=1e-6)


def test_no_piece_is_larger_than_the_window_and_mirror_images_come_along():
    shapes = []

    def noting(x):
        shapes.append(tuple(x.shape[:3]))
        return {"logits": x[:, ::STRIDE, ::STRIDE, :2]}

    see_in_windows(noting, 2, STRIDE, Windows(65, (1.0, 2.0), True), tf.zeros((3, 100, 300, 3), tf.uint8))
    assert {shape[0] for shape in shapes} == {6} and max(max(shape[1:]) for shape in shapes) == 65


@pytest.mark.parametrize(("length", "window"), [(100, 60), (60, 60), (10, 60), (61, 60), (1000, 7), (9, 1), (5, 2)])
def test_windows_cover_a_side_and_overlap_by_a_third(length, window):
    found = window_starts(tf.constant(length), window).numpy().tolist()
    assert found[0] == 0 and found[-1] + min(window, length) == length and found == sorted(set(found))
    assert found == (starts(length, window) if length > window else [0])
    for earlier, later in zip(found, found[1:], strict=False):
        assert later - earlier <= max(1, window - math.ceil(window / 3))


@pytest.mark.parametrize(("size", "expected"), [((22, 35), (25, 37)), ((25, 37), (25, 37)), ((1, 1), (5, 5))])
def test_what_the_grid_covers_of_an_image(size, expected):
    assert tuple(map(int, covered(size, STRIDE))) == expected
