"""The lattice, against one built point by point in plain Python from the paper's definitions."""

import numpy as np
import pytest
import tensorflow as tf

from tfwsss.ops.permutohedral import build


def slow_lattice(points):
    """Returns the corners' coordinates `(N, d+1, d+1)`, ordered by remainder, and their weights `(N, d+1)`."""
    d = points.shape[1]
    corners, weights = [], []
    for point in points.astype("float32"):
        scaled = [np.float32(np.sqrt(2 / 3) * (d + 1) / np.sqrt((i + 1) * (i + 2))) * point[i] for i in range(d)]
        elevated, total = np.zeros(d + 1, "float32"), np.float32(0)
        for j in range(d, 0, -1):
            elevated[j] = total - np.float32(j) * scaled[j - 1]
            total = total + scaled[j - 1]
        elevated[0] = total
        nearest = np.round(elevated * np.float32(1 / (d + 1))).astype(int)
        rest = elevated - nearest.astype("float32") * (d + 1)
        rank = np.argsort(np.argsort(-rest, kind="stable"), kind="stable") + nearest.sum()
        nearest = nearest + (rank < 0) - (rank > d)
        rank = rank % (d + 1)
        rest = (elevated - nearest * (d + 1)).astype("float64") / (d + 1)
        share = np.zeros(d + 2)
        for i in range(d + 1):
            share[d - rank[i]] += rest[i]
            share[d + 1 - rank[i]] -= rest[i]
        share[0] += 1 + share[d + 1]
        corners.append([[nearest[i] * (d + 1) + (r if rank[i] <= d - r else r - d - 1) for i in range(d + 1)]
                        for r in range(d + 1)])
        weights.append(share[:d + 1])
    return np.array(corners), np.array(weights)


def ours(points):
    lattice = build([tf.constant(column) for column in points.T.astype("float32")])
    return [np.asarray(part) for part in lattice]


def cases():
    rng = np.random.default_rng(0)
    row, column = np.mgrid[:9, :13]
    yield "grid of pixels", np.stack([column.ravel(), row.ravel()], axis=1) / 3
    yield "all in one place", np.zeros((7, 3))
    for d in range(1, 6):
        yield f"{d} dimensions", rng.normal(0, 2, (60, d))
    yield "one point", rng.normal(0, 9, (1, 5))
    yield "keys beyond 63 bits", rng.uniform(-6e4, 6e4, (80, 5))


@pytest.mark.parametrize("points", [pytest.param(points, id=name) for name, points in cases()])
def test_every_corner_weight_and_neighbour_is_that_of_the_slow_lattice(points):
    ids, weights, before, after = ours(points)
    corners, shares = slow_lattice(points)
    d, size = points.shape[1], before.shape[1]
    place = {}
    for n in range(len(points)):
        # ours begins at another corner of the same simplex: pair the corners by the id they were given first
        expected = {tuple(corner): share for corner, share in zip(corners[n], shares[n], strict=True)}
        found = [place.get(int(i)) for i in ids[n]]
        offset = next(k for k in range(d + 1) if all(
            found[(m + k) % (d + 1)] in (None, tuple(corners[n][m])) and
            abs(weights[n][(m + k) % (d + 1)] - shares[n][m]) < 2e-2 for m in range(d + 1)))
        for m in range(d + 1):
            place[int(ids[n][(m + offset) % (d + 1)])] = tuple(corners[n][m])
            assert weights[n][(m + offset) % (d + 1)] == pytest.approx(expected[tuple(corners[n][m])], abs=1e-2)
    assert len(place) == size == len(set(place.values())) == len({tuple(c) for point in corners for c in point})
    number = {corner: i for i, corner in place.items()}
    for i, corner in place.items():
        for direction in range(d + 1):
            step = np.full(d + 1, -1)
            step[direction] = d
            assert after[direction, i] == number.get(tuple(np.array(corner) + step), -1)
            assert before[direction, i] == number.get(tuple(np.array(corner) - step), -1)


def test_weights_are_barycentric():
    rng = np.random.default_rng(3)
    for d in (1, 2, 5):
        _, weights, _, _ = ours(rng.normal(0, 3, (500, d)))
        np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
        assert weights.min() >= -1e-6


def test_before_is_the_inverse_of_after():
    _, _, before, after = ours(np.random.default_rng(4).normal(0, 2, (400, 3)))
    assert (after >= 0).any() and (after < 0).any()
    for backward, forward in zip(before, after, strict=True):
        here = np.flatnonzero(forward >= 0)
        np.testing.assert_array_equal(backward[forward[here]], here)
        assert (backward >= 0).sum() == here.size


def test_points_in_any_order_touch_the_same_lattice():
    points = np.random.default_rng(5).normal(0, 2, (300, 5))
    order = np.random.default_rng(6).permutation(300)
    one, other = ours(points), ours(points[order])
    for part in range(2):
        np.testing.assert_array_equal(one[part][order], other[part])
    for part in range(2, 4):
        np.testing.assert_array_equal(one[part], other[part])
