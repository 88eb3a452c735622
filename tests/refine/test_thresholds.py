"""The threshold chosen without masks: Otsu's against scikit-image's and all variances, the valley by its meaning."""

import json

import numpy as np
import pytest
from skimage.filters import threshold_otsu

from tests.support.oracles.seeds import decide_cam, strongest_class
from tfwsss.errors import UserError
from tfwsss.refine.thresholds import ThresholdSearch, choose_threshold, strength_histogram


def two_groups(weak=0.15, strong=0.7, share=0.2, count=20000, seed=0):
    rng = np.random.default_rng(seed)
    objects = int(share * count)
    strengths = np.concatenate([rng.normal(weak, 0.06, count - objects), rng.normal(strong, 0.1, objects)])
    return np.clip(strengths, 0, 1).reshape(100, -1)


def slow_otsu(histogram):
    """Within-group variance of every cut, from the definition."""
    bins = len(histogram)
    spread = []
    for cut in range(1, bins):
        parts = [(histogram[:cut], np.arange(cut)), (histogram[cut:], np.arange(cut, bins))]
        spread.append(sum(
            (part * (at - (part * at).sum() / part.sum()) ** 2).sum() if part.sum() > 0 else 0.0 for part, at in parts
        ))
    best = np.flatnonzero(np.array(spread) <= min(spread) + 1e-9 * max(spread))
    return (best[(len(best) - 1) // 2] + 1) / bins


@pytest.mark.parametrize("seed", range(6))
def test_otsu_equals_the_definition_and_scikit_image(seed):
    rng = np.random.default_rng(seed)
    histogram = rng.random(64) ** 3
    ours = choose_threshold([histogram]).otsu
    assert ours == pytest.approx(slow_otsu(histogram), abs=1e-12)
    centre = threshold_otsu(hist=(histogram, (np.arange(64) + 0.5) / 64))      # centre of the weak group's last bin
    assert ours == pytest.approx(centre + 0.5 / 64, abs=1e-12)


def test_a_gap_is_cut_in_its_middle():
    histogram = np.zeros(100)
    histogram[[10, 11, 80]] = 3, 1, 2
    choice = choose_threshold([histogram])
    assert choice.otsu == pytest.approx((12 + 80) / 200)
    assert choice.valley and 0.3 < choice.threshold < 0.65


def test_the_valley_lies_between_the_groups_and_moves_few_labels():
    strengths = two_groups()
    choice = choose_threshold([strength_histogram(strengths)])
    assert choice.valley and choice.threshold == choice.stable
    assert 0.3 < choice.threshold < 0.5

    def changed(threshold):
        return np.mean((strengths > threshold - 0.02) != (strengths > threshold + 0.02))

    assert changed(choice.threshold) < 0.005 < 0.1 * changed(0.15)


def test_the_valley_beats_otsu_where_objects_are_rare():
    """Nearly all pixels weak: Otsu still finds a cut; the valley's must part the groups at least as well."""
    rng = np.random.default_rng(1)
    weak, strong = rng.normal(0.3, 0.1, 19500), rng.normal(0.85, 0.04, 500)
    strengths = np.clip(np.concatenate([weak, strong]), 0, 1)
    truth = np.arange(20000) >= 19500
    choice = choose_threshold([strength_histogram(strengths[None])])
    wrong = [np.mean((strengths > threshold) != truth) for threshold in (choice.stable, choice.otsu)]
    assert choice.valley and wrong[0] < 0.5 * wrong[1]


@pytest.mark.parametrize("strengths", [
    np.linspace(0, 1, 5001), np.clip(np.random.default_rng(0).exponential(0.2, 50000), 0, 1),
])
def test_without_a_valley_it_is_otsus(strengths):
    choice = choose_threshold([strength_histogram(strengths[None])])
    assert not choice.valley and choice.threshold == choice.otsu


def test_curves_mean_what_they_say():
    strengths = two_groups(seed=3)
    choice = choose_threshold([strength_histogram(strengths)])
    assert choice.thresholds.shape == choice.change.shape == choice.foreground.shape == (255,)
    for border in (10, 90, 200):
        at = choice.thresholds[border]
        assert choice.foreground[border] == pytest.approx(np.mean(strengths >= at), abs=1e-12)
        slope = (np.mean(strengths >= at - 0.03) - np.mean(strengths >= at + 0.03)) / 0.06
        assert choice.change[border] == pytest.approx(slope, abs=0.35)
    assert choice.change.sum() / 256 == pytest.approx(1, abs=0.01)


def test_histograms_are_shares_and_add_up():
    assert strength_histogram(np.array([[0.0, 0.5, 1.0, 1.0]]), bins=4).tolist() == [0.25, 0, 0.25, 0.5]
    small, large = two_groups(count=1000), two_groups(weak=0.4, count=40000, seed=1)
    parts = [strength_histogram(small), strength_histogram(large)]
    assert parts[0].sum() == pytest.approx(1) and parts[1].sum() == pytest.approx(1)
    both, summed = choose_threshold(iter(parts)), choose_threshold([parts[0] + parts[1]])
    assert both.threshold == summed.threshold
    np.testing.assert_allclose(both.change, summed.change)


def strength_of(maps: np.ndarray) -> np.ndarray:
    return strongest_class(maps, range(len(maps)))[1]


def test_search_streams_images_of_any_size_and_agrees_with_the_masks():
    search = ThresholdSearch()
    images = [np.stack([two_groups(seed=seed), two_groups(strong=0.8, seed=seed + 50)]) * 3 - 0.1 for seed in range(4)]
    images.append(images[0][:1, :50, ::2])
    for maps in images:
        search.add(strength_of(maps))
    choice = search.choice()
    share = np.mean([np.mean(decide_cam(maps, range(len(maps)), search.threshold()) > 0) for maps in images])
    border = np.flatnonzero(choice.thresholds == choice.threshold)[0]
    assert share == pytest.approx(choice.foreground[border], abs=1e-6)
    summary = json.loads(json.dumps(search.summary()))
    assert summary["threshold"] == search.threshold() and len(summary["curve"]) == 255


def test_scale_of_the_scores_does_not_matter():
    one, other = ThresholdSearch(), ThresholdSearch()
    for seed in range(3):
        maps = two_groups(seed=seed)[None]
        one.add(strength_of(maps))
        other.add(strength_of(maps * 64))
    assert one.summary() == other.summary()


def test_mistakes_are_named():
    with pytest.raises(UserError, match="no two different strengths"):
        choose_threshold([])
    with pytest.raises(UserError, match="no two different strengths"):
        choose_threshold([strength_histogram(np.ones((3, 3)))])
    with pytest.raises(UserError, match="no two different strengths"):
        ThresholdSearch().threshold()
    for value in (1.5, -0.1, np.nan):
        with pytest.raises(UserError, match="must lie in 0–1"):
            strength_histogram(np.array([[0.5, value]]))


def photograph(at: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Returns strengths that fall to the right and an image whose colours change where the strength is `at`."""
    strength = np.tile(np.linspace(1, 0, 101), (40, 1))
    noise = np.random.default_rng(seed).normal(0, 6, (*strength.shape, 3))
    image = np.where((strength > at)[..., None], (200, 80, 60), (60, 110, 70)) + noise
    return strength, np.clip(image, 0, 255).astype(np.uint8)


def test_colours_choose_before_strengths():
    """The median over images; strengths alone would be cut at a half."""
    search, alone = ThresholdSearch(), ThresholdSearch()
    for seed, at in enumerate([0.2, 0.22, 0.18, 0.2, 0.7]):
        strength, image = photograph(at, seed)
        search.add(strength, image)
        alone.add(strength)
    choice, summary = search.choice(), search.summary()
    assert choice.threshold == choice.colours == pytest.approx(0.2, abs=0.03)
    assert alone.choice().colours is None and alone.threshold() == choice.otsu == pytest.approx(0.5, abs=0.02)
    assert summary["images"] == 5 and summary["colours"] == choice.threshold and alone.summary()["images"] == 0


def test_plain_images_leave_the_choice_to_the_strengths():
    search, alone = ThresholdSearch(), ThresholdSearch()
    for seed in range(3):
        strengths = two_groups(seed=seed)
        search.add(strengths, np.full((*strengths.shape, 3), 77, np.uint8))
        alone.add(strengths)
    assert search.threshold() == alone.threshold() and search.choice().colours is None
