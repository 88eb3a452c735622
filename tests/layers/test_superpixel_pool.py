import numpy as np
import pytest
from keras import ops

from tests.support.arrays import channels_last, recorded
from tfwsss.layers.superpixel_pool import SuperpixelRefinement, region_samples, renumber
from tfwsss.ops.resize import resize


def refine(scores, regions, labels):
    return ops.convert_to_numpy(SuperpixelRefinement()(scores, regions, labels))


def slow(scores, regions, labels):
    """The specification's section 5.4 with whole one-hot maps, one image and superpixel at a time."""
    n, rows, columns, classes = scores.shape
    out = np.zeros_like(scores)
    for i in range(n):
        v = scores[i].astype("float64") * labels[i]
        positive, negative = np.maximum(v, 0), np.minimum(v, 0)
        relative = positive / np.maximum(positive.max(-1, keepdims=True), 1e-5)
        for region in np.unique(regions[i]):
            mask = (regions[i] == region).astype("float32")[None, :, :, None]
            share = ops.convert_to_numpy(resize(mask, rows, columns, align_corners=True))[0].astype("float64")
            area = share.sum()
            if area == 0:
                continue
            vote = (np.sign(v) * share).sum((0, 1)).max() > 1e-5
            winner = ((relative * share).sum((0, 1)) / max(area, 1e-5)).argmax()
            for c in range(classes):
                won = vote and winner == c and labels[i, c]
                value = ((positive if won else negative)[..., c:c + 1] * share).sum() / max(area, 1e-5)
                out[i, :, :, c] += value * share[..., 0]
    return out


HAND = channels_last(np.array([[[[2, -1, .5], [1, -3, -2]], [[-1, 4, 1], [-2, -2, 3]]]], "float32"))
HAND_REGIONS = np.array([[[0, 0, 1], [0, 1, 1]]])


def test_by_hand():
    both = refine(HAND, HAND_REGIONS, np.ones((1, 2), "float32"))[0]
    np.testing.assert_allclose(both[..., 0], [[1, 1, -5 / 3], [1, -5 / 3, -5 / 3]], atol=1e-6)
    np.testing.assert_allclose(both[..., 1], [[-1, -1, 4 / 3], [-1, 4 / 3, 4 / 3]], atol=1e-6)
    first = refine(HAND, HAND_REGIONS, np.array([[1, 0]], "float32"))[0]
    np.testing.assert_allclose(first[..., 0], both[..., 0], atol=1e-6)
    assert not first[..., 1].any()


@pytest.mark.parametrize("name", ["icd_sp_refine_same", "icd_sp_refine_resize"])
def test_as_recorded(name):
    data = recorded(name)
    np.testing.assert_allclose(refine(channels_last(data["data"]), data["superpixel"], data["label"]),
                               channels_last(data["out"]), atol=1e-5)


@pytest.mark.parametrize("size", [(17, 13), (16, 14), (5, 7), (5, 4), (3, 2)])
def test_against_whole_one_hot_maps(size):
    random = np.random.default_rng(sum(size))
    scores = random.normal(size=(2, 5, 4, 3)).astype("float32")
    blocks = random.integers(0, 6, (2, 3, 3))
    regions = np.repeat(np.repeat(blocks, 6, 1), 5, 2)[:, :size[0], :size[1]]
    labels = np.array([[1, 0, 1], [1, 1, 1]], "float32")
    np.testing.assert_allclose(refine(scores, regions, labels), slow(scores, regions, labels), atol=2e-6)


def test_unknown_sizes_and_huge_ids():
    import tensorflow as tf

    random = np.random.default_rng(5)
    scores = random.normal(size=(2, 5, 4, 3)).astype("float32")
    regions = random.integers(0, 3, (2, 17, 13))
    labels = np.ones((2, 3), "float32")
    layer = SuperpixelRefinement()
    graph = tf.function(lambda s, r, y: layer(s, r, y), input_signature=[
        tf.TensorSpec((None, None, None, 3)), tf.TensorSpec((None, None, None), tf.int32), tf.TensorSpec((None, 3))])
    expected = refine(scores, regions, labels)
    np.testing.assert_allclose(graph(scores, regions.astype("int32"), labels), expected, atol=1e-6)
    far = np.array([60000, 7, 256 ** 3 - 1])[regions]
    np.testing.assert_allclose(refine(scores, far, labels), expected, atol=1e-6)


def test_constant_over_whole_superpixels_and_idempotent():
    random = np.random.default_rng(6)
    scores = random.normal(size=(1, 6, 6, 2)).astype("float32")
    regions = random.integers(0, 4, (1, 6, 6))
    labels = np.ones((1, 2), "float32")
    once = refine(scores, regions, labels)
    for region in range(4):
        assert np.ptp(once[regions == region], axis=0).max() == 0
    np.testing.assert_allclose(refine(once, regions, labels), once, atol=1e-6)


def test_no_two_classes_claim_one_position():
    random = np.random.default_rng(7)
    once = refine(random.normal(size=(3, 8, 8, 4)).astype("float32"), random.integers(0, 9, (3, 8, 8)),
                  np.ones((3, 4), "float32"))
    assert (once > 0).any() and ((once > 0).sum(-1) <= 1).all()


def test_samples_of_one_position_are_the_first_pixel():
    ids, weights = region_samples(np.arange(12).reshape(1, 3, 4), 1, 1)
    assert ops.convert_to_numpy(ids).tolist() == [[[0]]] and ops.convert_to_numpy(weights).tolist() == [[1.0]]


def test_renumber_keeps_order_and_equality():
    ids = np.random.default_rng(8).integers(0, 10**7, (3, 50))
    ids[:, 25:] = ids[:, :25]
    ranks = ops.convert_to_numpy(renumber(ids.astype("int32")))
    for one, rank in zip(ids, ranks, strict=True):
        np.testing.assert_array_equal(rank, np.unique(one, return_inverse=True)[1])
