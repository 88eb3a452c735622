import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support.arrays import gradient, recorded
from tests.support.graphs import dense_of, half_of
from tests.support.oracles.dense_graph import attention
from tfwsss.ops.graph_attention import graph_attention, tiled_graph
from tfwsss.ops.offsets import half_window, window
from tfwsss.ops.tiles import from_tiles

RANDOM = np.random.default_rng(0)


def problem(rows, columns, radius, channels=5, batch=1, lowest=0.0):
    """Features, one of them zero, affinities of half windows, factors of the likeness, gradients from above."""
    features = RANDOM.random((batch, rows, columns, channels)).astype("float32") + np.float32(lowest)
    features[:, 0, min(1, columns - 1)] = 0.01 if lowest else 0
    affinity = np.exp(-RANDOM.random((batch, rows, columns, len(half_window(radius))))).astype("float32")
    return features, affinity, RANDOM.random(batch).astype("float32"), RANDOM.normal(size=features.shape)


def dense(features, affinity, sharpness, upstream):
    """One image by the oracle: output, gradients of the features and of the factor."""
    matrix, joined = dense_of(affinity)
    x, beta = tf.constant(features.reshape(-1, features.shape[-1]), tf.float64), tf.constant(sharpness, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch([x, beta])
        out = attention(x, matrix, joined, beta)
        total = tf.reduce_sum(out * upstream.reshape(x.shape))
    by_x, by_beta = tape.gradient(total, [x, beta])
    return [np.asarray(value).reshape(features.shape) for value in (out, by_x)] + [float(by_beta)]


def ours(features, affinity, sharpness, upstream, inside=None, **settings):
    x, beta = keras.Variable(features), keras.Variable(sharpness)
    graph = tiled_graph(affinity, inside)
    out = graph_attention(x.value, beta.value, graph, **settings)
    return [np.asarray(out), *gradient(lambda: keras.ops.sum(
        graph_attention(x.value, beta.value, graph, **settings) * upstream.astype("float32")), [x, beta])]


@pytest.mark.parametrize(("size", "radius", "lowest"), [
    ((13, 17), 4, 0.0), ((9, 6), 3, -0.3), ((1, 3), 1, -0.3), ((1, 1), 2, 0.0), ((8, 16), 3, 0.0), ((3, 20), 8, 0.0)])
def test_tiles_equal_all_pairs(size, radius, lowest):
    features, affinity, sharpness, upstream = problem(*size, radius, lowest=lowest)
    expected = dense(features[0], affinity[0], sharpness[0], upstream[0])
    found = ours(features, affinity, sharpness, upstream)
    np.testing.assert_allclose(found[0][0], expected[0], atol=1e-6)
    scale = np.abs(expected[1][1:]).max() if size[0] > 1 else 1     # the row of zeros has one of 1e6
    np.testing.assert_allclose(found[1][0], expected[1], rtol=1e-5, atol=1e-5 * scale)
    np.testing.assert_allclose(found[2][0], expected[2], rtol=1e-4, atol=1e-6)
    if not lowest:
        again = ours(features, affinity, sharpness, upstream, not_negative=True)
        np.testing.assert_allclose(again[0], found[0], atol=1e-7)


def test_images_of_a_batch_with_unlike_sizes_do_not_see_each_other_nor_the_padding():
    """Three images on one grid; what lies beyond an image is full of rubbish."""
    features, affinity, sharpness, upstream = problem(10, 11, 3, batch=3)
    sizes = ((10, 11), (7, 11), (4, 2))
    inside = np.zeros((3, 10, 11), "float32")
    for place, (rows, columns) in enumerate(sizes):
        inside[place, :rows, :columns] = 1
    upstream = upstream * inside[..., None]
    found = ours(features, affinity, sharpness, upstream, inside)
    for place, (rows, columns) in enumerate(sizes):
        own = (features[place, :rows, :columns], affinity[place, :rows, :columns], sharpness[place],
               upstream[place, :rows, :columns])
        expected = dense(*own)
        np.testing.assert_allclose(found[0][place, :rows, :columns], expected[0], atol=1e-6)
        np.testing.assert_allclose(found[1][place, :rows, :columns], expected[1], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(found[2][place], expected[2], rtol=1e-4, atol=1e-6)
    outside = inside == 0
    np.testing.assert_allclose(found[0][outside], features[outside], atol=1e-6)     # joined to themselves alone
    assert not found[1][outside].any()


def test_of_equal_affinities_and_without_likeness_a_layer_is_the_mean_of_a_window():
    features, affinity, _, _ = problem(6, 7, 2)
    found = np.asarray(graph_attention(features, np.zeros(1, "float32"), tiled_graph(np.ones_like(affinity))))
    for y, x in np.ndindex(6, 7):
        near = [features[0, y + dy, x + dx] for dy, dx in window(2) if 0 <= y + dy < 6 and 0 <= x + dx < 7]
        np.testing.assert_allclose(found[0, y, x], np.mean(near, axis=0), atol=1e-6)


def test_scores_are_the_affinities_of_both_ways_within_windows():
    _, affinity, _, _ = problem(9, 10, 2)
    scores = np.asarray(tiled_graph(affinity, factor=3.0).scores)
    matrix, joined = dense_of(affinity[0])
    assert scores.shape == (1, 4, 64, 144)
    kept = np.where(scores > -1, np.exp(scores), 0).sum(axis=-1)
    expected = np.where(joined > 0, np.exp(3 * matrix), 0).sum(axis=1).reshape(1, 9, 10, 1)
    np.testing.assert_allclose(from_tiles(kept[..., None], 9, 10, 8), expected, rtol=1e-5)


@pytest.mark.parametrize("kind", ["nonneg", "signed"])
def test_a_layer_as_recorded(kind):
    """Recorded: `a2gnn_attention_layer.npz`; node 5 is zero."""
    data = recorded("a2gnn_attention_layer")
    features = data[f"{kind}_x"].reshape(1, 3, 4, 6)
    upstream = data[f"{kind}_cotangent"].reshape(features.shape)
    found = ours(features, half_of(data["adj"], 3, 4, 1), data["beta"], upstream)
    np.testing.assert_allclose(found[0].reshape(12, 6), data[f"{kind}_out"], rtol=1e-5, atol=1e-6)
    expected = data[f"{kind}_grad_x"]
    np.testing.assert_allclose(found[1].reshape(12, 6), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found[2], data[f"{kind}_grad_beta"], rtol=1e-4)


def test_a_layer_by_hand():
    data = recorded("a2gnn_attention_hand")
    features = np.array([[[[1.0, 0], [1, 1], [0, 2]]]], "float32")
    affinity = np.zeros((1, 1, 3, 4), "float32")
    affinity[0, 0, :2, 0] = 0.9, 0.5
    found = ours(features, affinity, np.array([0.5], "float32"), np.ones((1, 1, 3, 2)))
    np.testing.assert_allclose(found[0][0, 0], [[1, 0.241139], [0.995603, 0.764319], [0.005786, 1.994214]], atol=1e-6)
    np.testing.assert_allclose(found[0][0, 0], data["out"], atol=1e-6)
    np.testing.assert_allclose(found[1][0, 0], data["grad_x"], atol=1e-5)
    np.testing.assert_allclose(found[2], [-0.000470], atol=1e-6)
