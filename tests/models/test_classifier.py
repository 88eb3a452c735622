import keras
import numpy as np
import pytest
from keras import ops

from tests.support.arrays import channels_last, recorded
from tests.support.fits import compiled
from tests.support.psa import fill, worst
from tests.support.replicas import assert_one_step_equals_that_of_two, of_one_step
from tests.support.shared import shared_file
from tfwsss.backbones.small import small
from tfwsss.backbones.vgg16 import vgg16
from tfwsss.models.classifier import Classifier, class_maps
from tfwsss.training.optimizers import SGD

TAPS = {"conv4": "conv4_3", "conv5": "conv5_3", "conv5fc": "fc7"}


@pytest.fixture(scope="module")
def released():
    """VGG-16 of AffinityNet with the recorded network's weights, and its taps."""
    model = Classifier(vgg16(form="affinitynet"), num_classes=20, root=True)
    fill(model, "vgg16_cls")
    assert (model.count_params(), len(model.trainable_weights), len(model.weights)) == (20_504_384, 23, 31)
    taps = {key: model.get_layer(layer).output for key, layer in {**TAPS, "x": "subtract_mean"}.items()}
    return keras.Model(model.input["image"], {**model.output, **taps})


def test_vgg16_at_even_sizes_as_recorded(released):
    data = recorded("psa_even_vgg16_cls")
    out = released(data["image"][None].astype("float32"))
    for key in TAPS:
        assert worst(out[key][..., :8], channels_last(data[f"{key}_c0_8"])) < 1e-4
        assert worst(ops.mean(out[key], (0, 1, 2)), data[f"{key}_chan_mean"]) < 1e-4
    assert worst(out["cam"], channels_last(data["cam"])) < 1e-4
    assert worst(out["logits"], data["logits"]) < 1e-4


def test_vgg16_at_odd_sizes_as_recorded(released):
    data = np.load(shared_file("fixtures/psa/vgg16_cls.npz"), allow_pickle=False)
    out = released(data["image"][None].astype("float32"))
    for key in (*TAPS, "x", "cam"):
        assert worst(out[key], channels_last(data[key])) < 1e-4, key
    assert worst(out["logits"], data["logits"]) < 1e-4


def batch(count=8, side=17):
    random = np.random.default_rng(0)
    labels = np.eye(3, dtype="float32")[np.arange(count) % 3]
    image = random.uniform(0, 255, (count, side, side, 3)) * 0.5 + labels[:, None, None, :] * 100
    return {"image": image.astype("float32"), "labels": labels}


def tiny(**settings):
    keras.utils.set_random_seed(1)
    return Classifier(small(width=0.2), num_classes=3, **settings)


def fit(model, data, epochs):
    compiled(model, SGD(0.05, coupled_decay=5e-4, multipliers={"fc8": 10}), epochs)
    return model.fit(data, {"labels": data["labels"]}, batch_size=len(data["image"]), epochs=epochs, shuffle=False,
                     verbose=0).history


def test_learns_what_images_hold_and_logs_the_mean_over_classes():
    model, data = tiny(dropout=0.0), batch()
    logits = np.asarray(model(data, training=True)["logits"], "float64")
    chance = 1 / (1 + np.exp(-logits))
    expected = -np.mean(np.log(np.where(data["labels"] > 0, chance, 1 - chance)))
    history = fit(model, data, epochs=30)
    np.testing.assert_allclose(history["loss"][0], expected, rtol=1e-4)
    assert history["loss"][-1] < 0.2 * history["loss"][0]
    np.testing.assert_array_equal(np.asarray(model(data)["logits"]).argmax(-1), data["labels"].argmax(-1))


@pytest.mark.parametrize("root", [False, True])
def test_logits_are_the_mean_of_what_class_maps_show(root):
    model = tiny(root=root)
    image = batch()["image"]
    raw = keras.Model(model.input["image"], model.get_layer("position_logits").output)(image)
    out = model({"image": image})
    np.testing.assert_allclose(out["logits"], np.mean(raw, (1, 2)), atol=1e-6)
    positive = np.maximum(raw, 0)
    assert (positive == 0).any() and (positive > 0).any()
    np.testing.assert_allclose(out["cam"], np.sqrt(positive) if root else positive, atol=1e-6)


def test_whole_channels_are_dropped_in_training_only():
    model = tiny(dropout=0.5)
    image = ops.convert_to_tensor(batch()["image"])
    dropped = keras.Model(model.input["image"], model.get_layer("fc8_dropout").output)
    channel_sums = np.asarray(ops.sum(dropped(image, training=True), (1, 2)))
    kept = np.asarray(ops.sum(dropped(image, training=False), (1, 2)))
    assert 0.2 < np.mean((channel_sums == 0) & (kept != 0)) < 0.8


def test_saved_loaded_and_reduced_to_maps_of_any_size(tmp_path):
    model, data = tiny(root=True), batch()
    model.get_layer("conv1").trainable = False
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert not again.get_layer("conv1").trainable and again.get_layer("conv2").trainable
    maps = class_maps(again)
    np.testing.assert_array_equal(maps(data["image"])["cam"], model({"image": data["image"]})["cam"])
    assert set(maps.output) == {"cam"} and tuple(maps(np.zeros((1, 18, 51, 3)))["cam"].shape) == (1, 5, 13, 3)


def test_one_replica_equals_two(strategy):
    labels = np.eye(3, dtype="float32")[np.arange(8) % 3]
    image = np.random.default_rng(6).uniform(0, 255, (8, 9, 9, 3)).astype("float32")
    assert_one_step_equals_that_of_two(strategy, lambda: of_one_step(tiny(dropout=0.0)), {"image": image},
                                       {"labels": labels})


def test_half_precision_trains_with_maps_in_float32():
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    model, data = tiny(root=True), batch()
    assert np.isfinite(fit(model, data, epochs=3)["loss"]).all()
    assert {str(ops.dtype(value)) for value in model({"image": data["image"]}).values()} == {"float32"}
