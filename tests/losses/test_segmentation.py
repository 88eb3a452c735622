import keras
import numpy as np
import pytest

from tests.support.arrays import channels_last, gradient, recorded
from tfwsss.errors import UserError
from tfwsss.losses.segmentation import SegmentationLoss, labelled


def slow(ids, logits):
    """Returns the sum of the costs and the number of labelled pixels of each image, one pixel at a time."""
    sums, counts = np.zeros(len(ids)), np.zeros(len(ids))
    for place in np.ndindex(ids.shape):
        if 0 <= ids[place] < logits.shape[-1]:
            share = np.exp(logits[place].astype("float64"))
            sums[place[0]] -= np.log(share[ids[place]] / share.sum())
            counts[place[0]] += 1
    return sums, counts


def example():
    random = np.random.default_rng(0)
    ids = random.choice([-1, 0, 1, 2, 3, 254, 255], (4, 5, 7)).astype("int32")
    ids[1] = 255
    ids[2, 1:] = 255                                           # images of unlike numbers of labels, one without any
    return ids, random.normal(size=(4, 5, 7, 3)).astype("float32") * 3


def test_against_a_loop():
    ids, logits = example()
    sums, counts = slow(ids, logits)
    assert counts[1] == 0 < counts[2] < counts[0]
    np.testing.assert_allclose(SegmentationLoss("image").call(ids, logits), sums / np.maximum(counts, 1), rtol=1e-5)
    np.testing.assert_allclose(SegmentationLoss("batch").call(ids, logits), 4 * sums / counts.sum(), rtol=1e-5)
    np.testing.assert_allclose(float(SegmentationLoss("batch")(ids, logits)), sums.sum() / counts.sum(), rtol=1e-5)


def test_caffes_loss_of_one_image_as_recorded():
    data = recorded("mcis_caffe_layers")
    logits = channels_last(data["loss_logits"])
    for normaliser in ("image", "batch"):
        np.testing.assert_allclose(float(SegmentationLoss(normaliser)(data["loss_labels"], logits)),
                                   data["loss_valid"], rtol=1e-6)


def test_cians_gradient_as_recorded():
    """Recorded before the optimiser divides by the number of images."""
    data = recorded("cian_seg_loss")
    logits, loss = keras.Variable(channels_last(data["logit"])), SegmentationLoss("batch")
    assert set(np.unique(data["label"])) - set(range(5)) and len(data["label"]) == 2
    found = gradient(lambda: loss(data["label"], logits.value), [logits])[0]
    np.testing.assert_allclose(2 * found, channels_last(data["grad"]), atol=1e-6)


@pytest.mark.parametrize("normaliser", ["image", "batch"])
def test_ignored_pixels_change_nothing_and_pull_nowhere(normaliser):
    ids, logits = example()
    loss, other = SegmentationLoss(normaliser), logits.copy()
    ignored = ~np.asarray(labelled(ids, 3))
    other[ignored] = 1e4
    np.testing.assert_array_equal(loss.call(ids, other), loss.call(ids, logits))
    variable = keras.Variable(other)
    found = gradient(lambda: loss(ids, variable.value), [variable])[0]
    assert not np.any(found[ignored]) and np.any(found[~ignored])
    np.testing.assert_allclose(found.sum(-1), 0, atol=1e-6)


@pytest.mark.parametrize("normaliser", ["image", "batch"])
def test_nothing_labelled_gives_zero_and_no_gradient(normaliser):
    logits = keras.Variable(example()[1])
    loss = SegmentationLoss(normaliser)
    assert float(loss(np.full((4, 5, 7), 255), logits.value)) == 0
    assert not np.any(gradient(lambda: loss(np.full((4, 5, 7), 255), logits.value), [logits])[0])


def test_the_order_of_pixels_and_a_shift_of_the_logits_change_nothing():
    ids, logits = example()
    loss, expected = SegmentationLoss(), SegmentationLoss().call(ids, logits)
    np.testing.assert_allclose(loss.call(ids[:, ::-1, ::-1], logits[:, ::-1, ::-1] + 7), expected, rtol=1e-5)


def test_unknown_normaliser_is_refused():
    with pytest.raises(UserError, match="normaliser is 'pixel'; expected one of image, batch"):
        SegmentationLoss("pixel")
