import numpy as np
import pytest

from tfwsss.refine.grabcut import grabcut


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
