import inspect
import typing

import keras
import numpy as np
import pytest

from tfwsss.backbones.build import build_backbone
from tfwsss.backbones.mobilenet_v2 import mobilenet_v2
from tfwsss.backbones.resnet_v2 import resnet_v2
from tfwsss.backbones.small import small
from tfwsss.backbones.vgg16 import vgg16
from tfwsss.errors import UserError
from tfwsss.settings.sections import BackboneSettings

NARROW = {"vgg16": 0.02, "mobilenet_v2": 0.1, "small": 0.1, "resnet50": 0.02, "resnet101_keras": 0.02,
          "clip_b16": 1 / 64, "dinov2_small": 1 / 64}
STRIDES = {"vgg16": 8, "mobilenet_v2": 16, "small": 4, "resnet50": 16, "resnet101_keras": 16,
           "clip_b16": 16, "dinov2_small": 14}


@pytest.fixture(autouse=True)
def _fresh():
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)


@pytest.mark.parametrize("name", NARROW)
def test_every_name_gives_its_network(name):
    backbone = build_backbone(name, width=NARROW[name])
    assert backbone.name == name and set(backbone.output) == {"features", "classifier"}
    maps = backbone(np.zeros((1, 33, 65, 3), "float32"))
    side = STRIDES[name]
    assert {tuple(value.shape[1:3]) for value in maps.values()} == {(-(-33 // side), -(-65 // side))}


@pytest.mark.parametrize(("name", "frozen", "learns"), [
    ("small", None, True), ("small", True, False), ("dinov2_small", None, False), ("dinov2_small", False, True)])
def test_transformers_are_frozen_unless_told_otherwise(name, frozen, learns):
    assert bool(build_backbone(name, width=NARROW[name], frozen=frozen).trainable_weights) == learns


def test_settings_are_the_arguments():
    """What a configuration says of a backbone can be handed on as it is, and its defaults are the same."""
    fields, parameters = BackboneSettings.model_fields, inspect.signature(build_backbone).parameters
    assert set(fields) <= set(parameters)
    own = {"name", "initial"}
    assert {key: fields[key].default for key in set(fields) - own} == \
        {key: parameters[key].default for key in set(fields) - own}


@pytest.mark.parametrize("name", typing.get_args(BackboneSettings.model_fields["name"].annotation))
def test_every_name_of_the_settings_is_known(name):
    assert build_backbone(name, width=0.05).name == name


def shapes(model: keras.Model) -> list[tuple]:
    return [(weight.path, tuple(weight.shape)) for weight in model.weights]


@pytest.mark.parametrize(("settings", "expected"), [
    ({"name": "small", "width": 0.2}, lambda: small(width=0.2)),
    ({"name": "vgg16", "width": 0.05}, lambda: vgg16(width=0.05)),
    ({"name": "mobilenet_v2", "width": 0.1, "output_stride": 8, "tap": "block_3_expand_relu"},
     lambda: mobilenet_v2(width=0.1, output_stride=8, tap="block_3_expand_relu")),
    ({"name": "resnet101", "width": 0.02, "output_stride": 8}, lambda: resnet_v2(101, width=0.02)),
    ({"name": "resnet50_keras", "width": 0.02, "output_stride": 32},
     lambda: resnet_v2(50, form="keras", width=0.02, output_stride=32))])
def test_settings_reach_the_network(settings, expected):
    found = build_backbone(**settings)
    assert shapes(found) == shapes(expected())
    image = np.zeros((1, 65, 65, 3), "float32")
    assert {key: value.shape for key, value in found(image).items()} == \
        {key: value.shape for key, value in expected()(image).items()}


@pytest.mark.parametrize("as_text", [True, False])
def test_initial_weights_are_read(tmp_path, as_text):
    source = small(width=0.1)
    source.save_weights(tmp_path / "a.weights.h5")
    path = tmp_path / "a.weights.h5"
    found = build_backbone("small", initial=str(path) if as_text else path, width=0.1)
    for ours, theirs in zip(found.weights, source.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_without_weights_every_network_is_another():
    one, other = (build_backbone("small", width=0.1).weights[0] for _ in range(2))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(("settings", "words"), [
    ({"name": "small", "initial": "no.weights.h5"}, "no.weights.h5: no such weight file"),
    ({"name": "small", "initial": "imagenet"}, "initial weights 'imagenet': none exist for backbone 'small'"),
    ({"name": "resnet50", "initial": "imagenet", "width": 0.02},
     "none exist for backbone 'resnet50'; use one of vgg16, resnet50_keras, resnet101_keras, mobilenet_v2 or leave"),
    ({"name": "mobilenet_v2", "tap": "block_99", "width": 0.1}, "mobilenet_v2: no layer is named 'block_99'"),
    ({"name": "mobilenet_v2", "output_stride": 4, "width": 0.1}, "output_stride is 4; expected 8, 16 or 32")])
def test_what_there_is_not(settings, words):
    with pytest.raises(UserError, match=words):
        build_backbone(**settings)


def test_weights_of_another_width(tmp_path):
    small(width=0.2).save_weights(tmp_path / "a.weights.h5")
    with pytest.raises(UserError, match="use weights of the same network and width"):
        build_backbone("small", initial=tmp_path / "a.weights.h5", width=0.1)
