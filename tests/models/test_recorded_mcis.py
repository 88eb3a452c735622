"""The whole network beside the original's recorded numbers, weights drawn by the rule of their description."""

import csv

import keras
import numpy as np
import pytest

from tests.support.arrays import channels_last, recorded
from tests.support.mcis import fill, torch_name
from tests.support.shared import shared_file
from tfwsss.backbones.vgg16 import vgg16
from tfwsss.losses.multilabel import MultilabelLoss
from tfwsss.models.mcis import HEADS, MCIS, feature_network
from tfwsss.training.optimizers import SGD

pytestmark = pytest.mark.large

MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@pytest.fixture(scope="module")
def released():
    """The whole network of the release with the recorded weights."""
    model = MCIS(vgg16(form="mcis"), num_classes=20, self_views=False)
    fill(model)
    return model


def recorded_pairs():
    """Images, normalised as the release does, and what it made of them."""
    data = dict(np.load(shared_file("fixtures/mcis/forward_97.npz"), allow_pickle=False))
    return [channels_last(data[key]) for key in ("x1", "x2")], data


def test_every_map_as_recorded(released):
    """In doubles: similarities reach 345 and stand in an exponent, where two libraries' float32 sums part by 3e-4."""
    images, data = recorded_pairs()
    keras.mixed_precision.set_dtype_policy("float64")
    model = MCIS(vgg16(form="mcis"), num_classes=20, self_views=False)
    model.set_weights(released.get_weights())
    trunk = model.backbone
    trunk = keras.Model(trunk.get_layer("subtract_mean").output, trunk.output["classifier"])
    features = [trunk(image.astype("float64")) for image in images]
    close = {"atol": 1e-4, "rtol": 1e-4}
    np.testing.assert_allclose(features[0][..., :16], channels_last(data["feature1"]), **close)
    np.testing.assert_allclose(np.sum(features[0]), data["feature1_sum"], rtol=1e-5)
    maps = [model.get_layer("fc8")(x) for x in features] + list(model.get_layer("co_attention")(*features))
    keys = ("cam1", "cam2", "co_map1", "co_map2", "comple_map1", "comple_map2")
    for found, key in zip(maps, keys, strict=True):
        np.testing.assert_allclose(found, channels_last(data[key]), **close, err_msg=key)
    read = model.get_layer("co_attention").read(*features, *features)
    spread = np.ptp(np.asarray(features[1][..., :16]), axis=(1, 2), keepdims=True)
    step = 2 * np.spacing(np.float32(345)) * spread      # what one float32 step of a similarity moves of what is read
    assert np.all(np.abs(read[0][..., :16] - channels_last(data["att1_first16"])) < 1e-4 + step)
    for place in (0, 1):
        np.testing.assert_allclose(model.get_layer("co_attention").gate(read[place]),
                                   channels_last(data[f"gate_logit{place + 1}"]), **close)


def test_features_and_scores_as_recorded(released):
    images, data = recorded_pairs()
    image = np.stack([(one * DEVIATION + MEAN) * 255 for one in images], axis=1).astype("float32")
    features, close = feature_network(released)(image[:, 0])["features"], {"atol": 1e-4, "rtol": 1e-4}
    np.testing.assert_allclose(features[..., :16], channels_last(data["feature1"]), **close)
    np.testing.assert_allclose(released.get_layer("fc8")(features), channels_last(data["cam1"]), **close)
    out = released({"image": image})
    by_image = [np.asarray(out["logits"]), np.asarray(out["common"])[:, 0], np.asarray(out["rest"])]
    expected = [data["scores"], data["co_scores"][:4], data["co_scores"][4:]]
    for found, stacked in zip(by_image, expected, strict=True):
        np.testing.assert_allclose(found.transpose(1, 0, 2).reshape(4, 20), stacked, **close)


def test_variables_and_their_rates_are_those_of_the_release(released):
    with shared_file("fixtures/mcis/parameters.tsv").open() as file:
        rows = {row["name"]: row for row in csv.DictReader(file, delimiter="\t")}
    optimiser = SGD(1e-3, 0.9, 5e-4, {**dict.fromkeys(HEADS, 10), "bias": 2}, ("*",), rate_outside=True, nesterov=True)
    optimiser.build(released.trainable_variables)
    assert {torch_name(weight.path) for weight in released.trainable_variables} == set(rows)
    for weight, factor in zip(released.trainable_variables, optimiser._factors, strict=True):
        row, shape = rows[torch_name(weight.path)], tuple(weight.shape)
        theirs = (shape[3], shape[2], *shape[:2]) if len(shape) == 4 else shape[::-1]
        assert row["shape"] == "x".join(map(str, theirs)) and float(row["lr_multiplier"]) == factor
    assert sum(np.prod(weight.shape) for weight in released.trainable_variables) == 22_077_268
    assert optimiser._decays == [5e-4] * 37


def test_soft_margin_as_recorded():
    data = recorded("mcis_soft_margin")
    found = MultilabelLoss(mean_over_classes=True)(data["labels"], data["logits"])
    np.testing.assert_allclose(float(found), data["loss"], rtol=1e-6)
