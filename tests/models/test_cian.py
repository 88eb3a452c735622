import json

import keras
import numpy as np
import pytest
from keras import ops

from tests.backbones.test_resnet_v2 import by_rule
from tests.support.arrays import channels_last, gradient, recorded
from tests.support.fits import compiled
from tests.support.replicas import assert_one_step_equals_that_of_two, of_one_step
from tfwsss.backbones.mobilenet_v2 import mobilenet_v2
from tfwsss.backbones.resnet_v2 import resnet_v2
from tfwsss.backbones.small import small
from tfwsss.losses.completion import completion_labels
from tfwsss.losses.segmentation import SegmentationLoss
from tfwsss.models.cian import CIAN, HEADS, TERMS, self_network
from tfwsss.training.optimizers import SGD

KINDS = {"moving_mean": "moving_mean", "moving_var": "moving_variance", "weight": "kernel", "gamma": "gamma",
         "beta": "beta"}


def released_arrays(params):
    """Maps the released names to variable paths and layouts."""
    arrays = {}
    for name, shape in {**params["arg"], **params["aux"]}.items():
        kind = next(kind for kind in KINDS if name.endswith(kind))
        layer, value = name[:-len(kind) - 1], by_rule(name, shape)
        value = value * np.float32(0.02 ** 0.5) if layer in ("conv_embed_q", "conv_embed_k") else value
        value = value.transpose(2, 3, 1, 0) if value.ndim == 4 else value
        part = "affinity/" if layer.startswith(("conv_embed", "conv_out", "bn_out")) else ""
        arrays[f"{part}{layer}/{KINDS[kind]}"] = value
    return arrays


def test_network_as_recorded():
    data = recorded("cian_resnet50_sa")
    model = CIAN(resnet_v2(50), num_ids=21)
    arrays = released_arrays(json.loads(str(data["params_json"])))
    unused = set(arrays)
    for weight in model.weights:
        weight.assign(arrays[weight.path])
        unused.discard(weight.path)
    assert unused == {"bn_data/gamma"}                         # taken for 1
    moving = sum(np.prod(weight.shape) for weight in model.weights if "moving" in weight.path)
    assert model.count_params() - moving == 32_280_262 - 3
    expected = channels_last(data["out0"])
    found = self_network(model)(channels_last(data["image"]).astype("float32"))["logits"]
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    names = {weight.path.split("/")[0] for weight in model.trainable_weights}
    assert set(HEADS) <= names and not [name for name in names if "bn" in name]


def batch(groups=4, group=2, side=33, grid=9, seed=0):
    """Images of a grey and a bright half, whose seeds leave most positions open."""
    random = np.random.default_rng(seed)
    image = random.uniform(0, 60, (groups, group, side, side, 3))
    mask = np.full((groups, group, grid, grid), 255, "int32")
    for one in np.ndindex(groups, group):
        class_id = 1 + one[0] % 2
        image[one][:, side // 2:, class_id] += 150
        mask[one][1:4, 1:3], mask[one][4:7, 6:8] = 0, class_id
    mask[0, 0] = 255                                           # one image without any seed
    return {"image": image.astype("float32"), "mask": mask}


def tiny(gamma=0.5, **settings):
    keras.utils.set_random_seed(1)
    model = CIAN(small(width=0.2), **{"num_ids": 3, "filters": 8, **settings})
    affinity = model.get_layer("affinity")
    for layer in (affinity.conv_embed_q, affinity.conv_embed_k, affinity.conv_embed_v, affinity.conv_out):
        layer.kernel.assign(layer.kernel * 30)                 # so that messages differ
    affinity.bn_out.gamma.assign(np.full(affinity.bn_out.gamma.shape, gamma))
    return model


def fit(model, data, epochs):
    compiled(model, SGD(0.01, coupled_decay=5e-4, multipliers=dict.fromkeys(HEADS, 10.0)), epochs)
    return model.fit({"image": data["image"]}, {"mask": data["mask"]}, batch_size=len(data["image"]), epochs=epochs,
                     shuffle=False, verbose=0).history


def test_terms_and_the_total():
    model, data = tiny(), batch()
    out = model(data, training=False)
    cost, labels = SegmentationLoss("batch"), data["mask"].reshape(-1, 9, 9)
    own, cross = (np.asarray(out[key]).reshape(-1, 9, 9, 3) for key in ("logits", "cross_logits"))
    pairs = [(ids, logits) for ids in (labels, completion_labels(cross, labels)) for logits in (own, cross)]
    expected = [float(cost(*pair)) for pair in pairs]
    model.compile(SGD(0.0), jit_compile=False)
    result = model.evaluate({"image": data["image"]}, {"mask": data["mask"]}, batch_size=4, verbose=0, return_dict=True)
    np.testing.assert_allclose([result[term] for term in TERMS], expected, rtol=1e-5)
    np.testing.assert_allclose(result["loss"], sum(expected), rtol=1e-5)
    assert len(set(np.round(expected, 4))) == 4


def test_learns_from_sparse_seeds():
    model, data = tiny(gamma=0.0), batch()
    history = fit(model, data, epochs=30)
    assert history["self"][-1] < 0.2 * history["self"][0] and history["cross"][-1] < 0.2 * history["cross"][0]
    ids = np.argmax(self_network(model)(data["image"].reshape(-1, 33, 33, 3))["logits"], -1).reshape(data["mask"].shape)
    known = data["mask"] != 255
    assert (ids == data["mask"])[known].mean() > 0.95


def test_starts_without_messages():
    model, data = tiny(gamma=0.0), batch()
    out = model(data)
    np.testing.assert_array_equal(out["logits"], out["cross_logits"])


def test_only_the_cross_version_sees_the_partner():
    model, data = tiny(), batch()
    other = data["image"].copy()
    other[:, 1] = data["image"][::-1, 1]
    one, two = model(data), model({"image": other})
    np.testing.assert_allclose(ops.convert_to_numpy(one["logits"])[:, 0], ops.convert_to_numpy(two["logits"])[:, 0],
                               atol=1e-5)
    assert np.abs(ops.convert_to_numpy(one["cross_logits"] - two["cross_logits"])[:, 0]).max() > 1e-3


def test_both_images_and_all_layers_get_a_gradient():
    model, data = tiny(), batch()
    image = keras.Variable(data["image"])
    found = gradient(lambda: model.compute_loss(None, data, model({"image": image.value}, training=True)),
                     [image, *model.trainable_variables])
    assert all(np.any(one) for one in found) and np.any(found[0][:, 0]) and np.any(found[0][:, 1])
    target = gradient(lambda: ops.sum(ops.cast(completion_labels(
        model(data, training=True)["cross_logits"][:, 0], data["mask"][:, 0]), "float32")), model.trainable_variables)
    assert all(one is None for one in target)


def test_control_reads_from_itself_only():
    whole, control, data = tiny(), tiny(cross=False), batch()
    assert [weight.path for weight in control.weights] == [weight.path for weight in whole.weights]
    control.set_weights(whole.get_weights())
    out = control(data)
    assert set(out) == {"logits"}
    np.testing.assert_allclose(out["logits"], whole(data)["logits"], atol=1e-5)
    control.compile(SGD(0.0), jit_compile=False)
    result = control.evaluate({"image": data["image"]}, {"mask": data["mask"]}, verbose=0, return_dict=True)
    expected = SegmentationLoss("batch")(data["mask"].reshape(-1, 9, 9), ops.reshape(out["logits"], (-1, 9, 9, 3)))
    assert set(result) == {"loss"}
    np.testing.assert_allclose(result["loss"], float(expected), rtol=1e-5)


def test_without_the_pool_all_positions_are_read_and_files_from_before_the_switch_pool():
    whole, data = tiny(downsample=False), batch()
    config = whole.get_config()
    assert config.pop("downsample") is False and not whole.get_layer("affinity").downsample
    before = CIAN.from_config(config)
    before.set_weights(whole.get_weights())
    assert before.get_layer("affinity").downsample and before.get_config()["downsample"] is True
    for key, value in whole(data).items():
        assert np.abs(np.asarray(value - before(data)[key])).max() > 1e-3


@pytest.mark.parametrize("cross", [True, False])
def test_self_network_is_the_self_version_at_any_size(cross):
    model, data = tiny(cross=cross), batch()
    model(data, training=True)                                 # moves the statistics
    alone = self_network(model)
    flat = data["image"].reshape(-1, 33, 33, 3)
    np.testing.assert_allclose(alone(flat)["logits"], np.asarray(model(data)["logits"]).reshape(-1, 9, 9, 3), atol=1e-5)
    np.testing.assert_allclose(alone(flat[:1])["logits"], alone(flat)["logits"][:1], atol=1e-5)
    assert tuple(alone(np.zeros((1, 18, 51, 3), "float32"))["logits"].shape) == (1, 5, 13, 3)


@pytest.mark.parametrize(("backbone", "dilation"), [(small, 24), (lambda: resnet_v2(50, width=1 / 16), 12),
                                                    (lambda: mobilenet_v2(width=0.35, output_stride=16), 6)])
def test_the_classifier_spans_as_many_pixels_on_every_backbone(backbone, dilation):
    model = CIAN(backbone(), num_ids=3, filters=4, group=3)
    assert model.get_layer("fc1").dilation_rate == (dilation, dilation) and not model.get_layer("fc1").use_bias
    out = model({"image": np.zeros((1, 3, 65, 97, 3), "float32")})
    assert out["logits"].shape[1] == 3 and out["cross_logits"].shape == out["logits"].shape


def test_saved_and_loaded_with_its_training_state(tmp_path):
    model, data = tiny(merge="mean", similarity="cosine"), batch(groups=2)
    fit(model, data, epochs=1)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for key, value in model(data).items():
        np.testing.assert_array_equal(value, again(data)[key])
    assert [weight.path for weight in again.weights] == [weight.path for weight in model.weights]


def test_loaded_model_keeps_what_was_frozen(tmp_path):
    model = tiny()
    model.backbone.get_layer("conv1").trainable = False
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert not again.backbone.get_layer("conv1").trainable and again.backbone.get_layer("conv2").trainable


def test_one_replica_equals_two(strategy):
    mask = np.full((2, 2, 5, 5), 255, "int32")
    mask[..., :2, :2], mask[0, ..., 3:, 3:], mask[1, ..., 3:, 3:] = 0, 1, 2
    mask[0, 0] = 255                                           # one image without any seed
    image = np.random.default_rng(12).uniform(0, 255, (2, 2, 17, 17, 3)).astype("float32")
    assert_one_step_equals_that_of_two(strategy, lambda: of_one_step(tiny()), {"image": image}, {"mask": mask})


def test_logits_are_float32_and_finite_under_mixed_precision():
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    model, data = tiny(), batch(groups=2)
    history = fit(model, data, epochs=1)
    assert np.isfinite(history["loss"]).all()
    assert {str(value.dtype) for value in map(ops.convert_to_numpy, model(data).values())} == {"float32"}
