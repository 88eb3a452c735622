"""Local affinities against slow loops and the original programs.

Recorded: `psa_irn_indexing.npz` and `a2gnn_graph.npz` are whole copies of the shared files of those names.
"""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from tests.support.shared import shared_file
from tfwsss.ops.affinity import (
    boundary_affinity,
    feature_affinity,
    feature_distance,
    path_affinity,
    seen_from_the_end,
)
from tfwsss.ops.offsets import half_disc, half_disc_by_path, half_window, pair_mask, path, window

RECORDED = Path(__file__).parents[1] / "recorded"


def recorded(name):
    return dict(np.load(RECORDED / f"{name}.npz", allow_pickle=False))


def dense(local, offsets):
    """Symmetric matrix of all pairs with unit diagonal, from `(row, column, offset)` of the pairs' first ends."""
    rows, columns, _ = local.shape
    matrix = np.eye(rows * columns)
    for y, x, k in np.ndindex(*local.shape):
        dy, dx = offsets[k]
        if 0 <= y + dy < rows and 0 <= x + dx < columns:
            i, j = y * columns + x, (y + dy) * columns + x + dx
            matrix[i, j] = matrix[j, i] = local[y, x, k]
    return matrix


def slow_distance(features, offsets):
    batch, rows, columns, channels = features.shape
    out = np.zeros((batch, rows, columns, len(offsets)))
    for b, y, x, k in np.ndindex(*out.shape):
        there = y + offsets[k][0], x + offsets[k][1]
        inside = 0 <= there[0] < rows and 0 <= there[1] < columns
        other = features[b, there[0], there[1]] if inside else np.zeros(channels)
        out[b, y, x, k] = np.abs(features[b, y, x] - other).mean()
    return out


@pytest.mark.parametrize(("shape", "offsets"), [
    ((2, 6, 7, 3), half_disc(3)), ((1, 3, 2, 5), window(2)), ((1, 1, 1, 2), half_disc(5)), ((1, 9, 1, 1), window(1))])
def test_distance_is_the_loops(shape, offsets):
    features = np.random.default_rng(0).standard_normal(shape)
    np.testing.assert_allclose(feature_distance(features, offsets), slow_distance(features, offsets), atol=1e-6)


def test_affinity_and_gradient_are_affinitynets():
    z = np.load(shared_file("fixtures/psa/aff_loss_free_feature.npz"), allow_pickle=False)
    offsets = half_disc(5)
    begins = np.asarray(pair_mask(16, 16, offsets, border="released"))[..., 0] > 0
    upstream = np.zeros((2, 16, 16, 34), "float32")
    upstream[:, begins] = z["grad_aff"].transpose(0, 2, 1)
    features = tf.constant(z["feat"].transpose(0, 2, 3, 1))
    with tf.GradientTape() as tape:
        tape.watch(features)
        affinity = feature_affinity(features, offsets)
    gradient = tape.gradient(affinity, features, output_gradients=tf.constant(upstream)).numpy()
    np.testing.assert_allclose(affinity.numpy()[:, begins].transpose(0, 2, 1), z["aff"], atol=1e-6)
    np.testing.assert_allclose(gradient.transpose(0, 3, 1, 2), z["grad_feat"], atol=3e-9)


@pytest.mark.parametrize("offsets", [half_disc(3), window(2)])
def test_gradient_is_the_plain_formulas(offsets):
    rng = np.random.default_rng(1)
    features = tf.constant(rng.integers(-2, 3, (2, 5, 4, 3)), tf.float32)       # equal values occur: gradient 0
    upstream = tf.constant(rng.standard_normal((2, 5, 4, len(offsets))), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(features)
        framed = tf.pad(features, ((0, 0), (2, 2), (2, 2), (0, 0)))
        plain = tf.stack([tf.reduce_mean(tf.abs(features - framed[:, 2 + dy : 7 + dy, 2 + dx : 6 + dx]), -1)
                          for dy, dx in offsets], -1)
        ours = tf.function(lambda f: feature_distance(f, offsets))(features)
    expected, actual = (tape.gradient(out, features, output_gradients=upstream) for out in (plain, ours))
    np.testing.assert_allclose(actual, expected, atol=1e-6)
    assert float(tf.reduce_max(tf.abs(expected))) > 0.1


@pytest.mark.parametrize(("name", "radius"), [("3x4_r1", 1), ("3x4_r2", 2), ("2x2_r3", 3)])
def test_window_affinity_and_graph_are_a2gnns(name, radius):
    z = recorded("a2gnn_graph")
    offsets = window(radius)
    affinity = np.asarray(feature_affinity(z[f"{name}_x"].transpose(0, 2, 3, 1), offsets))
    rows, columns = affinity.shape[1:3]
    theirs = z[f"{name}_aff"].reshape(1, len(offsets), rows, columns).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(affinity, theirs, atol=1e-6)                     # outside the map too
    inside = np.asarray(pair_mask(rows, columns, offsets))
    np.testing.assert_allclose(dense(affinity[0] * inside, offsets), z[f"{name}_dense"], atol=1e-6)
    np.testing.assert_array_equal(dense(inside, offsets), z[f"{name}_window"])
    half = half_window(radius)
    np.testing.assert_array_equal(dense(affinity[0, ..., -len(half):] * inside[..., -len(half):], half),
                                  dense(affinity[0] * inside, offsets))


def test_dense_affinity_is_a2gnns():
    z = np.load(shared_file("fixtures/a2gnn/affinity_head.npz"), allow_pickle=False)
    features = z["f9_out"].transpose(0, 2, 3, 1)
    affinity = np.asarray(feature_affinity(features, half_window(4)))[0]
    np.testing.assert_allclose(dense(affinity, half_window(4)), z["dense_r4"], atol=1e-5)


def test_affinity_of_psas_network_features():
    z = np.load(shared_file("fixtures/psa/resnet38_aff.npz"), allow_pickle=False)
    offsets = half_disc(5)
    affinity = np.asarray(feature_affinity(z["f9"].transpose(0, 2, 3, 1), offsets))[0]
    released = affinity * np.asarray(pair_mask(*affinity.shape[:2], offsets, border="released"))
    np.testing.assert_allclose(dense(released, offsets), z["aff_dense"], atol=1e-5)


def test_boundary_affinity_is_irns():
    z = recorded("psa_irn_indexing")
    offsets = half_disc_by_path(5)
    affinity = np.asarray(boundary_affinity(z["edge"], offsets))[0]
    # the recorded matrix holds the affinities as they leave the padded map
    np.testing.assert_allclose(dense(affinity, offsets), z["dense_aff"], atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (7, 6)])
def test_boundary_affinity_is_the_loops(size):
    boundary = np.random.default_rng(2).random((2, *size)).astype("float32")
    offsets = half_disc(4)
    affinity = np.asarray(boundary_affinity(boundary, offsets))
    for b, y, x, k in np.ndindex(*affinity.shape):
        met = [boundary[b, y + dy, x + dx] if 0 <= y + dy < size[0] and 0 <= x + dx < size[1] else 1.0
               for dy, dx in path(offsets[k])]
        assert affinity[b, y, x, k] == pytest.approx(1 - max(met), abs=1e-7)


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (7, 6)])
def test_path_affinity_is_the_loops(size):
    """Links that leave the map count as 0, whatever they are given as."""
    links = np.random.default_rng(3).random((2, *size, 2)).astype("float32")
    offsets = half_disc(4)
    affinity = np.asarray(path_affinity(links, offsets))
    for b, y, x, k in np.ndindex(*affinity.shape):
        met = {(y + dy, x + dx) for dy, dx in path(offsets[k])}
        inside = all(0 <= row < size[0] and 0 <= column < size[1] for row, column in met)
        right = [links[b, row, column, 0] for row, column in met if inside and (row, column + 1) in met]
        below = [links[b, row, column, 1] for row, column in met if inside and (row + 1, column) in met]
        assert affinity[b, y, x, k] == (min(right + below) if inside else 0)


def test_boundary_gradient_reaches_the_strongest_point_only():
    boundary = tf.constant([[[0.1, 0.7, 0.2, 0.3]]])
    with tf.GradientTape() as tape:
        tape.watch(boundary)
        affinity = boundary_affinity(boundary, ((0, 3),))[0, 0, 0, 0]
    np.testing.assert_array_equal(tape.gradient(affinity, boundary), [[[0, -1, 0, 0]]])


def test_affinities_compile_for_unknown_sizes_and_half_precision():
    offsets = half_disc(5)

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 6), tf.float16)])
    def features(x):
        return feature_affinity(x, offsets)

    @tf.function(input_signature=[tf.TensorSpec((None, None, None), tf.float32)])
    def edges(x):
        return boundary_affinity(x, offsets)

    rng = np.random.default_rng(3)
    for shape in ((2, 7, 9), (1, 3, 2)):
        x = rng.random((*shape, 6)).astype("float16")
        assert features(x).dtype == tf.float32
        np.testing.assert_allclose(features(x), np.exp(-slow_distance(x.astype("float64"), offsets)), atol=1e-6)
        np.testing.assert_array_equal(edges(x[..., 0].astype("float32")),
                                      boundary_affinity(ops.cast(x[..., 0], "float32"), offsets))


def test_mirrored_features_give_mirrored_affinities():
    features = np.random.default_rng(4).random((1, 6, 8, 4)).astype("float32")
    offsets = half_window(2)
    plain = dense(np.asarray(feature_affinity(features, offsets))[0], offsets)
    turned = dense(np.asarray(feature_affinity(features[:, ::-1, ::-1], offsets))[0], offsets)
    np.testing.assert_allclose(turned[::-1, ::-1], plain, atol=1e-6)


@pytest.mark.parametrize("offsets", [half_disc(4), half_window(2), ((0, 1), (3, -2))])
def test_pairs_seen_from_their_end_are_those_that_begin_there(offsets):
    pairs = np.random.default_rng(0).normal(size=(2, 4, 5, len(offsets))).astype("float32")
    expected = np.zeros_like(pairs)
    for b, y, x, k in np.ndindex(*pairs.shape):
        end = y + offsets[k][0], x + offsets[k][1]
        if 0 <= end[0] < 4 and 0 <= end[1] < 5:
            expected[b, *end, k] = pairs[b, y, x, k]
    np.testing.assert_array_equal(seen_from_the_end(pairs, offsets), expected)
