"""The background's power of a threshold, against the numbers that belong to the released program's powers."""

import pytest

from tfwsss.errors import UserError
from tfwsss.refine.background import background_power

EQUAL = {4.0: 0.275508, 16.0: 0.122833, 24.0: 0.093873, 32.0: 0.076998}
"""Where background and object are equal, by power."""


@pytest.mark.parametrize("power", EQUAL)
def test_the_power_of_a_threshold(power):
    assert background_power(EQUAL[power]) == pytest.approx(power, rel=2e-5)


@pytest.mark.parametrize("threshold", [1e-6, 0.25, 0.999])
def test_background_and_object_are_equal_at_the_threshold(threshold):
    assert (1 - threshold) ** background_power(threshold) == pytest.approx(threshold)


@pytest.mark.parametrize("threshold", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_a_threshold_that_parts_nothing_is_refused(threshold):
    with pytest.raises(UserError, match=r"a threshold of \S+ parts nothing; .* between 0 and 1: set cam_masks"):
        background_power(threshold)
