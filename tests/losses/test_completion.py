import keras
import numpy as np
import pytest

from tests.support.arrays import channels_last, gradient, recorded
from tfwsss.losses.completion import completion_labels
from tfwsss.losses.segmentation import SegmentationLoss

LOSS = SegmentationLoss(normaliser="batch")


def slow(logits, labels):
    return np.array([[[c if c in labels[i] else 255 for c in row] for row in logits[i].argmax(-1)]
                     for i in range(len(logits))])


def case(name):
    data = recorded(f"cian_{name}")
    return channels_last(data["logit"]), data["label"].astype("int32"), channels_last(data["grad"]), data


def test_seed_loss_as_recorded():
    """The recorded gradient is that before the optimiser divides by the batch."""
    logits, labels, expected, _ = case("seg_loss")
    variable = keras.Variable(logits)
    found = gradient(lambda: LOSS(labels, variable.value), [variable])[0]
    np.testing.assert_allclose(found * len(logits), expected, rtol=1e-5, atol=1e-7)


def test_completion_as_recorded():
    logits, labels, expected, data = case("completion_loss")
    target, variable = keras.Variable(channels_last(data["target"])), keras.Variable(logits)
    np.testing.assert_array_equal(completion_labels(target, labels), slow(np.asarray(target), labels))
    found = gradient(lambda: LOSS(completion_labels(target.value + 0, labels), variable.value), [variable, target])
    np.testing.assert_allclose(found[0] * len(logits), expected, rtol=1e-5, atol=1e-7)
    assert found[1] is None


def test_nothing_labelled_teaches_nothing():
    """Where the released code gives 0/0."""
    logits, labels, expected, data = case("completion_loss_all_ignored")
    assert np.isnan(expected).all() and (labels == 255).all()
    kept, variable = completion_labels(channels_last(data["target"]), labels), keras.Variable(logits)
    assert (np.asarray(kept) == 255).all()
    assert float(LOSS(kept, logits)) == 0 and not np.any(gradient(lambda: LOSS(kept, variable.value), [variable])[0])


def test_worked_example():
    logits = np.array([[[[2, 0, 1], [0, 1, -1], [1, 1, 3]]]], "float32")
    cross, labels = np.array([[[[5, 0, 1], [0, 4, 6], [1, 1, 3]]]], "float32"), np.array([[[0, 255, 1]]])
    variable = keras.Variable(logits)
    found = gradient(lambda: LOSS(completion_labels(cross, labels), variable.value), [variable])[0]
    np.testing.assert_allclose(found[0, 0], [[-0.334759, 0.090031, 0.244728], [0, 0, 0], [0, 0, 0]], atol=1e-6)
    plain = gradient(lambda: LOSS(labels, variable.value), [variable])[0]
    np.testing.assert_allclose(plain[0, 0].T, [[-0.167380, 0, 0.053253], [0.045015, 0, -0.446747],
                                               [0.122364, 0, 0.393493]], atol=1e-6)
    np.testing.assert_allclose(float(LOSS(labels, logits)), 1.323575, atol=1e-6)


@pytest.mark.parametrize("labels", [[0], [1, 255], [2, 50], [0, 1, 2]])
def test_images_keep_their_own_ids_at_any_size(labels):
    logits = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype("float32")
    maps = np.full((2, 3, 2), 255)
    maps[0, 0, :] = 0
    maps[1].flat[:len(labels)] = labels
    found = np.asarray(completion_labels(logits, maps))
    np.testing.assert_array_equal(found, slow(logits, maps))
    assert set(np.unique(found[0])) <= {0, 255} and set(np.unique(found[1])) <= {*labels, 255} - {50}
