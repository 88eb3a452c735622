from fractions import Fraction

import keras
import numpy as np
import pytest

from tests.support.arrays import channels_last, gradient, recorded
from tfwsss.errors import UserError
from tfwsss.losses.segmentation import SegmentationLoss, labelled, resized_ids


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


def voted(ids, rows, columns, num_ids):
    """The rule in exact fractions: one-hot maps resized corner on corner, the largest share, kept above one half."""
    def shares(place, source, target):
        position = Fraction(place * (source - 1), max(target - 1, 1))
        lower = position.numerator // position.denominator
        return [(lower, 1 - position + lower), (min(lower + 1, source - 1), position - lower)]

    out = np.full((len(ids), rows, columns), 255)
    for image, row, column in np.ndindex(out.shape):
        share = [Fraction(0)] * num_ids
        for y, height in shares(row, ids.shape[1], rows):
            for x, width in shares(column, ids.shape[2], columns):
                if 0 <= ids[image, y, x] < num_ids:
                    share[ids[image, y, x]] += height * width
        if max(share) > Fraction(1, 2):
            out[image, row, column] = int(np.argmax(share))
    return out


@pytest.mark.parametrize("grid", [(5, 7), (3, 4), (9, 13), (4, 3), (2, 2), (1, 1), (1, 6), (8, 2), (17, 19)])
def test_resized_labels_are_the_majority_of_what_a_cell_reads(grid):
    ids = np.random.default_rng(1).choice([-1, 0, 1, 2, 3, 255], (3, 5, 7), p=[0.1, 0.3, 0.2, 0.2, 0.1, 0.1])
    found = np.asarray(resized_ids(ids.astype("int32"), *grid, 3))
    np.testing.assert_array_equal(found, voted(ids, *grid, 3))
    if grid == ids.shape[1:]:
        np.testing.assert_array_equal(found, np.where((ids >= 0) & (ids < 3), ids, 255))


def test_one_half_is_not_the_majority_and_the_unknown_votes_for_nobody():
    def row(ids, columns):
        return np.asarray(resized_ids(np.array([[ids]]), 1, columns, 3))[0, 0].tolist()

    assert row([0, 0, 1, 1], 3) == [0, 255, 1]                 # cell 1 lies amid pixels 1 and 2
    assert row([0, 1, 1, 0], 3) == [0, 1, 0]
    assert row([0, 1, 2], 4) == [0, 1, 1, 2]                   # cell 1 reads 1/3 and 2/3
    assert row([0, 255, 1], 4) == [0, 255, 255, 1]             # 1/3 is the largest share and too small
    assert row([255, 0, 255], 4) == [255, 0, 0, 255]
    corner = np.zeros((1, 2, 2), "int32")
    corner[0, 1, 1] = 1                                        # its share in the cell at 3/4 and 2/3 is one half
    assert np.asarray(resized_ids(corner, 5, 4, 2))[0].tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 255],
                                                                    [0, 0, 255, 1], [0, 0, 1, 1]]


def test_a_grid_whose_cells_lie_on_pixels_takes_theirs():
    ids = np.random.default_rng(4).choice([0, 1, 2, 255], (2, 33, 49)).astype("int32")
    np.testing.assert_array_equal(resized_ids(ids, 5, 7, 3), ids[:, ::8, ::8])


@pytest.mark.parametrize("normaliser", ["image", "batch"])
@pytest.mark.parametrize("size", [(9, 13), (10, 9), (3, 4)])
def test_labels_of_another_size_teach_as_the_formula_says(normaliser, size):
    """Loss and gradient in float64, of labels resized one by one."""
    ids, logits = np.random.default_rng(2).choice([0, 0, 0, 1, 1, 2, 255], (4, *size)), example()[1]
    ids[1] = 255
    kept = voted(ids, 5, 7, 3)
    used = kept < 3
    counts = used.sum((1, 2))
    assert counts[1] == 0 and 0 < counts.sum() < kept.size
    weight = (1 / np.maximum(counts, 1) if normaliser == "image" else np.full(4, 4 / counts.sum()))[:, None, None]
    share = np.exp(logits.astype("float64"))
    share /= share.sum(-1, keepdims=True)
    hot = np.eye(3)[np.where(used, kept, 0)]
    costs = -np.log((share * hot).sum(-1)) * used * weight
    variable, loss = keras.Variable(logits), SegmentationLoss(normaliser)
    np.testing.assert_allclose(loss.call(ids, logits), costs.sum((1, 2)), rtol=1e-5)
    found = gradient(lambda: loss(ids, variable.value), [variable])[0]
    np.testing.assert_allclose(found, (share - hot) * (used * weight)[..., None] / 4, atol=1e-6)


def test_unknown_sizes_give_the_same():
    import tensorflow as tf

    loss, logits = SegmentationLoss("batch"), example()[1]
    graph = tf.function(loss.call, input_signature=[tf.TensorSpec((None, None, None), tf.int32),
                                                    tf.TensorSpec((None, None, None, 3))])
    for size in ((5, 7), (10, 9), (1, 1)):
        ids = np.random.default_rng(3).choice([0, 1, 2, 255], (4, *size)).astype("int32")
        np.testing.assert_allclose(graph(ids, logits), loss.call(ids, logits), rtol=1e-5)
