"""Class maps: their scale, the strongest of them, the background, cells."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from tests.support.oracles.affinity_labels import cell_means as cells_of_arrays
from tests.support.oracles.background import normalise
from tests.support.oracles.background import with_background as background_of_arrays
from tests.support.oracles.seeds import strongest_class as strongest_of_arrays
from tfwsss.ops.cam import (
    cell_means,
    keep_strongest,
    largest_of,
    normalise_by_class,
    stretch_by_class,
    strongest_class,
    with_background,
)
from tfwsss.refine.background import background_power

POWERS = (4.0, 16.0, 24.0, 32.0)
PRINTED = {0.0: (1, 1, 1, 1), 0.02: (.922368, .723798, .615781, .523883), 0.05: (.814506, .440127, .291989, .193711),
           0.1: (.656100, .185302, .079766, .034337), 0.2: (.409600, .028148, .004722, .000792),
           0.3: (.240100, .003323, .000192, .000011), 0.5: (.0625, .000015, 0, 0), 1.0: (0, 0, 0, 0)}
"""The background by the strongest class map, by power: what the released program printed."""


def random_maps(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def planes(maps) -> np.ndarray:
    return np.moveaxis(np.asarray(maps), -1, 0)


@pytest.mark.parametrize("added", [False, True])
def test_normalise_against_a_loop(added):
    maps = random_maps(2, 3, 4, 5)
    maps[0, ..., 1] = -1
    maps[1, ..., 2] *= 1e-7
    found = ops.convert_to_numpy(normalise_by_class(maps, added=added))
    for i, c in np.ndindex(2, 5):
        one = np.maximum(maps[i, ..., c], 0).astype(np.float64)
        divisor = one.max() + 1e-5 if added else max(one.max(), 1e-5)
        np.testing.assert_allclose(found[i, ..., c], one / divisor, rtol=1e-6)
    assert found[0, ..., 1].max() == 0 and found[1, ..., 2].max() < 0.1 and (found.max() == 1) != added


def test_normalise_ignores_scale_and_repeats():
    maps = random_maps(1, 4, 4, 3)
    once = ops.convert_to_numpy(normalise_by_class(maps))
    np.testing.assert_allclose(normalise_by_class(maps * [3, 10, 0.5]), once, rtol=1e-5)
    np.testing.assert_allclose(normalise_by_class(once), once, rtol=1e-6)


def test_the_numbers_that_the_released_program_printed():
    """With its constant added to the maximum."""
    maps = np.array([[[0, 1.2], [3.4, 0.6]], [[0.02, 0], [0.01, 0.04]]], np.float32)
    printed = [[[0, .352940], [.999997, .176470]], [[.499875, 0], [.249938, .999750]]]
    np.testing.assert_allclose(planes(normalise_by_class(np.moveaxis(maps, 0, -1), added=True)), printed, atol=6e-7)
    np.testing.assert_allclose(normalise(maps), printed, atol=6e-7)


@pytest.mark.parametrize(("plane", "expected"), [
    ([-3.0, -1.0], [0.0, 0.0]), ([0.0, 0.0], [0.0, 0.0]), ([-5.0, 2.0], [0.0, 2 / 2.00001])])
def test_what_is_negative_is_no_object(plane, expected):
    found = normalise_by_class(np.float32(plane)[None, :, None], added=True)
    np.testing.assert_allclose(found[0, :, 0], expected, rtol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_strongest_class_equals_the_rule_on_arrays(count):
    maps = random_maps(9, 7, count, seed=count)
    place, strength = strongest_class(maps)
    ids, expected = strongest_of_arrays(planes(maps), range(count))
    np.testing.assert_array_equal(strength, expected)
    np.testing.assert_array_equal(place, np.where(expected > 0, ids, 0))
    assert (np.asarray(place) == 0).any() or count == 4


def test_the_strongest_of_equals_is_the_first_and_nothing_positive_is_background():
    maps = np.float32([[[2.0, 4.0], [-1.0, 0.0], [0.5, 4.0], [0.0, 1.0]]])
    place, strength = strongest_class(maps)
    assert np.asarray(place).tolist() == [[1, 0, 2, 2]] and np.asarray(strength).tolist() == [[1.0, 0.0, 1.0, 0.25]]


def test_the_number_of_classes_may_be_unknown_and_none():
    unknown = tf.TensorSpec((None, None, None))
    traced = tf.function(lambda x: (*strongest_class(x), with_background(normalise_by_class(x), 2.0), largest_of(x)),
                         input_signature=[unknown], autograph=False)
    place, strength, background, largest = traced(np.zeros((2, 3, 0), np.float32))
    assert not np.any(place) and not np.any(strength) and not np.any(largest)
    np.testing.assert_array_equal(background, np.ones((2, 3, 1)))
    maps = random_maps(2, 3, 5)
    np.testing.assert_array_equal(traced(maps)[0], strongest_class(maps)[0])
    assert traced.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("strongest", PRINTED)
def test_the_background_by_the_strongest_map(strongest):
    maps = np.full((1, 1, 3), strongest / 2, np.float32)           # as printed: powers of single precision
    maps[..., 1] = strongest
    for power, expected in zip(POWERS, PRINTED[strongest], strict=True):
        for found in (np.asarray(with_background(maps, power)),
                      np.moveaxis(background_of_arrays(planes(maps), power), 0, -1)):
            assert found.shape == (1, 1, 4) and float(found[0, 0, 0]) == pytest.approx(expected, abs=6e-7)
            np.testing.assert_array_equal(found[..., 1:], maps)


def test_the_background_against_the_equation():
    maps = np.random.default_rng(2).random((1, 3, 3, 4)).astype("float32")
    np.testing.assert_allclose(with_background(maps, 4.0)[..., 0], (1 - maps.max(-1)) ** 4, rtol=1e-5)


def test_the_background_of_maps_that_rounding_lifts_above_one():
    found = np.asarray(with_background(np.float32([[[1.0005, 0.25]]]), 8.24))
    assert found[0, 0, 0] == 0.0 and float(found[0, 0, 1]) == pytest.approx(1.0005)


@pytest.mark.parametrize("threshold", [0.275508, 0.122833, 0.093873, 0.076998])
def test_the_background_wins_below_the_threshold_of_its_power(threshold):
    for strength, place in ((threshold - 1e-4, 0), (threshold + 1e-4, 1)):
        found = with_background(np.full((1, 1, 1), strength, np.float32), background_power(threshold))
        assert int(np.argmax(found)) == place


@pytest.mark.parametrize(("size", "side"), [((10, 13), 4), ((8, 16), 8), ((1, 1), 8), ((5, 3), 1), ((2, 30), 16)])
def test_cells_are_means_and_the_rest_is_filled_with_nothing(size, side):
    maps = np.random.default_rng(0).random((*size, 3)).astype(np.float32)
    found = np.asarray(cell_means(maps, side))
    down, across = (-(-length // side) for length in size)
    assert found.shape == (down, across, 3)
    for y, x in np.ndindex(down, across):
        cell = maps[side * y:side * (y + 1), side * x:side * (x + 1)].astype(np.float64)
        np.testing.assert_allclose(found[y, x], cell.sum((0, 1)) / side**2, rtol=1e-5)
    np.testing.assert_allclose(planes(found), cells_of_arrays(planes(maps), side), rtol=1e-5)


def test_only_the_strongest_class_of_a_position_is_left():
    maps = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
    maps[0, 0, 0] = 0.5, 0.25, 0.25, -1, 0.1
    found = np.asarray(keep_strongest(maps))
    for place in np.ndindex(2, 3, 4):
        first, *rest = maps[place].tolist()
        np.testing.assert_array_equal(found[place], [first, *(x if x == max(rest) else 0 for x in rest)])


@pytest.mark.parametrize("drop", [True, False])
@pytest.mark.parametrize("factor", [1.0, 1e-5])
def test_stretching_beside_the_program_written_out(drop, factor):
    """In doubles, on one map after another; faint maps show the constant."""
    maps = (np.random.default_rng(3).normal(size=(6, 7, 3)) * factor).astype(np.float32)
    maps[..., 0] += 5 * factor                                         # nowhere below 0
    positive = np.maximum(maps, 0).astype(np.float64)
    low, high = (reduce(positive, (0, 1)) for reduce in (np.min, np.max))
    found = np.asarray(stretch_by_class(maps, low.astype(np.float32), high.astype(np.float32), 1e-5, drop))
    for label in range(3):
        plane = positive[..., label].copy()
        if drop:
            plane[plane < low[label] + 1e-5] = 0
        expected = (plane - low[label] - 1e-5) / (high[label] - low[label] + 1e-5)
        np.testing.assert_allclose(found[..., label], expected, atol=1e-5)
    lowest = found[..., 0].min()
    assert (lowest < -0.05) == drop or factor < 1
