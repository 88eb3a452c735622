"""SEAM's losses beside recorded numbers, numbers by hand, and the equations of its program written out."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from tests.support.arrays import channels_last, gradient
from tests.support.shared import shared_file
from tfwsss.losses.equivariance import (
    cross_equivariance,
    equivariance,
    minimum_pooling,
    normalise_maps,
    two_view_terms,
)
from tfwsss.losses.multilabel import MultilabelLoss
from tfwsss.ops.cam import keep_strongest

GRADIENTS = {"rtol": 1e-4, "atol": 1e-6}
MAPS = ("cam1", "cam_rv1", "cam2", "cam_rv2")


@functools.cache
def fixture(name: str) -> dict:
    return dict(np.load(shared_file(f"fixtures/seam/{name}.npz"), allow_pickle=False))


def terms(labels, maps, refined, small, small_refined) -> dict:
    """Every term of the loss, with the means over the batch."""
    cost = MultilabelLoss(mean_over_classes=True)
    tags = ops.convert_to_tensor(labels)[:, None, None]
    found = {f"loss_cls{place}": cost(labels, ops.mean(each[..., 1:], axis=(1, 2)))
             for place, each in ((1, maps), (2, small))}
    found |= {f"loss_rvmin{place}": ops.mean(minimum_pooling(each[..., 1:] * tags))
              for place, each in ((1, refined), (2, small_refined))}
    found["loss_er"], found["loss_ecr"] = map(ops.mean, two_view_terms(labels, maps, refined, small, small_refined))
    found["loss_cls"] = sum(found[f"loss_{kind}{place}"] for kind in ("cls", "rvmin") for place in (1, 2)) / 2
    found["loss"] = found["loss_cls"] + found["loss_er"] + found["loss_ecr"]
    return found


def test_every_term_as_recorded():
    data = fixture("losses")
    found = terms(data["label"], *(channels_last(data[key]) for key in MAPS))
    for key in ("loss", "loss_cls1", "loss_cls2", "loss_cls", "loss_er", "loss_ecr", "loss_rvmin1", "loss_rvmin2"):
        np.testing.assert_allclose(found[key], data[key], rtol=1e-5, atol=1e-6, err_msg=key)


def tied(refined, labels) -> np.ndarray:
    """Says which positions are equal to the last value that minimum pooling takes: any of them may be taken."""
    strongest = (refined[..., 1:] * labels[:, None, None]).max(-1)
    last = np.sort(strongest.reshape(len(labels), -1), axis=1)[:, strongest[0].size // 4 - 1]
    same = strongest == last[:, None, None]
    return same & (same.sum((1, 2), keepdims=True) > 1)


@pytest.mark.parametrize("term", ["", "loss_er_", "loss_ecr_", "loss_cls_"])
def test_gradients_of_every_term_as_recorded(term):
    """At positive minima that are equal too: the first of them receives it.

    Of positions equal to the last that minimum pooling takes, PyTorch takes the one or the other: sums are compared.
    """
    data = fixture("losses")
    variables = [keras.Variable(channels_last(data[key])) for key in MAPS]
    found = gradient(lambda: terms(data["label"], *map(ops.convert_to_tensor, variables))[term.rstrip("_") or "loss"],
                     variables)
    for one, key in zip(found, MAPS, strict=True):
        expected = channels_last(data[f"{term}grad_{key}"])
        one = np.zeros_like(expected) if one is None else one
        open_ = tied(channels_last(data[key]), data["label"]) if "rv" in key else np.zeros(one.shape[:3], bool)
        assert open_.sum() <= 6
        np.testing.assert_allclose(one[~open_], expected[~open_], err_msg=f"{term}{key}", **GRADIENTS)
        for image in range(2):
            sums = [each[image][open_[image]].sum(axis=0) for each in (one, expected)]
            np.testing.assert_allclose(*sums, err_msg=f"{term}{key}", **GRADIENTS)


def test_small_functions_as_recorded():
    data = fixture("small_functions")
    x = keras.Variable(channels_last(data["x"]))
    np.testing.assert_allclose(normalise_maps(x), channels_last(data["max_norm"]), rtol=1e-5, atol=1e-6)
    (found,) = gradient(lambda: ops.sum(normalise_maps(ops.convert_to_tensor(x)) * channels_last(data["cot"])), [x])
    np.testing.assert_allclose(found, channels_last(data["max_norm_grad"]), **GRADIENTS)
    np.testing.assert_allclose(ops.mean(minimum_pooling(channels_last(data["x"]))), data["min_pool"], rtol=1e-5)
    np.testing.assert_array_equal(keep_strongest(channels_last(data["x"])), channels_last(data["onehot"]))


def waves(function, side: int) -> np.ndarray:
    c, y, x = np.meshgrid(np.arange(21), np.arange(side), np.arange(side), indexing="ij")
    return np.float32(np.moveaxis(function(c, y, x), 0, -1))[None]


@functools.cache
def hand_case() -> tuple[np.ndarray, list[np.ndarray]]:
    """Waves at 20 x 20 and 6 x 6 positions, classes 3 and 15 of 20."""
    labels = np.zeros((1, 20), "float32")
    labels[0, [2, 14]] = 1
    sin, cos = np.sin, np.cos
    return labels, [waves(lambda c, y, x: sin(0.37 * c + 0.21 * y + 0.13 * x), 20),
                    waves(lambda c, y, x: 0.5 + 0.5 * cos(0.29 * c + 0.17 * y - 0.11 * x), 20),
                    waves(lambda c, y, x: sin(0.37 * c + 0.7 * y + 0.43 * x + 0.1), 6),
                    waves(lambda c, y, x: 0.5 + 0.5 * cos(0.29 * c + 0.57 * y - 0.37 * x), 6)]


def test_terms_of_the_hand_case():
    labels, maps = hand_case()
    found = {key: float(value) for key, value in terms(labels, *maps).items()}
    expected = {"loss_cls1": 0.687817, "loss_cls2": 0.687009, "loss_rvmin1": 0.679850, "loss_rvmin2": 0.684234,
                "loss_cls": 1.369456, "loss_er": 0.007680, "loss_ecr": 0.346995 + 0.362749, "loss": 2.086881}
    assert found.keys() == expected.keys()
    np.testing.assert_allclose(list(found.values()), [expected[key] for key in found], atol=2e-6)


def test_gradients_of_the_hand_case():
    labels, maps = hand_case()
    variables = [keras.Variable(each) for each in maps]
    found = gradient(lambda: terms(labels, *map(ops.convert_to_tensor, variables))["loss"], variables)
    np.testing.assert_allclose([np.abs(one).sum() for one in found], [0.298342, 1.549258, 0.290219, 1.464549],
                               rtol=1e-4)
    for place, expected in (((0, 2, 2, 3), (-0.00003567, 0, -0.00038961, 0.06218077)),
                            ((0, 5, 1, 15), (-0.00002839, 0.00500000, -0.00030300, 0.00663184))):
        np.testing.assert_allclose([one[place] for one in found], expected, atol=2e-7, rtol=1e-4)


def test_the_norm_of_four_values():
    maps = np.float32([1, 3, 2, -1]).reshape(1, 2, 2, 1)
    np.testing.assert_allclose(np.ravel(normalise_maps(maps)), [0.333329, 0.999993, 0.666661, 0], atol=2e-6)


def test_the_first_of_equal_extremes_receives_the_gradient():
    x = keras.Variable(np.float32([2, 1, 3, 1, 3, 2]).reshape(1, 1, 6, 1))
    (found,) = gradient(lambda: ops.sum(normalise_maps(ops.convert_to_tensor(x))[0, 0, ::5]), [x])
    found = found.ravel()                                              # two values (2 - 1) / (3 - 1)
    np.testing.assert_allclose(found, [0.5, -0.5, -0.5, 0, 0, 0.5], atol=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 5), (20, 20)])
def test_minimum_pooling_beside_sorting(size):
    """One position counts at least."""
    maps = np.random.default_rng(0).normal(size=(3, *size, 4)).astype("float32")
    strongest = np.sort(maps.max(-1).reshape(3, -1), axis=1)[:, :max(1, size[0] * size[1] // 4)]
    np.testing.assert_allclose(minimum_pooling(maps), np.maximum(strongest, 0).mean(axis=1), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("share", [0.2, 0.5, 1.0, 1e-9])
def test_cross_equivariance_beside_sorting(share):
    """At least one difference counts."""
    one, other = np.random.default_rng(0).random((2, 2, 3, 4, 5)).astype("float32")
    kept = np.where((np.arange(5) == 0) | (one == one[..., 1:].max(-1, keepdims=True)), one, 0)
    apart = -np.sort(-np.abs(kept - other).reshape(2, -1), axis=1)[:, :max(1, int(60 * share))]
    np.testing.assert_allclose(cross_equivariance(one, other, share), apart.mean(axis=1), rtol=1e-5)


def test_class_maps_receive_nothing_of_the_cross_term():
    x = [keras.Variable(each) for each in np.random.default_rng(0).random((2, 1, 3, 4, 5)).astype("float32")]
    found = gradient(lambda: ops.sum(cross_equivariance(*map(ops.convert_to_tensor, x))), x)
    assert found[0] is None and np.count_nonzero(found[1]) == 12


def test_equal_maps_cost_nothing():
    maps = np.random.default_rng(0).random((2, 6, 6, 4)).astype("float32")
    same, _ = two_view_terms(np.ones((2, 3), "float32"), maps, maps, maps, maps)
    np.testing.assert_allclose(same, 0, atol=1e-7)
    assert not np.any(equivariance(maps, maps))


def test_an_absent_class_costs_nothing_but_counts_in_the_mean():
    random = np.random.default_rng(0)
    maps, refined = random.random((2, 1, 8, 8, 3)).astype("float32")
    small, small_refined = random.random((2, 1, 4, 4, 3)).astype("float32")
    one, other = (two_view_terms(np.float32([[1, 0]]), maps, refined, small * scale, small_refined)
                  for scale in (np.float32([1, 1, 1]), np.float32([1, 1, 0])))
    np.testing.assert_array_equal(one, other)
    alone, _ = two_view_terms(np.float32([[1]]), *(each[..., :2] for each in (maps, refined, small, small_refined)))
    np.testing.assert_allclose(one[0], alone / 2, rtol=1e-5)


def test_an_image_does_not_depend_on_the_others_and_sizes_may_be_unknown():
    random = np.random.default_rng(0)
    arrays = [random.normal(size=(3, side, side + 1, 4)).astype("float32") for side in (8, 8, 4, 4)]
    labels = np.float32([[1, 0, 0], [0, 1, 1], [1, 1, 1]])
    whole = np.stack(two_view_terms(labels, *arrays))
    for place in range(3):
        alone = np.stack(two_view_terms(*(each[place:place + 1] for each in (labels, *arrays))))
        np.testing.assert_allclose(alone[:, 0], whole[:, place], rtol=1e-5, atol=1e-7)
    spec = [tf.TensorSpec((None, 3)), *[tf.TensorSpec((None, None, None, 4))] * 4]
    graph = tf.function(two_view_terms, input_signature=spec, autograph=False)
    np.testing.assert_allclose(np.stack(graph(labels, *arrays)), whole, rtol=1e-5)
