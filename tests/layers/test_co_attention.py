import numpy as np
import pytest
from keras import ops

from tests.support.arrays import channels_last, gradient, recorded
from tests.support.shared import shared_file
from tfwsss.layers.co_attention import CoAttention

HAND = {  # of classes 0 and 1, by position: the numbers written out in the method's description
    "common1": ([1.217685, 0.268217], [1.748071, 1.963567]),
    "common2": ([-1.926719, -0.594559, -1.443250], [3.926719, 2.594559, 3.443250]),
    "rest1": ([0.227185, -1.105728], [0.681555, 2.211455]),
    "rest2": ([-0.795829, 0.654993, 1.125209], [1.591659, 0.327497, 1.500278]),
}


def cases():
    """The recorded pairs: two channels by hand, and 512 channels at two sizes."""
    tiny = recorded("mcis_coattention_tiny")
    return {"tiny": lambda: tiny, "512": lambda: dict(np.load(shared_file("fixtures/mcis/coattention_512.npz")))}


def filled(data) -> CoAttention:
    layer = CoAttention(len(data["W_gate"]))
    layer.build((None, None, None, data["W_e"].shape[1]))
    layer.similarity.kernel.assign(data["W_e"].T)
    layer.classes.kernel.assign(data["W_gate"].transpose(2, 3, 1, 0))
    layer.gate.kernel.assign(data["W_merge"].transpose(2, 3, 1, 0))
    return layer


@pytest.mark.parametrize("case", ["tiny", "512"])
def test_maps_and_scores_as_recorded(case):
    data = cases()[case]()
    close = {"atol": 1e-5} if case == "tiny" else {"atol": 1e-4, "rtol": 1e-4}
    maps = filled(data)(*(channels_last(data[key]) for key in ("f1", "f2")))
    for found, key in zip(maps, ("co_map1", "co_map2", "comple_map1", "comple_map2"), strict=True):
        np.testing.assert_allclose(found, channels_last(data[key]), **close, err_msg=key)
    scores = np.concatenate([np.asarray(found).mean(axis=(1, 2)) for found in maps])
    np.testing.assert_allclose(scores, data["co_scores"], **close)


@pytest.mark.parametrize("case", ["tiny", "512"])
def test_rebuilt_features_and_gates_as_recorded(case):
    data = cases()[case]()
    close = {"atol": 1e-5} if case == "tiny" else {"atol": 1e-4, "rtol": 1e-4}
    layer, features = filled(data), [channels_last(data[key]) for key in ("f1", "f2")]
    for place, (own, read) in enumerate(zip(features, layer.read(*features, *features), strict=True), start=1):
        np.testing.assert_allclose(read, channels_last(data[f"att{place}"]), **close)
        gate = layer.gate(read)
        np.testing.assert_allclose(gate, channels_last(data[f"gate_logit{place}"]), **close)
        np.testing.assert_allclose(own * (1 - ops.sigmoid(gate)), channels_last(data[f"comple{place}"]), **close)


def test_maps_are_those_written_out_by_hand():
    data = recorded("mcis_coattention_tiny")
    maps = filled(data)(*(channels_last(data[key]) for key in ("f1", "f2")))
    for found, expected in zip(maps, HAND.values(), strict=True):
        np.testing.assert_allclose(np.asarray(found)[0, 0, :, :2].T, expected, atol=2e-6)


def random_layer(channels=6, num_classes=3, seed=0, scale=0.8):
    random = np.random.default_rng(seed)
    layer = CoAttention(num_classes)
    layer.build((None, None, None, channels))
    for kernel in layer.trainable_variables:
        kernel.assign(random.normal(size=kernel.shape) * scale)
    return layer


def features(rows, columns, channels=6, batch=2, seed=1):
    return np.random.default_rng(seed).normal(size=(batch, rows, columns, channels)).astype("float32")


def slow(layer, first, second):
    """The equations, one position at a time, from the features themselves, in double precision."""
    w_e, w_c, w_g = (np.asarray(part.kernel, "float64").squeeze((0, 1) if part.kernel.ndim == 4 else ())
                     for part in (layer.similarity, layer.classes, layer.gate))
    found = [np.zeros((*x.shape[:3], w_c.shape[1])) for x in (first, second, first, second)]
    for b in range(len(first)):
        f1, f2 = (x[b].reshape(-1, x.shape[-1]).astype("float64") for x in (first, second))
        p = np.array([[(f @ w_e) @ other for other in f2] for f in f1])
        for place, (own, others, scores) in enumerate(((f1, f2, p), (f2, f1, p.T))):
            for position, (mine, row) in enumerate(zip(own, scores, strict=True)):
                weights = np.exp(row - row.max())
                read = sum(weight * other for weight, other in zip(weights / weights.sum(), others, strict=True))
                where = np.unravel_index(position, found[place].shape[1:3])
                found[place][b][where] = read @ w_c
                found[place + 2][b][where] = (mine * (1 - 1 / (1 + np.exp(-(read @ w_g)[0])))) @ w_c
    return found


def test_equals_the_equations_at_different_sizes():
    layer, first, second = random_layer(), features(3, 4), features(2, 5, seed=2)
    for found, expected in zip(layer(first, second), slow(layer, first, second), strict=True):
        np.testing.assert_allclose(found, expected, atol=2e-5)


def test_gradients_are_those_of_the_whole_features():
    """Classes and gate before the reading or after it: the same losses, so the same gradients."""
    layer, first, second = random_layer(), features(3, 4), features(2, 5, seed=2)
    heads = [np.random.default_rng(9).normal(size=maps.shape) for maps in layer(first, second)]

    def after():
        read = layer.read(first, second, first, second)
        rest = [x * (1 - ops.sigmoid(layer.gate(r))) for x, r in zip((first, second), read, strict=True)]
        return [layer.classes(x) for x in (*read, *rest)]

    def total(maps):
        return sum(ops.sum(one * head) for one, head in zip(maps, heads, strict=True))

    ours = gradient(lambda: total(layer(first, second)), layer.trainable_variables)
    theirs = gradient(lambda: total(after()), layer.trainable_variables)
    for found, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_reordering_an_image_changes_nothing_of_the_other():
    layer, first, second = random_layer(), features(3, 4), features(2, 6, seed=2)
    before, after = layer(first, second), layer(first, second.reshape(2, -1, 6)[:, ::-1].reshape(second.shape))
    np.testing.assert_allclose(after[0], before[0], atol=1e-5)
    np.testing.assert_allclose(np.asarray(after[1]).reshape(2, 12, 3)[:, ::-1].reshape(2, 2, 6, 3), before[1],
                               atol=1e-5)


def test_pairs_are_symmetric_where_the_similarity_is():
    layer, first, second = random_layer(), features(3, 4), features(2, 5, seed=2)
    layer.similarity.kernel.assign((layer.similarity.kernel + ops.transpose(layer.similarity.kernel)) / 2)
    one, other = layer(first, second), layer(second, first)
    for here, there in ((0, 1), (1, 0), (2, 3), (3, 2)):
        np.testing.assert_allclose(one[here], other[there], atol=2e-5)


def test_equal_images_rebuild_the_same_where_the_similarity_is_the_identity():
    layer, first = random_layer(), features(3, 4)
    layer.similarity.kernel.assign(np.eye(6))
    one, other = layer.read(first, first, first, first)
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_one_position_is_read_everywhere():
    layer, first, second = random_layer(), features(3, 4), features(1, 1, seed=2)
    read = np.asarray(layer.read(first, second, first, second)[0])
    np.testing.assert_allclose(read, np.broadcast_to(second, read.shape), rtol=1e-6)


def test_one_image_stands_beside_many():
    layer, first, second = random_layer(), features(3, 4, batch=1), features(2, 5, batch=3, seed=2)
    together, apart = layer(first, second), [layer(first, second[i:i + 1]) for i in range(3)]
    for place in (0, 1):
        np.testing.assert_allclose(together[place], np.concatenate([maps[place] for maps in apart]), atol=1e-5)


def test_huge_similarities_stay_finite():
    layer, first, second = random_layer(scale=30.0), 100 * features(3, 4), 100 * features(2, 5, seed=2)
    assert all(np.isfinite(maps).all() for maps in layer(first, second))


def test_starts_as_pytorch_starts():
    layer = CoAttention(4)
    layer.build((None, None, None, 512))
    for kernel in layer.trainable_variables:
        assert np.abs(kernel).max() <= 1 / np.sqrt(512) and np.abs(kernel).max() > 0.8 / np.sqrt(512), kernel.path


def test_positions_start_by_reading_those_like_themselves():
    layer = CoAttention(4, alike=True)
    one, other = 20 * np.eye(16, dtype="float32"), 20 * np.roll(np.eye(16, dtype="float32"), 3, axis=0)
    one, other = one.reshape(1, 4, 4, 16), other.reshape(1, 2, 8, 16)           # the same features, elsewhere
    layer.build(one.shape)
    np.testing.assert_array_equal(layer.similarity.kernel, np.eye(16) / 4)
    read = layer.read(one, other, one, other)                                 # a similarity of 100 to its like, else 0
    np.testing.assert_allclose(read[0], one, atol=1e-5)
    np.testing.assert_allclose(read[1], other, atol=1e-5)
    assert CoAttention.from_config(layer.get_config()).alike
