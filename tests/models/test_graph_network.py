import keras
import numpy as np

from tests.support.arrays import gradient
from tests.support.graphs import dense_of, half_of
from tests.support.oracles import dense_graph
from tests.support.shared import shared_file
from tfwsss.models.graph_network import GraphWeights, classify_nodes, initial_weights
from tfwsss.ops.affinity import feature_affinity
from tfwsss.ops.graph_attention import tiled_graph
from tfwsss.ops.offsets import half_window

RADIUS = 2


def weights_of(data, prefix):
    """Weights of the recorded program, with a leading axis."""
    sharpness = np.concatenate([data[f"{prefix}attentionlayers.{place}.beta"] for place in range(3)])
    return GraphWeights(data[f"{prefix}embeddinglayer.weight"][None], sharpness[None],
                        data[f"{prefix}outputlayer.weight"][None])


def test_the_whole_network_as_recorded():
    data = np.load(shared_file("fixtures/a2gnn/network_forward.npz"), allow_pickle=False)
    weights = GraphWeights(*map(keras.Variable, weights_of(data, "w_")))
    graph = tiled_graph(half_of(data["adj"], 4, 5, RADIUS))
    features = data["features"].reshape(1, 4, 5, 64)

    def outputs():
        return classify_nodes(GraphWeights(*(weight.value for weight in weights)), features, graph)

    for found, name in zip(outputs(), ("logits", "hidden"), strict=True):
        np.testing.assert_allclose(np.asarray(found).reshape(20, -1), data[name], rtol=1e-5, atol=1e-6)
    found = gradient(lambda: keras.ops.sum(outputs()[0] * data["cotangent"].reshape(1, 4, 5, 21)), list(weights))
    for ours, theirs in zip(found, weights_of(data, "g_"), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())


def shares(maps):
    """Features of each position, of sum 1."""
    return maps / maps.sum(axis=-1, keepdims=True)


def formula(rows, columns, of):
    return of(*np.ogrid[:rows, :columns]).astype("float32")


def test_graph_and_network_by_formula():
    """2 x 3 positions, radius 1; numbers of the published description."""
    c, y, x = np.ogrid[:2, :2, :3]
    embedded = np.sin(c + 0.8 * y + 0.5 * x).transpose(1, 2, 0)[None].astype("float32")
    affinity = np.asarray(feature_affinity(embedded, half_window(1)))
    np.testing.assert_allclose(affinity[0, 0, 0], [0.727803, affinity[0, 0, 0, 1], 0.653857, 0.588804], atol=1e-6)
    np.testing.assert_allclose(affinity[0, 0, 1], [0.798419, 0.877403, 0.692144, 0.560759], atol=1e-6)
    maps = formula(6, 6, lambda n, i: 1 + (7 * n + 3 * i) % 11).reshape(1, 2, 3, 6)
    weights = GraphWeights(keras.Variable(formula(6, 4, lambda a, b: 2 * np.sin(1 + a + 2 * b))[None]),
                           keras.Variable(np.array([[0.25, 0.5, 0.75]], "float32")),
                           keras.Variable(formula(4, 3, lambda a, b: 0.5 * np.cos(1 + 2 * a + b))[None]))
    graph = tiled_graph(affinity)

    def outputs():
        return classify_nodes(GraphWeights(*(weight.value for weight in weights)), shares(maps), graph)

    logits, hidden = (np.asarray(value).reshape(6, -1) for value in outputs())
    np.testing.assert_allclose(logits, [
        [0.104505, 0.270130, 0.187398], [0.117955, -0.032167, -0.152715], [0.060664, -0.051435, -0.116245],
        [0.117063, -0.045006, -0.165697], [0.030497, -0.059561, -0.094859], [0.078839, -0.055636, -0.138959]],
        atol=1e-6)
    np.testing.assert_allclose(hidden[[0, 5]], [[0.034581, 0.007581, 0.589000, 0.040793],
                                                [0.147994, 0.057784, 0.013916, 0.173728]], atol=1e-6)
    found = gradient(lambda: keras.ops.sum(keras.ops.square(outputs()[0])), list(weights))
    np.testing.assert_allclose(found[1][0], [0.046853, 0.028893, 0.019777], atol=1e-6)
    np.testing.assert_allclose(found[0][0, 0], [0.164829, -0.010327, -0.044395, 0.140648], atol=1e-6)


def test_images_side_by_side_have_weights_and_dropout_of_their_own():
    random = np.random.default_rng(0)
    maps, kept = random.random((2, 6, 5, 7)).astype("float32"), 2.0 * random.integers(0, 2, (2, 6, 5, 8))
    affinity = random.random((2, 6, 5, len(half_window(2)))).astype("float32")
    drawn = [initial_weights(random, 7, 8, 4) for _ in range(2)]
    logits, hidden = classify_nodes(GraphWeights(*map(np.stack, zip(*drawn, strict=True))), shares(maps),
                                   tiled_graph(affinity), kept.astype("float32"))
    assert np.asarray(hidden).min() >= 0
    for place, weights in enumerate(drawn):
        whole = dense_of(affinity[place])
        features = maps[place].reshape(30, 7) / maps[place].reshape(30, 7).sum(axis=1, keepdims=True)
        expected = dense_graph.network([np.float64(weight) for weight in weights], np.float64(features), *whole,
                                       kept[place].reshape(30, 8))
        np.testing.assert_allclose(np.asarray(logits)[place].reshape(30, -1), expected[0], atol=1e-6)
        np.testing.assert_allclose(np.asarray(hidden)[place].reshape(30, -1), expected[1], atol=1e-6)


def test_weights_are_drawn_uniformly_within_glorots_limits():
    weights = initial_weights(np.random.default_rng(3), 300, 64, 21, layers=500)
    assert [weight.dtype for weight in weights] == ["float32"] * 3
    for weight, limit in ((weights.embedding, (6 / 364) ** 0.5), (weights.output, (6 / 85) ** 0.5)):
        assert limit * 0.98 < weight.max() <= np.float32(limit) and -limit * 0.98 > weight.min() >= np.float32(-limit)
        assert abs(weight.std() - limit / 3**0.5) < 0.05 * limit
    assert 0 <= weights.sharpness.min() < 0.02 and 0.98 < weights.sharpness.max() < 1
