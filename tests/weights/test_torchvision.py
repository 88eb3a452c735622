"""torchvision's names, and its VGG-16 seen through a form that reads other colours."""

import keras
import numpy as np
import pytest

from tests.support.tiny_run import call
from tests.weights.foreign import NARROW, filled, in_torchvision, write_pth
from tfwsss.backbones.initial import load_initial
from tfwsss.backbones.vgg16 import vgg16
from tfwsss.weights.names import NETWORKS, likely_network
from tfwsss.weights.torchvision import DEVIATION, MEAN


@pytest.mark.parametrize(("depth", "units"), [(50, (3, 4, 6, 3)), (101, (3, 4, 23, 3))])
def test_every_array_of_a_resnet_has_one_place(depth, units):
    """By torchvision's own scheme of names, written out; a file of the other depth is told apart."""
    kinds = ("weight", "bias", "running_mean", "running_var")
    names = ["conv1.weight", *(f"bn1.{kind}" for kind in kinds)]
    for stage, count in enumerate(units, 1):
        for unit in range(count):
            start = f"layer{stage}.{unit}"
            names += [f"{start}.conv{number}.weight" for number in (1, 2, 3)]
            names += [f"{start}.bn{number}.{kind}" for number in (1, 2, 3) for kind in kinds]
            names += [] if unit else [f"{start}.downsample.0.weight", *(f"{start}.downsample.1.{k}" for k in kinds)]
    network = NETWORKS[f"torchvision_resnet{depth}"]
    places = [place for name in names for place in network.rule_for(name).places(name)]
    assert len(set(places)) == len(names) == {50: 265, 101: 520}[depth]
    assert likely_network(names) == f"torchvision_resnet{depth}"
    assert network.rule_for("fc.weight").why and network.rule_for("layer1.0.bn1.num_batches_tracked").why
    if depth == 50:
        assert network.rule_for("layer3.22.conv1.weight") is None


def test_vgg16_of_torchvision_sees_the_same_picture(tmp_path):
    """The first layer gives what torchvision's gives, by its equation; fully connected layers are thinned."""
    source = filled(vgg16(width=NARROW, form="affinitynet", head_channels=8))
    arrays, random = in_torchvision(source), np.random.default_rng(0)
    channels = arrays["features.28.weight"].shape[0]
    shapes = {"classifier.0.weight": (16, channels * 49), "classifier.0.bias": 16, "classifier.3.weight": (16, 16),
              "classifier.3.bias": 16}
    arrays |= {name: random.normal(size=shape) for name, shape in shapes.items()}
    file = write_pth(tmp_path / "x.pth", {f"module.{name}": array for name, array in arrays.items()})
    answer = call("convert", file, "--to", tmp_path / "x.weights.h5", "--json")
    assert answer.code == 0 and answer.result["network"] == "torchvision_vgg16", answer.err
    assert "from RGB to BGR, and from torchvision's scale" in answer.result["turned"]
    model = vgg16(width=NARROW, form="affinitynet", head_channels=16)
    load_initial(model, tmp_path / "x.weights.h5")
    picture = random.integers(0, 256, (1, 5, 5, 3)).astype(np.float32)
    first = keras.Model(model.input, model.get_layer("conv1_1").output)(picture).numpy()[0, 1:-1, 1:-1]
    seen = (picture[0] / 255 - MEAN) / DEVIATION
    for row, column in np.ndindex(3, 3):
        patch = seen[row:row + 3, column:column + 3].transpose(2, 0, 1)                     # (channel, row, column)
        expected = (arrays["features.0.weight"] * patch).sum((1, 2, 3)) + arrays["features.0.bias"]
        np.testing.assert_allclose(first[row, column], np.maximum(expected, 0), rtol=1e-4, atol=1e-4)
    square = arrays["classifier.0.weight"].reshape(16, channels, 7, 7)
    kernel = np.array(model.get_layer("fc6").kernel)                                        # (row, column, in, out)
    assert kernel.shape == (3, 3, channels, 16)
    np.testing.assert_allclose(kernel[2, 0, :, 5], square[5, :, 6, 0], rtol=1e-6)
    second = np.array(model.get_layer("fc7").kernel)[0, 0]
    np.testing.assert_allclose(second, arrays["classifier.3.weight"].T, rtol=1e-6)


def test_vgg16_without_dense_layers(tmp_path):
    file = write_pth(tmp_path / "x.pth", in_torchvision(filled(vgg16(width=NARROW, form="affinitynet"))))
    result = call("convert", file, "--to", tmp_path / "x.weights.h5", "--network", "torchvision_vgg16", "--json").result
    assert set(result["fresh"]) == {f"{layer}/{leaf}" for layer in ("fc6", "fc7") for leaf in ("kernel", "bias")}
