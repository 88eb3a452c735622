import cv2
import numpy as np
import pytest

from tests.support.oracles.upsample import strongest, upsample


def _slow(maps, size, covers):
    """Bilinear reading, pixel by pixel, straight from the definition."""
    out = np.zeros((len(maps), *size), np.float64)
    for row in range(size[0]):
        for column in range(size[1]):
            y = row * (maps.shape[1] - 1) / max(covers[0] - 1, 1)
            x = column * (maps.shape[2] - 1) / max(covers[1] - 1, 1)
            top, left = int(y), int(x)
            bottom, right = min(top + 1, maps.shape[1] - 1), min(left + 1, maps.shape[2] - 1)
            upper = maps[:, top, left] * (1 - (x - left)) + maps[:, top, right] * (x - left)
            lower = maps[:, bottom, left] * (1 - (x - left)) + maps[:, bottom, right] * (x - left)
            out[:, row, column] = upper * (1 - (y - top)) + lower * (y - top)
    return out


@pytest.mark.parametrize(("size", "covers"), [((9, 7), (9, 7)), ((5, 11), (17, 17)), ((1, 1), (1, 1)),
                                              ((1, 6), (9, 9))])
def test_equals_reading_pixel_by_pixel(size, covers):
    maps = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    np.testing.assert_allclose(upsample(maps, size, covers), _slow(maps, size, covers), atol=1e-5)


def test_grid_positions_keep_their_values():
    maps = np.random.default_rng(1).normal(size=(1, 5, 6)).astype(np.float32)
    np.testing.assert_allclose(upsample(maps, (33, 41), (33, 41))[:, ::8, ::8], maps, atol=1e-6)


def test_a_crop_of_the_canvas_is_the_canvas_cropped():
    maps = np.random.default_rng(2).normal(size=(1, 5, 5)).astype(np.float32)
    np.testing.assert_array_equal(upsample(maps, (10, 13), (33, 33)), upsample(maps, (33, 33))[:, :10, :13])


def test_differs_from_the_half_pixel_rule_of_opencv():
    maps = np.arange(4, dtype=np.float32).reshape(1, 1, 4)
    assert np.abs(upsample(maps, (1, 13))[0, 0] - cv2.resize(maps[0], (13, 1))[0]).max() > 0.1


@pytest.mark.parametrize(("size", "covers"), [((600, 7), (609, 9)), ((5, 11), None), ((1, 1), (9, 9)),
                                              ((256, 3), None)])
def test_the_strongest_map_is_that_of_the_whole(size, covers):
    """Bands of rows fit together."""
    maps = np.random.default_rng(3).normal(size=(4, 6, 5)).astype(np.float16)
    ids, values = strongest(maps, size, covers)
    np.testing.assert_array_equal(ids, upsample(maps, size, covers).argmax(axis=0))
    np.testing.assert_allclose(values, upsample(maps, size, covers).max(axis=0), atol=1e-6)     # sums in another order
    assert ids.dtype == np.uint8


def test_of_equal_maps_the_first_is_the_strongest():
    ids, values = strongest(np.full((3, 2, 2), 0.5), (5, 4))
    assert not ids.any() and (values == 0.5).all()
