"""Merging against its plain form (every pixel resized, every pair compared anew) and the original program.

Recorded: `icd_sp_merge.npz` is the whole shared file fixtures/icd/sp_merge.npz.
"""

import numpy as np
import pytest

from tests.support.arrays import recorded
from tfwsss.errors import UserError
from tfwsss.refine import merging
from tfwsss.refine.merging import merge_by_likeness, merge_regions, region_features


def slow_features(regions, features, canvas):
    """Reads the features at every pixel, corners aligned, and averages."""
    features = features.astype(float)
    rows, columns = features.shape[:2]
    total = np.zeros((regions.max() + 1, features.shape[2]))
    for y, x in np.ndindex(*regions.shape):
        v, u = (y * (rows - 1) / max(canvas[0] - 1, 1), x * (columns - 1) / max(canvas[1] - 1, 1))
        for i, j in np.ndindex(rows, columns):
            total[regions[y, x]] += max(0, 1 - abs(v - i)) * max(0, 1 - abs(u - j)) * features[i, j]
    return total / np.bincount(regions.ravel())[:, None]


def slow_merge(features, sizes, max_regions):
    """All pairs again after every join, in row-major order."""
    groups = [([number], features[number].astype(float), float(sizes[number])) for number in range(len(sizes))]
    total = float(np.sum(sizes))
    while len(groups) > max_regions:
        best = (-np.inf, 0, 0)
        for i in range(len(groups)):
            for j in range(i + 1, len(groups)):
                (_, f, n), (_, g, m) = groups[i], groups[j]
                norms = np.linalg.norm(f) * np.linalg.norm(g)
                likeness = (f @ g / norms if norms else 0.0) + 1 - (n + m) / total
                if likeness > best[0] + 1e-12:
                    best = (likeness, i, j)
        _, i, j = best
        (left, f, n), (right, g, m) = groups[i], groups.pop(j)
        groups[i] = (left + right, (f * n + g * m) / (n + m), n + m)
    new = np.zeros(len(sizes), np.int32)
    for number, (members, _, _) in enumerate(groups):
        new[members] = number
    return new


def regions_of(rows, columns, count, seed=0):
    """Voronoi cells of random places, all ids used."""
    rng = np.random.default_rng(seed)
    places = rng.random((count, 2)) * (rows, columns)
    grid = np.stack(np.mgrid[:rows, :columns], axis=-1)
    nearest = np.square(grid[:, :, None] - places).sum(-1).argmin(-1)
    return np.unique(nearest, return_inverse=True)[1].reshape(rows, columns)


def test_features_equal_those_of_the_original():
    arrays = recorded("icd_sp_merge")
    side = int(arrays["infer_size"])
    ours = region_features(arrays["superpixel"], np.moveaxis(arrays["dense"], 0, -1), (side, side))
    np.testing.assert_allclose(ours, arrays["feature"], atol=1e-6)


def test_merged_map_equals_that_of_the_original():
    arrays = recorded("icd_sp_merge")
    side = int(arrays["infer_size"])
    features = np.moveaxis(arrays["dense"], 0, -1)
    ours = merge_regions(arrays["superpixel"], features, canvas=(side, side), max_regions=int(arrays["max_num"]))
    np.testing.assert_array_equal(ours, arrays["merged"])
    assert ours.dtype == np.int32


@pytest.mark.parametrize(("size", "canvas", "grid"), [
    ((9, 13), (17, 17), (3, 5)), ((17, 17), (17, 17), (3, 3)), ((5, 6), (5, 6), (9, 11)), ((1, 1), (1, 1), (1, 1)),
    ((1, 8), (1, 9), (1, 3)), ((4, 4), (33, 33), (1, 1)),
])
def test_features_equal_reading_every_pixel(size, canvas, grid):
    regions = regions_of(*size, 6)
    features = np.random.default_rng(1).normal(size=(*grid, 3)).astype(np.float32)
    np.testing.assert_allclose(region_features(regions, features, canvas), slow_features(regions, features, canvas),
                               rtol=1e-9, atol=1e-9)


def test_constant_features_stay_constant():
    ours = region_features(regions_of(20, 30, 9), np.full((5, 5, 2), 3.5, np.float32), (33, 33))
    np.testing.assert_allclose(ours, 3.5, rtol=1e-12)


def test_worked_example():
    features, sizes = np.array([[1, 0], [0.9, 0.1], [0, 1]]), np.array([10, 20, 30])
    pairs = merging._Pairs(features, sizes)
    np.testing.assert_allclose(pairs.likeness[np.triu_indices(3, 1)], [1.493884, 0.333333, 0.277098], atol=1e-6)
    assert pairs.best() == (0, 1)
    pairs.merge(0, 1)
    np.testing.assert_allclose(pairs.features[0], [0.933333, 0.066667], atol=1e-6)
    assert pairs.sizes[0] == 30


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("remaining", [1, 2, 7, 29])
def test_equals_comparing_all_pairs_anew(seed, remaining):
    rng = np.random.default_rng(seed)
    features = np.maximum(rng.normal(0.5, 1, (30, 5)), 0)
    features[rng.integers(0, 30, 3)] = 0                       # seen as nothing
    sizes = rng.integers(1, 50, 30)
    np.testing.assert_array_equal(merge_by_likeness(features, sizes, remaining), slow_merge(features, sizes, remaining))


@pytest.mark.parametrize("remaining", [1, 3, 8])
def test_ties_go_to_the_first_pair(remaining):
    """Powers of two keep all likenesses exact, so ties are real."""
    features = np.tile(np.eye(4), (4, 1))
    sizes = np.full(16, 4)
    np.testing.assert_array_equal(merge_by_likeness(features, sizes, remaining), slow_merge(features, sizes, remaining))
    assert merge_by_likeness(np.ones((4, 1)), np.full(4, 2), 3).tolist() == [0, 0, 1, 2]


def test_few_regions_stay_as_they_are():
    regions = regions_of(8, 9, 5)
    np.testing.assert_array_equal(merge_regions(regions, np.ones((2, 2, 3)), canvas=(9, 9), max_regions=64), regions)


def test_former_superpixels_stay_whole_and_ids_have_no_gaps():
    regions = regions_of(40, 50, 60)
    features = np.random.default_rng(3).random((9, 9, 4), np.float32)
    merged = merge_regions(regions, features, canvas=(65, 65), max_regions=11)
    np.testing.assert_array_equal(np.unique(merged), np.arange(11))
    assert len(set(zip(regions.ravel().tolist(), merged.ravel().tolist(), strict=True))) == regions.max() + 1
    lowest = [regions[merged == number].min() for number in range(11)]
    assert lowest == sorted(lowest)


def test_length_of_features_does_not_matter():
    rng = np.random.default_rng(5)
    features, sizes = rng.random((25, 6)), rng.integers(1, 9, 25)
    np.testing.assert_array_equal(merge_by_likeness(features * 1000, sizes, 4), merge_by_likeness(features, sizes, 4))


def test_rows_are_looked_up_a_few_times_for_each_region(monkeypatch):
    """Keeps the whole at S² · channels: comparing all rows after each join would be 150² / 2 look-ups."""
    counted = []
    look_up = merging._Pairs._look_up
    monkeypatch.setattr(merging._Pairs, "_look_up", lambda self, row: (counted.append(row), look_up(self, row)))
    rng = np.random.default_rng(0)
    merge_by_likeness(np.maximum(rng.normal(size=(150, 16)), 0), rng.integers(75, 1500, 150), 10)
    assert 140 <= len(counted) < 10 * 150


def test_mistakes_are_named():
    regions = regions_of(8, 9, 5)
    with pytest.raises(UserError, match="do not fit"):
        region_features(regions, np.ones((2, 2, 3)), canvas=(8, 8))
    with pytest.raises(UserError, match="max_regions 0"):
        merge_regions(regions, np.ones((2, 2, 3)), canvas=(9, 9), max_regions=0)


def test_a_join_that_draws_level_with_a_later_partner_comes_first():
    pairs = merging._Pairs(np.array([[1, 1], [1, 0], [0, 1], [1, 1]]), np.array([2, 2, 2, 4]))
    assert pairs.best() == (0, 3)
    pairs.merge(1, 2)                                    # now of the direction and the size of region 3
    assert pairs.likeness[0, 1] == pairs.likeness[0, 3]
    assert pairs.best() == (0, 1)
