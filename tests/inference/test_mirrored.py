"""Images and their mirror images in one batch."""

import numpy as np
import pytest

from tfwsss.inference.mirrored import as_kept, both_ways, by_way, mean_of_ways

RANDOM = np.random.default_rng(0)


def test_images_come_first_then_their_mirror_images():
    images = RANDOM.normal(size=(2, 3, 4, 1)).astype(np.float32)
    found = np.asarray(both_ways(images, True))
    np.testing.assert_array_equal(found[:2], images)
    np.testing.assert_array_equal(found[2:], images[:, :, ::-1])
    assert both_ways(images, False) is images


def test_maps_of_mirror_images_are_turned_back():
    images = RANDOM.normal(size=(2, 3, 4, 1)).astype(np.float32)
    for way in by_way(both_ways(images, True), True):
        np.testing.assert_array_equal(way, images)
    (alone,) = by_way(images, False)
    assert alone is images


@pytest.mark.parametrize("count", [1, 3])
def test_the_mean_of_both_ways_against_a_loop(count):
    maps = {key: RANDOM.normal(size=(2 * count, 3, 4, 2)).astype(np.float32) for key in ("a", "b")}
    found = mean_of_ways(maps, True)
    for key, each in maps.items():
        for place in range(count):
            expected = (each[place].astype(np.float64) + each[count + place, :, ::-1]) / 2
            np.testing.assert_allclose(found[key][place], expected, atol=1e-6)
    np.testing.assert_array_equal(mean_of_ways(maps, False)["a"], maps["a"])


def test_kept_maps_are_those_that_half_precision_holds():
    """Beyond its range they are its ends, as `artefacts.scores` writes them."""
    values = np.float32([0.0, 1 / 3, -7.123, 65504.0, 1e6, -1e6, 1e-9])
    found = np.asarray(as_kept(values))
    np.testing.assert_array_equal(found, np.clip(values, -65504, 65504).astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(as_kept(found), found)
    assert found.dtype == np.float32
