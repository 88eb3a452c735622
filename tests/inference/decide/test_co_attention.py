"""Co-attention maps of one image beside the release's steps written out, pair after pair."""

import functools

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from tfwsss.backbones.small import small
from tfwsss.inference.decide.co_attention import decide_by_co_attention, merged_maps, own_view_maps, reference_maps
from tfwsss.inference.decide.proxy_labels import decide_by_proxy_labels
from tfwsss.inference.references import in_half, reference_set
from tfwsss.inference.views import Picture
from tfwsss.models.mcis import MCIS, pair_network
from tfwsss.ops.proxy_labels import MCIS_LIMITS

CHANNELS, CLASSES = 10, 4
SIZES = {"features": (6, 6), "mirrored": (6, 6), "smaller": (4, 4), "larger": (12, 12)}


@pytest.fixture(scope="module")
def pairs() -> keras.Model:
    keras.utils.set_random_seed(0)
    model = MCIS(small(width=0.1), CLASSES)
    for kernel in model.get_layer("co_attention").trainable_variables:
        kernel.assign(kernel * 4)                              # so that references differ
    return pair_network(model)


def features(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1.5, (*shape, CHANNELS)).astype("float32")


def seen() -> dict:
    return {key: features(*size, seed=place) for place, (key, size) in enumerate(SIZES.items())}


def alone(pairs, one, other) -> tuple[np.ndarray, np.ndarray]:
    maps = pairs({"features": one[None], "reference": other[None]})
    return np.asarray(maps["cam"])[0], np.asarray(maps["reference_cam"])[0]


def brought(maps: np.ndarray) -> np.ndarray:
    return np.stack([cv2.resize(plane, (6, 6), interpolation=cv2.INTER_CUBIC) for plane in np.moveaxis(maps, -1, 0)],
                    axis=-1)


def released(pairs, own, references, labels) -> np.ndarray:
    """Steps 1 to 4 of the release, in float32."""
    first, other = alone(pairs, own["features"], own["mirrored"])
    listed = [first, other[:, ::-1], *(brought(alone(pairs, own["features"], own[view])[1])
                                       for view in ("smaller", "larger"))]
    merged = np.zeros((6, 6, len(labels)), np.uint8)
    for place, label in enumerate(labels):
        planes = [maps[..., label] for maps in listed]
        if references is not None:
            mine = [alone(pairs, own["features"], one)[0][..., label] for one in references[place]]
            planes.append((sum(mine) / np.float32(len(mine))).astype(np.float32))
        total = np.zeros((6, 6), np.float32)
        for number, plane in enumerate(planes):
            if number and 1 / (1 + np.exp(-plane.mean())) <= 0.1:
                continue
            positive = np.maximum(plane, 0)
            total += positive / (positive.max() + np.float32(1e-8)) * np.float32(255)
        merged[..., place] = (total / np.float32(len(planes))).astype(np.uint8)
    return merged


def near(found, expected: np.ndarray) -> None:
    """A level of grey may fall to either side of a whole number."""
    away = np.abs(np.asarray(found).astype(int) - expected)
    assert np.asarray(found).dtype == np.uint8 and away.max() <= 1 and np.mean(away) < 0.02
    assert len(np.unique(expected)) > 20


@pytest.mark.parametrize("count", [0, 1, 3])
def test_maps_are_merged_as_released(pairs, count):
    own, labels = seen(), np.int32([2, 0])
    references = features(2, count, 5, 7, seed=9) if count else None
    near(merged_maps(pairs, own, references, labels), released(pairs, own, references, labels))


def test_references_alone(pairs):
    """Each gives a map of its own class."""
    own, references, labels = {"features": seen()["features"]}, features(2, 3, 5, 7, seed=9), np.int32([2, 0])
    found = np.asarray(reference_maps(pairs, own, references, labels))
    for place, label in enumerate(labels):
        for number, one in enumerate(references[place]):
            np.testing.assert_allclose(found[place, number], alone(pairs, own["features"], one)[0][..., label],
                                       rtol=1e-4, atol=1e-5)
    assert own_view_maps(pairs, own) == []
    assert merged_maps(pairs, own, references, labels).shape == (6, 6, 2)


def test_corners_on_corners(pairs):
    """Of a grid of twice the steps every second position is one of the image's own."""
    own = {**seen(), "smaller": features(5, 5), "larger": features(11, 11)}
    *_, larger = own_view_maps(pairs, own, corners_aligned=True)
    np.testing.assert_allclose(larger, alone(pairs, own["features"], own["larger"])[1][::2, ::2], rtol=1e-4, atol=1e-5)


def test_an_image_without_classes_has_no_maps(pairs):
    nothing = features(0, 3, 5, 7)
    assert merged_maps(pairs, seen(), nothing, np.zeros(0, np.int32)).shape == (6, 6, 0)


def test_kept_references_decide_in_a_graph(pairs):
    """For unknown sizes; a rule of merged maps comes after."""
    kept, own, labels = features(CLASSES, 2, 6, 6, seed=5), seen(), np.int32([3, 1])
    rule, network = functools.partial(decide_by_proxy_labels, MCIS_LIMITS, 0.4), reference_set(kept)
    unknown = {key: tf.TensorSpec((None, None, CHANNELS)) for key in own}

    @tf.function(input_signature=[unknown, tf.TensorSpec((None,), tf.int32)])
    def graph(maps, classes):
        return decide_by_co_attention(pairs, network, False, rule, maps, Picture((20, 30), (20, 30)), classes)

    found = graph(own, labels)
    merged = merged_maps(pairs, own, in_half(kept)[labels].astype("float32"), labels)
    expected = rule({"cam": tf.cast(merged, "float32")}, Picture((20, 30), (20, 30)), np.int32([0, 1]))
    assert found.ids.shape == (20, 30) and np.mean(found.ids.numpy() != np.asarray(expected.ids)) < 0.01
    assert len(np.unique(expected.ids)) > 1
    empty = graph(own, np.zeros(0, np.int32))
    assert empty.ids.shape == (20, 30) and empty.scores.shape == (20, 30, 1)
