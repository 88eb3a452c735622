"""The joined filter: against dense matrices made from the lattice, and against exact Gaussian kernels."""

import numpy as np
import pytest
import tensorflow as tf

from tfwsss.ops.lattice_filter import smooth, symmetric_filter
from tfwsss.ops.permutohedral import build


def lattice_of(points):
    return build([tf.constant(column) for column in points.T.astype("float32")])


def dense(lattice, weight):
    """weight D K D as an N x N matrix in float64, step by step as the definition has it."""
    ids, share, before, after = (np.asarray(part) for part in lattice)
    size, corners = before.shape[1], ids.shape[1]
    splat = np.zeros((size, len(ids)))
    for n in range(len(ids)):
        for k in range(corners):
            splat[ids[n, k], n] += share[n, k]
    grid = splat
    for direction in range(corners):
        blurred = grid.copy()
        for i in range(size):
            for j in (before[direction, i], after[direction, i]):
                if j >= 0:
                    blurred[i] += grid[j] / 2
        grid = blurred
    kernel = splat.T @ grid / (1 + 2.0 ** (1 - corners))
    scale = 1 / np.sqrt(kernel.sum(axis=1) + 1e-20)
    return weight * scale[:, None] * kernel * scale


def test_it_is_the_sum_of_its_normalised_kernels():
    rng = np.random.default_rng(0)
    lattices = [lattice_of(rng.normal(0, 2, (70, d))) for d in (2, 5, 1)]
    weights = [3.0, 10.0, 0.5]
    expected = sum(dense(lattice, weight) for lattice, weight in zip(lattices, weights, strict=True))
    found = smooth(symmetric_filter(lattices, weights), tf.eye(70)).numpy()
    np.testing.assert_allclose(found, expected, atol=2e-6 * weights[1])


@pytest.mark.parametrize(("d", "spread"), [(1, 2), (2, 2), (3, 2), (5, 1)])
def test_it_is_nearly_a_gaussian(d, spread):
    """Where points lie close: lattice points that none touches pass nothing on (5 dimensions at spread 2: 5 % off)."""
    points = np.random.default_rng(d).uniform(-spread, spread, (400, d))
    kernel = np.exp(-((points[:, None] - points) ** 2).sum(axis=-1) / 2)
    scale = 1 / np.sqrt(kernel.sum(axis=1))
    values = np.random.default_rng(9).uniform(0, 1, (400, 2))
    expected = scale[:, None] * (kernel @ (scale[:, None] * values))
    found = smooth(symmetric_filter([lattice_of(points)], [1.0]), tf.constant(values, tf.float32)).numpy()
    assert np.abs(found - expected).mean() < 0.03 * np.abs(expected).mean()


def test_it_is_linear_and_its_transpose_blurs_in_reverse():
    rng = np.random.default_rng(1)
    matrices = symmetric_filter([lattice_of(rng.normal(0, 3, (200, 3)))], [2.0])
    a, b = rng.normal(size=(2, 200, 1)).astype("float32")
    np.testing.assert_allclose(smooth(matrices, 2 * a + b), 2 * smooth(matrices, a) + smooth(matrices, b), atol=1e-5)
    whole = smooth(matrices, tf.eye(200)).numpy()
    turned = smooth(matrices._replace(blurs=matrices.blurs[::-1]), tf.eye(200)).numpy()
    np.testing.assert_allclose(turned, whole.T, atol=1e-6)
    assert np.abs(whole - whole.T).max() > 1e-3             # directions do not commute where lattice points are missing


def test_one_point_keeps_its_value():
    assert smooth(symmetric_filter([lattice_of(np.ones((1, 2)))], [1.0]), tf.constant([[5.0, 7.0]])).numpy() == \
        pytest.approx(np.array([[5.0, 7.0]]))
