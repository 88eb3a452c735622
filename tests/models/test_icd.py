import json
import zlib

import keras
import numpy as np
import pytest
from keras import ops

from tests.support.arrays import channels_last, gradient, recorded
from tests.support.fits import compiled
from tests.support.replicas import assert_one_step_equals_that_of_two, of_one_step
from tfwsss.backbones.small import small
from tfwsss.backbones.vgg16 import vgg16
from tfwsss.errors import UserError
from tfwsss.models.icd import ICD, scorer
from tfwsss.training.optimizers import SGD


def rule(name, shape):
    """The weights of the recorded network: a rule by name, see the fixtures' description."""
    random = np.random.RandomState(zlib.crc32(name.encode()) & 0x7FFFFFFF)
    if name == "icd_accum_resign_moving_mean":
        return np.stack([np.linspace(0, 1, 20), np.linspace(0.7, 0.3, 20)], axis=1).astype("float32")
    if name.endswith(("_bias", "_beta")):
        return (0.05 * random.randn(*shape)).astype("float32")
    if name.endswith("_gamma"):
        return np.ones(shape, "float32")
    if name.endswith("_moving_mean"):
        return (0.2 * random.rand(*shape)).astype("float32")
    if name.endswith("_moving_var"):
        return (0.5 * random.rand(*shape) + 0.5).astype("float32")
    factor = {"conv1_1_weight": 1 / 74, "fc8_weight": 0.3, "conv_ft_weight": 0.3}.get(name, 1.0)
    return (random.randn(*shape) * np.sqrt(2 / np.prod(shape[1:])) * factor).astype("float32")


def released_arrays(params):
    """Maps the released names to variable paths and layouts."""
    kinds = {"weight": "kernel", "moving_var": "moving_variance"}
    arrays = {}
    for name, shape in {**params["arg"], **params["aux"]}.items():
        kind = next(k for k in ("moving_mean", "moving_var", "weight", "bias", "gamma", "beta") if name.endswith(k))
        value = rule(name, shape)
        value = value.transpose(2, 3, 1, 0) if value.ndim == 4 else value
        value = value.T if name == "icd_bu_weight" else value
        arrays[f"{name[:-len(kind) - 1]}/{kinds.get(kind, kind)}"] = value
    return arrays


def test_network_as_recorded():
    data = recorded("icd_network_infer")
    model = ICD(vgg16(), num_classes=20)
    arrays = released_arrays(json.loads(str(data["params_json"])))
    unused = set(arrays)
    for weight in model.weights:
        if weight.path != "icd/step":
            weight.assign(arrays[weight.path])
            unused.discard(weight.path)
    assert unused == {"feat_bn/gamma"}
    out = model({"image": channels_last(data["image"]).astype("float32"), "regions": data["superpixel"],
                 "labels": data["label"]}, training=False)
    for key, name in {"cam": "cam", "corrected": "icd_bu", "refined": "icd_bu_sp", "scores": "icd_td"}.items():
        expected = channels_last(data[name])
        np.testing.assert_allclose(out[key], expected, atol=1e-4 * np.abs(expected).max(), err_msg=key)
    assert model.count_params() == 26_336_084 - 512 + 1024 + 40 + 1     # no gamma; moving statistics, signs, step


def batch(count=8, side=33, classes=3, seed=0):
    random = np.random.default_rng(seed)
    labels = np.eye(classes, dtype="float32")[np.arange(count) % classes]
    labels[::3] = 1
    return {"image": random.uniform(0, 255, (count, side, side, 3)).astype("float32"),
            "regions": np.repeat(np.repeat(random.integers(0, 9, (count, 5, 5)), 7, 1), 7, 2)[:, :side, :side],
            "labels": labels}


def tiny(**settings):
    keras.utils.set_random_seed(1)
    return ICD(small(width=0.1), num_classes=3, head_width=4, **{"warm_up_steps": 4, **settings})


def fit(model, data, epochs=5, learning_rate=1e-3):
    compiled(model, SGD(learning_rate, coupled_decay=5e-4, multipliers={"fc8": 10, "conv_ft": 10}), epochs)
    return model.fit(data, batch_size=len(data["image"]), epochs=epochs, shuffle=False, verbose=0).history


def test_terms_warm_up_and_the_total():
    model, data = tiny(), batch()
    history = fit(model, data, epochs=6)
    np.testing.assert_allclose(history["warm_up"], np.exp(-10 * np.array([4, 3, 2, 1, 0, 0]) / 4), rtol=1e-5)
    total = (np.array(history["classification"]) + history["bottom_up"]
             + np.array(history["warm_up"]) * history["top_down"])
    np.testing.assert_allclose(history["loss"], total, rtol=1e-5)
    assert int(model.step) == 4
    assert set(model.evaluate(data, verbose=0, return_dict=True)) >= {"loss", "top_down"} and int(model.step) == 4


@pytest.mark.parametrize("step, expected", [(0, 4.539993e-05), (330, 6.687171e-03), (660, 0.984985), (661, 1.0)])
def test_published_warm_up(step, expected):
    model = tiny(warm_up_steps=661)
    model.step.assign(step)
    np.testing.assert_allclose(model._warm_up(training=False), expected, rtol=1e-5)


def test_bottom_up_and_refinement_give_the_trunk_no_gradient():
    model, data = tiny(), batch()
    bottom_up = model._losses_of_terms[1]
    names = [weight.path for weight in model.trainable_variables]
    found = gradient(lambda: ops.sum(bottom_up.call(data["labels"], model(data, training=True)["bottom_up"])),
                     model.trainable_variables)
    reached = [name for name, one in zip(names, found, strict=True) if one is not None and np.any(one)]
    assert reached == ["icd_bu/kernel"]
    for key in ("corrected", "refined"):
        found = gradient(lambda key=key: ops.sum(ops.square(model(data, training=True)[key])),
                         model.trainable_variables)
        assert all(one is None or not np.any(one) for one in found)


@pytest.mark.parametrize("reaches", [True, False])
def test_the_top_down_branch_trains_the_backbone_unless_told_not_to(reaches):
    model, data = tiny(top_down_into_backbone=reaches), batch()
    found = gradient(lambda: ops.sum(ops.square(model(data, training=True)["scores"])), model.trainable_variables)
    reached = {weight.path.split("/")[0] for weight, one in zip(model.trainable_variables, found, strict=True)
               if one is not None and np.any(one)}
    head = {"feat_bn", "fc6_ft", "fc7_ft", "conv_ft"}
    assert reached >= head and ("conv1" in reached) == reaches and (reached == head) != reaches


def test_learns_scores_that_agree_with_its_teacher():
    model, data = tiny(warm_up_steps=0), batch()
    history = fit(model, data, epochs=30, learning_rate=0.01)
    assert history["classification"][-1] < history["classification"][0]
    assert history["bottom_up"][-1] < history["bottom_up"][0]


def test_saved_and_loaded_with_its_training_state(tmp_path):
    model, data = tiny(), batch()
    fit(model, data, epochs=2)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for one, other in zip(model(data).items(), again(data).items(), strict=True):
        assert one[0] == other[0]
        np.testing.assert_array_equal(one[1], other[1])
    assert int(again.step) == 2 and np.any(again.get_layer("icd_accum_resign").moving_mean)
    assert [weight.path for weight in again.weights] == [weight.path for weight in model.weights]
    for both in (model, again):
        both.fit(data, batch_size=8, epochs=1, shuffle=False, verbose=0)
    for one, other in zip(model.weights, again.weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6, err_msg=one.path)


def test_loaded_model_keeps_what_was_frozen(tmp_path):
    model = tiny()
    model.get_layer("conv1").trainable = False
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert not again.get_layer("conv1").trainable and again.get_layer("conv2").trainable


def test_one_replica_equals_two(strategy):
    """In the middle of the warm-up, with hidden layers none of whose sums is 0 because all they read is."""
    def make():
        model = tiny(warm_up_steps=20)
        model.step.assign(19)
        for name in ("fc6_ft", "fc7_ft"):
            model.get_layer(name).bias.assign(np.full(4, 0.1))
        return of_one_step(model, learning_rate=10.0)

    assert_one_step_equals_that_of_two(strategy, make, batch(count=4, side=17, seed=16))


def test_scorer_needs_no_labels_and_takes_any_size():
    model, data = tiny(), batch()
    out = model(data, training=False)
    maps = scorer(model)
    for key in ("cam", "scores"):
        np.testing.assert_allclose(maps(data["image"])[key], out[key], atol=1e-6)
    assert tuple(maps(np.zeros((1, 18, 51, 3), "float32"))["scores"].shape) == (1, 5, 13, 3)


def test_scores_are_float32_and_finite_under_mixed_precision():
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    model, data = tiny(), batch()
    history = fit(model, data, epochs=2, learning_rate=0.01)
    assert np.isfinite(history["loss"]).all()
    assert {str(value.dtype) for value in map(ops.convert_to_numpy, model(data).values())} == {"float32"}


def test_copy_head():
    model = ICD(vgg16(width=1 / 16, head_channels=6), num_classes=2, head_width=6)
    model.copy_head()
    for layer in ("fc6", "fc7"):
        for one, other in zip(model.get_layer(layer).get_weights(), model.get_layer(f"{layer}_ft").get_weights(),
                              strict=True):
            np.testing.assert_array_equal(one, other)
    with pytest.raises(UserError, match="no layer 'fc6'"):
        tiny().copy_head()
    with pytest.raises(UserError, match="head_width"):
        ICD(vgg16(width=1 / 16, head_channels=6), num_classes=2, head_width=5).copy_head()
