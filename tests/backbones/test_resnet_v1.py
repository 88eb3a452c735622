"""torchvision's ResNet beside maps that PyTorch computed, and its shapes."""

import keras
import numpy as np
import pytest

from tests.backbones.record_resnet_v1 import CHANNELS, RECORDED, UNITS
from tfwsss.backbones.facts import facts_of
from tfwsss.backbones.resnet_v1 import resnet_v1
from tfwsss.errors import UserError
from tfwsss.weights.assign import assign


@pytest.fixture(scope="module")
def recorded() -> dict[str, np.ndarray]:
    with np.load(RECORDED / "torch_resnet_v1.npz") as file:
        return {key: file[key] for key in file.files}


@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_maps_are_pytorchs(recorded, output_stride):
    """Every stride and dilation, with trained-like statistics; the names lead each array to its place."""
    model = resnet_v1(50, output_stride=output_stride, units=UNITS, channels=CHANNELS)
    state = {key.removeprefix("state."): value for key, value in recorded.items() if key.startswith("state.")}
    assert len(assign(model, state, "torchvision_resnet50").filled) == len(model.weights)
    maps, expected = model(recorded["image"])["features"].numpy(), recorded[f"maps.{output_stride}"]
    assert maps.shape == expected.shape
    np.testing.assert_allclose(maps, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize(("depth", "count"), [(50, 53), (101, 104)])
def test_layers_of_the_published_networks(depth, count):
    model = resnet_v1(depth, width=1 / 64)
    assert sum(isinstance(layer, keras.layers.Conv2D) for layer in model.layers) == count
    assert not any(layer.trainable_variables for layer in model.layers
                   if isinstance(layer, keras.layers.BatchNormalization))
    facts = facts_of(model.name)
    assert model.name == f"resnet{depth}_torch" and facts.colour == (123.675, 116.28, 103.53)
    assert {tuple(model.get_layer(tap).output.shape) for tap in facts.taps} == {(None, None, None, 32)}


def test_unknown_choices_are_told():
    for wrong in ({"depth": 34}, {"output_stride": 4}):
        with pytest.raises(UserError, match="resnet_v1: .* expected one of"):
            resnet_v1(**wrong)
