import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support.arrays import channels_last, gradient, recorded
from tests.support.oracles import dense_graph
from tfwsss.losses.multi_point import cosine_sums, multi_point_loss

NO_BOX = (0, 0, -1, -1)


def formula(channels, rows, columns, of):
    c, y, x = np.ogrid[:channels, :rows, :columns]
    return of(c, y, x).transpose(1, 2, 0).astype("float32")


LOGITS = formula(21, 6, 8, lambda c, y, x: np.sin(0.9 * c + 0.5 * y + 0.3 * x))
HIDDEN = formula(256, 6, 8, lambda c, y, x: 1 + np.cos(0.2 * c + 0.4 * y * x))
SIGNED = formula(256, 6, 8, lambda c, y, x: np.cos(0.2 * c + 0.4 * y * x + 0.3 * y))
BOXES, LABELS = [(1, 1, 5, 4), (3, 0, 7, 3)], [12, 15]


def loss(logits, hidden, boxes, labels, sizes, stride=1):
    return multi_point_loss(logits, hidden, np.array(boxes), np.array(labels), np.array(sizes), stride)


def test_one_box_by_hand_and_as_recorded():
    data = recorded("a2gnn_multi_point_hand")
    logits = keras.Variable(channels_last(data["pred"]))
    hidden = channels_last(data["fts"])
    assert set(np.unique(hidden)) == {0, 1}

    def of():
        return loss(logits.value, hidden, [[(0, 0, 2, 1)]], [[2]], [(3, 3)]).loss[0]

    np.testing.assert_allclose(float(of()), [0.675828 + 0.140599], atol=2e-6)
    np.testing.assert_allclose(float(of()), data["loss"], rtol=1e-5)
    found = gradient(of, [logits])[0][0, ..., 2]
    np.testing.assert_allclose(found, [[-0.176070, -0.099787, 0], [0, -0.047502, -0.053621], [0, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(found, data["grad_pred_c2"], atol=1e-6)


@pytest.mark.parametrize(("hidden", "expected"), [(HIDDEN, 2.911896), (SIGNED, 3.465224)])
def test_two_boxes_by_formula(hidden, expected):
    """A third box that is none changes nothing."""
    found = loss(LOGITS[None], hidden[None], [[*BOXES, NO_BOX]], [[*LABELS, 0]], [(6, 8)])
    np.testing.assert_allclose(float(found.loss[0]), expected, atol=3e-6)
    places = dense_graph.points_of(LOGITS, BOXES[1], LABELS[1])
    np.testing.assert_allclose(found.prototypes[0, 1], hidden[tuple(places.T)].mean(axis=0), rtol=1e-4, atol=1e-5)
    assert not np.asarray(found.prototypes[0, 2]).any()


def test_the_oracle_takes_seeds_away_as_specified():
    maps = LOGITS.astype(float), SIGNED.astype(float)
    value, seeds = dense_graph.multi_point(*maps, np.full((6, 8), 12), BOXES, LABELS)
    np.testing.assert_allclose(float(value), 3.465224, atol=1e-6)
    np.testing.assert_array_equal(np.argwhere(seeds == 255), [(2, 4), (2, 5), (3, 3), (3, 4), (4, 2), (4, 3)])


@pytest.mark.parametrize("scale", [1.0, 0.02, 1e-4])
def test_values_and_gradients_of_images_of_unlike_sizes_on_one_grid(scale):
    """Each equals the oracle on its own enlarged maps, whether features are long enough for the series or not."""
    random, stride, sizes = np.random.default_rng(0), 4, [(3, 5), (4, 4), (2, 2)]
    logits = keras.Variable(random.normal(size=(3, 5, 6, 7)))
    hidden = keras.Variable(random.random((3, 5, 6, 9)) * scale)
    boxes = [[(0, 0, 19, 11), (3, 2, 9, 9)], [(2, 5, 15, 15), NO_BOX], [NO_BOX, NO_BOX]]
    labels = [[1, 3], [6, 0], [0, 0]]
    shares = np.array([1.0, 2.0, 3.0], "float32")
    values = np.asarray(loss(logits.value, hidden.value, boxes, labels, sizes, stride).loss)
    found = gradient(lambda: keras.ops.sum(
        loss(logits.value, hidden.value, boxes, labels, sizes, stride).loss * shares), [logits, hidden])
    assert values[2] == 0 and not any(each[2].any() for each in found)
    for place, (rows, columns) in enumerate(sizes[:2]):
        count = 2 - place
        maps = [tf.constant(np.asarray(each)[place, :rows, :columns].reshape(rows * columns, -1), tf.float64)
                for each in (logits, hidden)]
        with tf.GradientTape() as tape:
            tape.watch(maps)
            large = [dense_graph.enlarge(each, (rows, columns), (rows * stride, columns * stride)) for each in maps]
            expected, _ = dense_graph.multi_point(*large, np.full((rows * stride, columns * stride), 255),
                                                  boxes[place][:count], labels[place][:count])
        np.testing.assert_allclose(values[place], float(expected), rtol=1e-5)
        for ours, theirs in zip(found, tape.gradient(expected, maps), strict=True):
            own = ours[place, :rows, :columns].reshape(theirs.shape) / shares[place]
            np.testing.assert_allclose(own, theirs, atol=1e-5 * np.abs(theirs.numpy()).max())
            assert np.count_nonzero(ours[place]) == np.count_nonzero(ours[place, :rows, :columns])


@pytest.mark.parametrize("shortest", [2e-3, 1.1e-3, 1e-5])
def test_sums_of_cosines_equal_those_of_all_pairs(shortest):
    random = np.random.default_rng(1)
    features = random.random((2, 40, 8))
    features *= np.geomspace(shortest, 1, 40)[:, None] / np.linalg.norm(features, axis=-1, keepdims=True)
    features[0, 3] = 0
    lengths = np.linalg.norm(features, axis=-1)
    expected = (features @ features.swapaxes(1, 2) / (lengths[:, :, None] * lengths[:, None] + 1e-7)).sum(axis=(1, 2))
    np.testing.assert_allclose(cosine_sums(features.astype("float32")), expected, rtol=1e-6)
