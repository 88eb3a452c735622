"""Pre-activation ResNets: MXNet's against a network it ran, Keras' against keras.applications.

Recorded: the first image and every fourth channel of the shared `backbone_small.npz`.
"""

import gc
import json
import zlib

import keras
import numpy as np
import pytest

from tests.backbones.test_mobilenet_v2 import fill
from tests.support.arrays import channels_last, recorded
from tfwsss.backbones.initial import load_initial
from tfwsss.backbones.resnet_v2 import resnet_v2
from tfwsss.errors import UserError
from tfwsss.weights.assign import assign

MODULE = 4 * 2048 * 1024 + 2 * 2048                            # CIAN's affinity module: four kernels, scale and offset
CLASSIFIER = 21 * 2048 * 9


def by_rule(name, shape):
    """Returns the array that the fixtures' rule gives a name."""
    random = np.random.RandomState(zlib.crc32(name.encode()) & 0x7FFFFFFF)
    data = name.startswith("bn_data")
    if name.endswith("moving_mean"):
        return np.float32([123.7, 116.3, 103.5]) if data else np.float32(0.1 * random.randn(*shape))
    if name.endswith("moving_var"):
        return np.float32([3400, 3300, 3450]) if data else np.float32(0.5 * random.rand(*shape) + 0.75)
    if name.endswith("beta"):
        return np.float32(0.05 * random.randn(*shape))
    if name.endswith("gamma"):
        return np.float32(0.4 * random.rand(*shape) + 0.8)
    gain = 0.2 if name.endswith(("_conv3_weight", "_sc_weight")) else 1.0
    return np.float32(random.randn(*shape) * np.sqrt(gain / np.prod(shape[1:])))


def test_as_mxnet_computes_it():
    """All strides and dilations as released; data BN with a stored gamma that is not to be used."""
    data = recorded("cian_backbone_small")
    model = resnet_v2(50, units=(1, 2, 2, 1), channels=(8, 16, 32, 64, 128))
    arrays = {f"{room}:{name}": by_rule(name, shape) for room, names in json.loads(str(data["params_json"])).items()
              for name, shape in names.items()}
    assert not np.allclose(arrays["arg:bn_data_gamma"], 1)
    assign(model, arrays, "resnet50_imagenet")
    found = np.asarray(model(channels_last(data["image"]).astype("float32"))["features"])
    expected = channels_last(data["out"])
    assert found.shape[1:3] == (9, 9) and expected.std() > 0.05
    np.testing.assert_allclose(found[..., ::4], expected, atol=1e-5 * expected.max())


@pytest.mark.parametrize(("depth", "arguments", "auxiliary", "parameters"), [
    (50, 155, 102, 32_280_262), (101, 308, 204, 51_272_390)])
def test_arrays_and_parameters_are_the_release(depth, arguments, auxiliary, parameters):
    model = resnet_v2(depth)
    moving = [w for w in model.weights if "moving" in w.path]
    assert (len(model.weights) - len(moving) + 1, len(moving)) == (arguments, auxiliary)     # bn_data's gamma is fixed
    stored = model.count_params() + 3 - sum(int(np.prod(w.shape)) for w in moving)
    assert stored == parameters - MODULE - CLASSIFIER
    assert {w.path.rpartition("/")[2] for w in model.trainable_weights} == {"kernel"}
    assert len([w for w in model.weights if w.path.endswith(("gamma", "beta"))]) + 1 == auxiliary
    assert tuple(model.get_layer("stage4_unit3_conv2").kernel.shape) == (3, 3, 512, 512)
    assert model.get_layer(f"stage3_unit{6 if depth == 50 else 23}_conv3").filters == 1024


def steps(model, names):
    """Returns (stride, dilation) of some convolutions."""
    layers = [model.get_layer(name) for name in names]
    return [(layer.strides[0], layer.dilation_rate[0]) for layer in layers]


@pytest.mark.parametrize(("output_stride", "expected"), [
    (8, [(1, 1), (2, 1), (1, 2), (1, 4)]), (16, [(1, 1), (2, 1), (2, 1), (1, 2)]),
    (32, [(1, 1), (2, 1), (2, 1), (2, 1)])])
def test_mxnets_form_dilates_from_the_first_unit_on(output_stride, expected):
    model = resnet_v2(50, width=1 / 64, output_stride=output_stride)
    assert steps(model, [f"stage{stage}_unit1_conv2" for stage in (1, 2, 3, 4)]) == expected
    assert steps(model, [f"stage{stage}_unit2_conv2" for stage in (1, 2, 3, 4)]) == [(1, d) for _, d in expected]
    assert steps(model, [f"stage{stage}_unit1_sc" for stage in (1, 2, 3, 4)]) == [(s, 1) for s, _ in expected]
    maps = model(np.zeros((1, 96, 65, 3), "float32"))
    assert {tuple(value.shape[1:3]) for value in maps.values()} == {(96 // output_stride, 64 // output_stride + 1)}


@pytest.mark.parametrize("form", ["mxnet", "keras"])
def test_strides_pad_both_sides_alike_at_even_sizes(form):
    model = resnet_v2(50, form=form, width=1 / 64, output_stride=32)
    name = "stage2_unit1_conv2" if form == "mxnet" else "conv3_block4_2_conv"
    convolution = model.get_layer(name)
    convolution.set_weights([np.ones_like(convolution.kernel)])
    found = convolution(model.get_layer(f"{name}_pad")(np.ones((1, 4, 4, convolution.kernel.shape[2]), "float32")))
    np.testing.assert_array_equal(np.asarray(found)[0, :, :, 0] / convolution.kernel.shape[2], [[4, 6], [6, 9]])
    maximum = model.get_layer("pool")(model.get_layer("pool_pad")(
        20 - np.arange(1, 17, dtype="float32").reshape(1, 4, 4, 1)))
    np.testing.assert_array_equal(maximum[0, :, :, 0], [[19, 18], [15, 14]])


@pytest.fixture(scope="module")
def keras_resnet50(tmp_path_factory):
    """Keras' own network with numbers of its own everywhere, and the file it saves."""
    model = keras.applications.ResNet50V2(include_top=False, weights=None)
    fill(model)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):             # so that sixteen units keep the size of their numbers
            layer.kernel.assign(layer.kernel / np.sqrt(0.02 * np.prod(layer.kernel.shape[:3])))
    path = tmp_path_factory.mktemp("keras") / "resnet50v2.weights.h5"
    model.save_weights(path)
    return model, path


@pytest.mark.parametrize(("stride", "size"), [(32, (64, 97)), (16, (65, 96)), (8, (97, 70))])
def test_keras_form_holds_the_maps_of_keras_applications(keras_resnet50, stride, size):
    theirs, path = keras_resnet50
    ours = resnet_v2(50, form="keras", output_stride=stride)
    assert load_initial(ours, path) == ()
    image = np.random.default_rng(1).uniform(0, 255, (1, *size, 3)).astype("float32")
    expected = np.asarray(theirs(keras.applications.resnet_v2.preprocess_input(image.copy())))
    found, step = np.asarray(ours(image)["classifier"]), 32 // stride
    assert found.shape[1:3] == tuple(-(-side // stride) for side in size) and expected.std() > 0.1
    np.testing.assert_allclose(found[:, ::step, ::step], expected, atol=2e-5 * expected.max())


def test_keras_form_of_101_layers_has_the_variables_of_keras_applications():
    def variables(network) -> list[tuple]:
        return [(w.path, w.shape) for w in network.weights]

    theirs = variables(keras.applications.ResNet101V2(include_top=False, weights=None, input_shape=(64, 64, 3)))
    gc.collect()                                               # 170 MB, before as many again
    assert variables(resnet_v2(101, form="keras")) == theirs


@pytest.mark.parametrize("form", ["mxnet", "keras"])
def test_norms_neither_learn_nor_move(form):
    model = resnet_v2(50, form=form, width=1 / 64)
    before = [np.asarray(w) for w in model.non_trainable_weights]
    image = np.random.default_rng(0).uniform(0, 255, (2, 33, 33, 3)).astype("float32")
    np.testing.assert_array_equal(model(image, training=True)["features"], model(image)["features"])
    assert len(before) == 4 * (48 + (2 if form == "mxnet" else 1)) + (3 if form == "mxnet" else 0)
    for one, other in zip(before, model.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("settings", "words"), [
    ({"depth": 34}, "resnet_v2: depth is 34; expected one of 50, 101"),
    ({"form": "torch"}, "form is 'torch'; expected one of mxnet, keras"),
    ({"output_stride": 4}, "output_stride is 4; expected one of 8, 16, 32")])
def test_what_there_is_not(settings, words):
    with pytest.raises(UserError, match=words):
        resnet_v2(**settings)
