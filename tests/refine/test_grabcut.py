from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tfwsss.refine.grabcut import grabcut, grabcut_box


def scene() -> tuple[np.ndarray, np.ndarray]:
    """A warm disc on cold ground, both with noise, and where it is."""
    random = np.random.default_rng(0)
    y, x = np.indices((40, 60))
    disc = (y - 20)**2 + (x - 30)**2 < 100
    image = np.where(disc[..., None], (200, 120, 40), (40, 90, 160)) + random.integers(-20, 20, (40, 60, 3))
    return image.astype(np.uint8), disc


def test_borders_are_those_of_the_picture():
    """The guess is shifted by four pixels."""
    image, disc = scene()
    found = grabcut(image, np.roll(disc, 4, axis=1) * 0.8 + 0.05)
    assert found.dtype == bool and (found == disc).all()


def test_what_is_never_object_stays_background():
    """Four pixels in the middle of the disc, whatever their colours."""
    image, disc = scene()
    likely = disc * 0.8 + 0.05
    likely[19:21, 29:31] = 0.01
    found = grabcut(image, likely)
    disc[19:21, 29:31] = False
    assert (found == disc).mean() > 0.99 and not found[19:21, 29:31].any() and found[15, 30]


def test_the_same_every_time():
    image, disc = scene()
    first, _, again = grabcut(image, disc * 0.5), grabcut(image[:20], disc[:20] * 0.5), grabcut(image, disc * 0.5)
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_without_two_sides_there_is_nothing_to_part(value):
    found = grabcut(scene()[0], np.full((40, 60), value))
    assert (found == (value > 0.5)).all()


@pytest.mark.parametrize("shape", [(1, 2), (1, 9), (9, 1), (2, 2)])
def test_images_of_a_few_pixels(shape):
    image = np.zeros((*shape, 3), np.uint8)
    image.reshape(-1, 3)[0] = 255
    likely = np.full(shape, 0.05)
    likely.ravel()[0] = 1
    found = grabcut(image, likely)
    assert found.shape == shape and found.ravel()[0] and found.sum() == 1


def cut(image, rows, columns, **settings):
    return grabcut_box(image, slice(*rows), slice(*columns), **settings)


def test_the_object_of_a_box_is_parted_from_what_lies_outside():
    image, disc = scene()
    found = cut(image, (8, 33), (18, 44))
    assert found.dtype == bool and (found == disc).all()


def test_boxes_do_not_depend_on_each_other():
    image, _ = scene()
    first, _, again = cut(image, (8, 33), (18, 44)), cut(image, (2, 20), (25, 50)), cut(image, (8, 33), (18, 44))
    np.testing.assert_array_equal(first, again)


def test_boxes_in_threads_are_those_of_one_thread():
    """Stages work on several images at once."""
    image, _ = scene()
    noise = np.random.default_rng(1).integers(0, 256, (8, *image.shape))          # so strong that both sides look alike
    noisy = (0.43 * noise + 0.57 * image).astype(np.uint8)
    one = [cut(each, (8, 33), (18, 44)) for each in noisy]
    with ThreadPoolExecutor(4) as threads:
        for expected, found in zip(one, threads.map(lambda each: cut(each, (8, 33), (18, 44)), noisy), strict=True):
            np.testing.assert_array_equal(found, expected)
    assert len({found.sum() for found in one}) > 1


def test_objects_that_fill_too_little_of_their_box_give_the_box():
    """The disc has 305 pixels of 30 x 54."""
    image, disc = scene()
    box = np.zeros_like(disc)
    box[5:35, 3:57] = True
    assert disc.sum() == 305
    np.testing.assert_array_equal(cut(image, (5, 35), (3, 57), least=305 / 1620), disc)
    np.testing.assert_array_equal(cut(image, (5, 35), (3, 57), least=305.5 / 1620), box)


def test_colours_that_cannot_be_parted_give_the_box():
    found = cut(np.full((20, 30, 3), 90, np.uint8), (5, 15), (8, 20))
    assert found.sum() == 120 and found[5:15, 8:20].all()


@pytest.mark.parametrize(("rows", "columns", "area"), [
    ((0, 40), (0, 60), 2400), ((3, 3), (5, 9), 0), ((0, 40), (7, 7), 0)])
def test_boxes_of_everything_or_nothing_are_taken_as_they_are(rows, columns, area):
    assert cut(scene()[0], rows, columns).sum() == area


@pytest.mark.parametrize(("shape", "rows", "columns"), [((1, 2), (0, 1), (0, 1)), ((2, 2), (0, 2), (1, 2)),
                                                        ((3, 4), (0, 3), (0, 3)), ((1, 9), (0, 1), (4, 5))])
def test_boxes_of_a_few_pixels(shape, rows, columns):
    image = np.random.default_rng(0).integers(0, 255, (*shape, 3), dtype=np.uint8)
    found = cut(image, rows, columns)
    outside = np.ones(shape, bool)
    outside[slice(*rows), slice(*columns)] = False
    assert found.any() and not (found & outside).any()
