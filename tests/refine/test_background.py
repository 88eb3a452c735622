"""The background's score, against the numbers that the released program printed."""

import numpy as np
import pytest

from tests.support.oracles.background import normalise, with_background
from tfwsss.errors import UserError
from tfwsss.refine.background import background_power

POWERS = (4.0, 16.0, 24.0, 32.0)
PRINTED = {0.0: (1, 1, 1, 1), 0.02: (.922368, .723798, .615781, .523883), 0.05: (.814506, .440127, .291989, .193711),
           0.1: (.656100, .185302, .079766, .034337), 0.2: (.409600, .028148, .004722, .000792),
           0.3: (.240100, .003323, .000192, .000011), 0.5: (.0625, .000015, 0, 0), 1.0: (0, 0, 0, 0)}
EQUAL = {4.0: 0.275508, 16.0: 0.122833, 24.0: 0.093873, 32.0: 0.076998}
"""Where background and object are equal, by power."""


def test_class_maps_are_divided_by_their_maximum():
    maps = np.array([[[0, 1.2], [3.4, 0.6]], [[0.02, 0], [0.01, 0.04]]])
    found = normalise(maps)
    np.testing.assert_allclose(found, [[[0, .352940], [.999997, .176470]], [[.499875, 0], [.249938, .999750]]],
                               atol=6e-7)
    assert found.dtype == np.float32 and found.max() < 1


@pytest.mark.parametrize(("plane", "expected"), [
    ([[-3.0, -1.0]], [[0.0, 0.0]]), ([[0.0, 0.0]], [[0.0, 0.0]]), ([[-5.0, 2.0]], [[0.0, 2 / 2.00001]])])
def test_what_is_negative_is_no_object(plane, expected):
    np.testing.assert_allclose(normalise(np.array([plane])), [expected], rtol=1e-6)


def test_maps_in_half_precision_are_as_exact():
    maps = np.random.default_rng(0).uniform(-1, 9, (2, 5, 6)).astype(np.float16)
    np.testing.assert_array_equal(normalise(maps), normalise(maps.astype(np.float32)))


@pytest.mark.parametrize("strongest", PRINTED)
def test_background_by_the_strongest_map(strongest):
    maps = np.full((3, 1, 1), strongest / 2, np.float32)           # as printed: powers of single precision
    maps[1] = strongest
    for power, expected in zip(POWERS, PRINTED[strongest], strict=True):
        planes = with_background(maps, power)
        assert planes.shape == (4, 1, 1) and planes.dtype == np.float32
        assert float(planes[0, 0, 0]) == pytest.approx(expected, abs=6e-7)
        np.testing.assert_array_equal(planes[1:], maps)


def test_without_classes_all_is_background():
    assert normalise(np.zeros((0, 2, 3))).shape == (0, 2, 3)
    np.testing.assert_array_equal(with_background(np.zeros((0, 2, 3)), 16.0), np.ones((1, 2, 3)))


@pytest.mark.parametrize("power", EQUAL)
def test_the_power_of_a_threshold(power):
    assert background_power(EQUAL[power]) == pytest.approx(power, rel=2e-5)
    threshold = EQUAL[power]
    for strength, object_wins in ((threshold - 1e-4, False), (threshold + 1e-4, True)):
        planes = with_background(np.full((1, 1, 1), strength), background_power(threshold))
        assert bool(planes.argmax(axis=0)) == object_wins


@pytest.mark.parametrize("threshold", [1e-6, 0.25, 0.999])
def test_background_and_object_are_equal_at_the_threshold(threshold):
    assert (1 - threshold) ** background_power(threshold) == pytest.approx(threshold)


@pytest.mark.parametrize("threshold", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_a_threshold_that_parts_nothing_is_refused(threshold):
    with pytest.raises(UserError, match=r"a threshold of \S+ parts nothing; .* between 0 and 1: set cam_masks"):
        background_power(threshold)
