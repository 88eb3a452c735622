"""How likely a class must be: the cut by trying all, and what cannot be told."""

import numpy as np
import pytest

from tfwsss.errors import UserError
from tfwsss.refine.presence import least_likely


def accuracy(cut: float, likely: np.ndarray, shown: np.ndarray) -> float:
    return (np.mean(likely[shown] >= cut) + np.mean(likely[~shown] < cut)) / 2


@pytest.mark.parametrize("seed", range(5))
def test_no_cut_is_better(seed):
    rng = np.random.default_rng(seed)
    shown = rng.random(60) < 0.2
    likely = np.clip(np.where(shown, 0.7, 0.3) + rng.normal(0, 0.2, 60), 0, 1)
    best = max(accuracy(cut, likely, shown) for cut in np.linspace(0, 1, 5001))
    assert accuracy(least_likely(likely, shown), likely, shown) == pytest.approx(best, abs=1e-9)


def test_the_widest_gap_is_cut_in_its_middle():
    assert least_likely(np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True])) == pytest.approx(0.5)
    # after 0.2 and after 0.6 one image of four falls to the wrong side; the second gap is wider
    assert least_likely(np.array([0.2, 0.3, 0.6, 0.9]), np.array([False, True, False, True])) == pytest.approx(0.75)


def test_many_of_one_kind_do_not_outvote_the_other():
    """98 good tiles of which a tenth look bad, two bad ones: by plain accuracy nothing would ever be bad."""
    likely = np.concatenate([np.linspace(0.0, 0.5, 89), np.full(9, 0.75), [0.7, 0.8]])
    shown = np.arange(100) >= 98
    assert 0.5 < least_likely(likely, shown) <= 0.7


@pytest.mark.parametrize("likely", [np.full(4, 0.4), np.array([0.9, 0.8, 0.1, 0.2])])
def test_where_scores_tell_nothing_nothing_is_cut(likely):
    """Equal ones, and those that are the higher the less is shown."""
    assert least_likely(likely, np.array([False, False, True, True])) == 0.0


@pytest.mark.parametrize("shown", [[True, True], [False, False]])
def test_both_kinds_are_needed(shown):
    with pytest.raises(UserError, match="expected some with and some without"):
        least_likely(np.array([0.2, 0.8]), np.array(shown))
