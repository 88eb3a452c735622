import keras
import numpy as np
import pytest
from keras import ops

from tests.losses.test_segmentation import slow
from tests.ops.test_resize import slow as slow_resize
from tests.support.arrays import gradient
from tests.support.fits import compiled
from tests.support.replicas import assert_one_step_equals_that_of_two, of_one_step
from tfwsss.backbones.mobilenet_v2 import mobilenet_v2
from tfwsss.backbones.resnet38 import resnet38
from tfwsss.backbones.resnet_v2 import resnet_v2
from tfwsss.backbones.small import small
from tfwsss.backbones.vgg16 import vgg16
from tfwsss.errors import UserError
from tfwsss.models.segmenter import FIELD, HEADS, RATES, Segmenter, logit_maps, output_stride, scaled
from tfwsss.training.optimizers import SGD

BACKBONES = {
    "vgg16": lambda: vgg16(width=1 / 16, head_channels=8, fc6_dilation=12), "resnet38": lambda: resnet38(width=1 / 64),
    "resnet50": lambda: resnet_v2(50, width=1 / 64),
    "resnet50_keras": lambda: resnet_v2(50, form="keras", width=1 / 64),
    "mobilenet_v2": lambda: mobilenet_v2(width=0.1, output_stride=16), "small": lambda: small(width=0.2)}
STRIDES = {"mobilenet_v2": 16, "small": 4}


def batch(count=2, side=33):
    """Images of two colours, and masks of the halves with an unknown edge."""
    random = np.random.default_rng(0)
    mask = np.full((count, side, side), 255, "int32")
    mask[:, :, :side // 2 - 1], mask[:, :, side // 2 + 1:] = 0, 2
    image = random.uniform(0, 60, (count, side, side, 3))
    image[:, :, side // 2:] += 150
    return {"image": image.astype("float32"), "mask": mask}


def tiny(**settings):
    keras.utils.set_random_seed(1)
    return Segmenter(small(width=0.2), 3, **{"width": 8, **settings})


def fit(model, data, epochs):
    compiled(model, SGD(0.05, multipliers=dict.fromkeys(model.heads, 2.0)), epochs)
    return model.fit(data, {"mask": data["mask"]}, batch_size=len(data["image"]), epochs=epochs, shuffle=False,
                     verbose=0).history


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("head", HEADS)
def test_every_head_fits_every_backbone(name, head):
    model = Segmenter(BACKBONES[name](), 5, head=head, width=8)
    stride, kind = STRIDES.get(name, 8), "parallel" if head == "aspp" and name != "vgg16" else head
    assert model.heads == (("score",) if (name, head) == ("vgg16", "largefov") else HEADS[kind])
    out = model({"image": np.zeros((1, 65, 97, 3), "float32")})
    assert set(out) == {"logits"} and out["logits"].shape == (1, 64 // stride + 1, 96 // stride + 1, 5)
    wide = {"largefov": {"pyram_conv1": 12}, "parallel": {f"score_{k}": 6 * k for k in (1, 2, 3, 4)},
            "aspp": {f"fc6_{k}": 6 * k for k in (1, 2, 3, 4)}}[kind]
    wide = {"fc6": 12} if model.heads == ("score",) else wide
    for layer, rate in wide.items():
        assert model.get_layer(layer).dilation_rate == (rate * 8 // stride,) * 2, layer
        assert model.get_layer(layer).kernel_size == (3, 3)


@pytest.mark.parametrize(("stride", "field", "rates"), [
    (4, 24, [12, 24, 36, 48]), (8, 12, [6, 12, 18, 24]), (16, 6, [3, 6, 9, 12]), (32, 3, [2, 3, 4, 6])])
def test_dilations_span_as_many_pixels_at_every_stride(stride, field, rates):
    assert (scaled(FIELD, stride), [scaled(rate, stride) for rate in RATES]) == (field, rates)
    if stride > 4:
        assert output_stride(mobilenet_v2(width=0.1, output_stride=stride)) == stride
    assert scaled(1, 32) == 1


def test_vgg16_largefov_has_the_parameters_of_the_release():
    model = Segmenter(vgg16(fc6_dilation=12), 21)
    assert model.count_params() == 20_505_429
    assert model.get_layer("fc6").dilation_rate == (12, 12)
    assert [layer.name for layer in model.layers if "dropout" in layer.name] == ["fc6_dropout", "fc7_dropout"]


def test_resnets_head_has_the_parameters_of_the_release():
    """On 2048 channels; Caffe's trunk, which activates after its convolutions, is another network."""
    image = keras.Input((None, None, 3), name="image")
    maps = keras.layers.Conv2D(2048, 1, 8)(image)
    model = Segmenter(keras.Model(image, {"features": maps, "classifier": maps}), 21)
    found = {w.path: (tuple(w.shape), np.abs(np.asarray(w)).max(), np.std(w)) for w in model.weights[2:]}
    assert {path: shape for path, (shape, _, _) in found.items()} == {
        "pyram_conv1/kernel": (3, 3, 2048, 1024), "pyram_conv2/kernel": (1, 1, 1024, 1024),
        "score/kernel": (1, 1, 1024, 21), "score/bias": (21,)}
    trunk = 42_500_160 + 105_344                               # of Caffe: kernels, scales and offsets; statistics
    assert trunk + sum(int(np.prod(w.shape)) for w in model.weights[2:]) == 62_549_973
    np.testing.assert_allclose(found["pyram_conv1/kernel"][1], 0.012758, rtol=1e-3)
    np.testing.assert_allclose(found["pyram_conv2/kernel"][1], 0.054127, rtol=1e-3)
    np.testing.assert_allclose(found["score/kernel"][2], 0.044194, rtol=0.03)
    assert found["score/bias"][1] == 0


@pytest.mark.parametrize("head", ["aspp", "parallel"])
def test_scores_of_the_branches_are_summed_and_start_small_and_different(head):
    model = Segmenter(vgg16(width=1 / 16, head_channels=64), 21, head=head, width=64)
    ends = [f"{'fc8' if head == 'aspp' else 'score'}_{k}" for k in (1, 2, 3, 4)]
    kernels = [np.asarray(model.get_layer(name).kernel) for name in ends]
    for i, kernel in enumerate(kernels):
        np.testing.assert_allclose(kernel.std(), 0.01, rtol=0.1)
        assert all(not np.array_equal(kernel, other) for other in kernels[:i])
    image = np.random.default_rng(0).uniform(0, 255, (1, 33, 41, 3)).astype("float32")
    parts = keras.Model(model.input["image"], [model.get_layer(name).output for name in ends])(image)
    np.testing.assert_allclose(model({"image": image})["logits"], np.sum(parts, axis=0), atol=1e-6)
    reads = "pool5" if head == "aspp" else "fc7_dropout"
    assert model.get_layer(f"{'fc6' if head == 'aspp' else 'score'}_3").input is model.get_layer(reads).output


def test_dropout_follows_every_hidden_layer_and_only_if_asked():
    for head, expected in (("largefov", {"pyram_conv1_dropout", "pyram_conv2_dropout"}), ("parallel", set())):
        names = {layer.name for layer in tiny(head=head, dropout=0.5).layers}
        assert {name for name in names if name.endswith("dropout")} == expected
    model, data = tiny(dropout=0.5), batch()
    assert np.any(model(data, training=True)["logits"] != model(data)["logits"])
    assert not [layer for layer in tiny().layers if layer.name.endswith("dropout")]


@pytest.mark.parametrize("normaliser", ["image", "batch"])
@pytest.mark.parametrize("loss_at", ["full", "grid"])
@pytest.mark.parametrize("size", [(33, 41), (30, 39)])
def test_loss_and_accuracy_by_hand(loss_at, normaliser, size):
    random = np.random.default_rng(1)
    grid = tuple(-(-side // 4) for side in size)
    logits = random.normal(size=(2, *grid, 3)).astype("float32")
    ids = random.choice([0, 1, 2, 255], (2, *size), p=[0.2, 0.2, 0.2, 0.4]).astype("int32")
    ids[1, 8:] = 255                                           # images of unlike numbers of labels
    model = tiny(loss_at=loss_at, normaliser=normaliser)
    loss = model.compute_loss(None, {"mask": ids}, {"logits": ops.convert_to_tensor(logits)})
    if loss_at == "full":
        seen, where = slow_resize(logits, *size, align_corners=True), ids
    else:
        seen, where = logits, np.stack([[[one[4 * i, 4 * j] for j in range(grid[1])] for i in range(grid[0])]
                                        for one in ids])
    sums, counts = slow(where, seen)
    expected = np.mean(sums / counts) if normaliser == "image" else sums.sum() / counts.sum()
    np.testing.assert_allclose(float(loss), expected, rtol=1e-5)
    accuracy = next(metric for metric in model.metrics if metric.name == "accuracy")
    used = where != 255
    np.testing.assert_allclose(float(accuracy.result()), (seen.argmax(-1) == where)[used].mean(), rtol=1e-5)


def test_between_the_grids_positions_only_the_full_loss_looks():
    data, models = batch(), {kind: tiny(loss_at=kind) for kind in ("full", "grid")}
    other = data["mask"].copy()
    other[:, 1::4] = 1
    for kind, model in models.items():
        y_pred = model(data)
        one, changed = (float(model.compute_loss(None, {"mask": mask}, y_pred)) for mask in (data["mask"], other))
        assert (one == changed) == (kind == "grid")


@pytest.mark.parametrize("loss_at", ["full", "grid"])
def test_learns_to_tell_halves_apart(loss_at):
    model, data = tiny(loss_at=loss_at), batch()
    history = fit(model, data, epochs=25)
    assert history["loss"][-1] < 0.5 * history["loss"][0] and history["accuracy"][-1] > 0.95
    found = np.argmax(model(data)["logits"], -1)
    assert set(np.unique(found[:, :, :3])) == {0} and set(np.unique(found[:, :, -3:])) == {2}


def test_gradients_reach_the_backbone_and_the_head():
    model, data = tiny(), batch()
    found = gradient(lambda: model.compute_loss(None, {"mask": data["mask"]}, model(data)), model.trainable_variables)
    assert all(one is not None and np.isfinite(one).all() for one in found)
    assert np.any(found[0]) and all(np.any(one) for one in found[-4:])


@pytest.mark.parametrize(("settings", "words"), [
    ({"head": "psp"}, "Segmenter: head is 'psp'; expected one of largefov, parallel, aspp"),
    ({"loss_at": "eighth"}, "loss_at is 'eighth'; expected one of full, grid"),
    ({"normaliser": "pixel"}, "normaliser is 'pixel'; expected one of image, batch")])
def test_what_there_is_not(settings, words):
    with pytest.raises(UserError, match=words):
        tiny(**settings)


def test_a_vgg16_without_pool5_has_no_aspp_of_its_own():
    with pytest.raises(UserError, match="reads pool5, which this form of vgg16 has not; build it as form 'icd'"):
        Segmenter(vgg16(width=1 / 64, head_channels=2, form="affinitynet"), 3, head="aspp")


@pytest.mark.parametrize("backbone", ["small", "vgg16", "resnet50"])
@pytest.mark.parametrize("head", HEADS)
def test_saved_loaded_and_reduced_to_logits_of_any_size(tmp_path, backbone, head):
    model, data = Segmenter(BACKBONES[backbone](), 3, head=head, width=8, loss_at="grid"), batch()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.heads == model.heads
    network = logit_maps(again)
    np.testing.assert_array_equal(network(data["image"])["logits"], model(data)["logits"])
    assert tuple(network(np.zeros((1, 18, 51, 3)))["logits"].shape[1:3]) == ((5, 13) if backbone == "small" else (3, 7))
    y_pred, y = model(data), {"mask": data["mask"]}
    assert float(again.compute_loss(None, y, y_pred)) == float(model.compute_loss(None, y, y_pred))


@pytest.mark.parametrize("normaliser", ["image", "batch"])
def test_one_replica_equals_two_when_their_images_hold_unlike_numbers_of_labels(strategy, normaliser):
    image, mask = np.random.default_rng(3).uniform(0, 255, (2, 9, 9, 3)).astype("float32"), batch(side=9)["mask"]
    mask[0, 4:] = 255
    assert_one_step_equals_that_of_two(strategy, lambda: of_one_step(tiny(normaliser=normaliser)), {"image": image},
                                       {"mask": mask})


def test_half_precision_trains_with_logits_in_float32():
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    model, data = tiny(), batch()
    assert np.isfinite(fit(model, data, epochs=3)["loss"]).all()
    assert str(ops.dtype(model(data)["logits"])) == "float32"
