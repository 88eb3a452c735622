import keras
import numpy as np
import pytest

from tfwsss.backbones.mobilenet_v2 import mobilenet_v2
from tfwsss.backbones.resnet38 import resnet38
from tfwsss.backbones.resnet_v2 import resnet_v2
from tfwsss.backbones.small import small
from tfwsss.backbones.vgg16 import vgg16
from tfwsss.backbones.vit import vit

BUILDERS = {"vgg16": lambda: vgg16(width=1 / 16, head_channels=4), "mobilenet_v2": lambda: mobilenet_v2(width=0.35),
            "vgg16 of affinitynet": lambda: vgg16(width=1 / 16, head_channels=4, form="affinitynet", fc6_dilation=4),
            "resnet38": lambda: resnet38(width=1 / 64), "small": lambda: small(width=0.1),
            "resnet50": lambda: resnet_v2(50, width=1 / 64),
            "resnet50_keras": lambda: resnet_v2(50, form="keras", width=1 / 64),
            "clip_b16": lambda: vit("clip_b16", width=1 / 64),
            "dinov2_small": lambda: vit("dinov2_small", width=1 / 64)}


@pytest.mark.parametrize("name", BUILDERS)
def test_flat_named_and_saved_exactly(name, tmp_path):
    model = BUILDERS[name]()
    assert model.name == name.split()[0] and model.inputs[0].name == "image"
    assert set(model.output) == {"features", "classifier"}
    assert not [layer for layer in model.layers if isinstance(layer, (keras.Model, keras.layers.Lambda))]
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert [w.path for w in again.weights] == [w.path for w in model.weights]
    assert [w.trainable for w in again.weights] == [w.trainable for w in model.weights]
    image = np.random.default_rng(0).uniform(0, 255, (2, 37, 44, 3)).astype("float32")
    for key, value in model(image).items():
        np.testing.assert_array_equal(again(image)[key], value)


@pytest.mark.parametrize("name", BUILDERS)
def test_half_precision_is_finite(name):
    keras.utils.set_random_seed(0)
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    maps = BUILDERS[name]()(np.random.default_rng(0).uniform(0, 255, (1, 33, 33, 3)).astype("float32"))
    assert all(np.isfinite(value).all() for value in maps.values())
