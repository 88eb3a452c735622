import keras
import numpy as np
import pytest

from tests.support.shared import shared_file
from tfwsss.backbones.initial import load_initial
from tfwsss.backbones.mobilenet_v2 import mobilenet_v2
from tfwsss.errors import UserError


def fill(model, seed=0):
    """Gives every weight a value of its own, so that a wrong order or wiring shows."""
    random = np.random.default_rng(seed)
    for weight in model.weights:
        low, high = (0.5, 1.5) if weight.path.endswith(("variance", "gamma")) else (-0.2, 0.2)
        weight.assign(random.uniform(low, high, weight.shape))


@pytest.mark.parametrize("size", [(64, 97), (65, 33)])
def test_same_as_keras_applications(size):
    theirs = keras.applications.MobileNetV2(include_top=False, weights=None, alpha=0.35, input_shape=(*size, 3))
    ours = mobilenet_v2(output_stride=32, width=0.35)
    fill(theirs)
    assert load_initial(ours, {w.path: np.asarray(w) for w in theirs.weights}) == ()
    image = np.random.default_rng(1).uniform(0, 255, (1, *size, 3)).astype("float32")
    expected = np.asarray(theirs(keras.applications.mobilenet_v2.preprocess_input(image.copy())))
    assert expected.std() > 1e-2
    np.testing.assert_allclose(ours(image)["classifier"], expected, atol=1e-5)


@pytest.mark.parametrize("stride", [8, 16])
def test_dilated_maps_hold_the_coarse_ones(stride):
    coarse, fine = mobilenet_v2(output_stride=32, width=0.35), mobilenet_v2(output_stride=stride, width=0.35)
    fill(coarse)
    fine.set_weights(coarse.get_weights())
    image = np.random.default_rng(2).uniform(0, 255, (1, 65, 97, 3)).astype("float32")
    step = 32 // stride
    for key in ("features", "classifier"):
        expected = np.asarray(coarse(image)[key])
        np.testing.assert_allclose(np.asarray(fine(image)[key])[:, ::step, ::step], expected,
                                   atol=1e-5 * np.abs(expected).max())


def test_imagenet_file_fills_everything():
    path = shared_file("data/weights/mobilenet_v2_1.0_224_no_top.weights.h5")
    theirs = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(64, 65, 3))
    theirs.load_weights(path)
    ours = mobilenet_v2(output_stride=32)
    assert load_initial(ours, path) == ()
    image = np.random.default_rng(3).uniform(0, 255, (1, 64, 65, 3)).astype("float32")
    expected = np.asarray(theirs(keras.applications.mobilenet_v2.preprocess_input(image.copy())))
    np.testing.assert_allclose(ours(image)["classifier"], expected, atol=1e-5 * expected.max())


def test_norms_are_frozen_unless_asked():
    norms = [w for w in mobilenet_v2(width=0.35).trainable_weights if "BN" in w.path or "bn" in w.path]
    assert norms == []
    assert len(mobilenet_v2(width=0.35, learning_norm="all").trainable_weights) == 52 * 3
    late = mobilenet_v2(width=0.35, tap="block_13_expand_relu", learning_norm="after_tap")
    assert len(late.trainable_weights) == 52 + 12 * 2      # a kernel each; scale and offset of the last twelve
    with pytest.raises(UserError, match="learning_norm is 'some'; expected one of none"):
        mobilenet_v2(learning_norm="some")


def test_frozen_norms_do_not_move_in_training():
    model = mobilenet_v2(width=0.35)
    before = [np.asarray(w) for w in model.non_trainable_weights]
    model(np.random.default_rng(0).uniform(0, 255, (2, 33, 33, 3)), training=True)
    for one, other in zip(before, model.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_taps_and_mistakes():
    maps = mobilenet_v2(width=0.35, tap="block_12_add")(np.zeros((1, 33, 65, 3), "float32"))
    assert tuple(maps["features"].shape) == (1, 3, 5, 32)
    with pytest.raises(UserError, match="block_99"):
        mobilenet_v2(width=0.35, tap="block_99")
    with pytest.raises(UserError, match="8, 16 or 32"):
        mobilenet_v2(output_stride=4)
