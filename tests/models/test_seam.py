import keras
import numpy as np
import pytest
from keras import ops

from tests.support.arrays import channels_last, gradient
from tests.support.fits import compiled
from tests.support.replicas import assert_one_step_equals_that_of_two, of_one_step
from tests.support.shared import shared_file
from tfwsss.backbones.mobilenet_v2 import mobilenet_v2
from tfwsss.backbones.resnet38 import resnet38
from tfwsss.backbones.small import small
from tfwsss.backbones.vgg16 import vgg16
from tfwsss.errors import UserError
from tfwsss.losses.equivariance import minimum_pooling, two_view_terms
from tfwsss.models.seam import HEADS, SEAM, TERMS, class_map_network
from tfwsss.ops.resize import resize
from tfwsss.training.optimizers import SGD

LABELS = np.float32([[1, 0, 0], [0, 1, 1], [0, 1, 0], [1, 1, 1]])
SMOOTH = 1     # seed of images whose step no rounding decides


def tiny(**settings) -> SEAM:
    keras.utils.set_random_seed(1)
    return SEAM(small(width=0.2), **{"num_classes": 3, "widths": (4, 8, 12), "dropout": 0.0, **settings})


def images(rows=33, columns=40, count=4, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 255, (count, rows, columns, 3)).astype("float32")


@pytest.fixture(scope="module")
def head() -> keras.Model:
    """The head of the released size on maps of given features, with the recorded weights."""
    image = keras.Input((None, None, 3), name="image")
    maps = {key: keras.layers.Conv2D(channels, 1, 8, padding="same", name=key)(image)
            for key, channels in (("conv4", 512), ("conv5", 1024), ("conv6", 4096))}
    backbone = keras.Model(image, {"features": maps["conv5"], "classifier": maps["conv6"]})
    backbone = keras.Model(image, {**backbone.output, "lower": maps["conv4"]}, name="given")
    model = SEAM(backbone, num_classes=20, taps=("conv4", "conv5"))
    data = fixture()
    for name in HEADS:
        model.get_layer(name).kernel.assign(data[f"{name}.weight"].transpose(2, 3, 1, 0))
    inputs = [model.get_layer("colours").output, *(model.get_layer(key).output for key in maps)]
    return keras.Model(inputs, model.output)


def fixture() -> dict:
    return dict(np.load(shared_file("fixtures/seam/head_forward.npz"), allow_pickle=False))


def test_head_of_the_released_size(head):
    assert sum(np.prod(head.get_layer(name).kernel.shape) for name in HEADS) == 287_296
    assert not any(head.get_layer(name).use_bias for name in HEADS)


def test_maps_of_the_head_and_gradients_as_recorded(head):
    """Enlarged to the image; none of the refined maps' gradient reaches the features."""
    data = fixture()
    features = [keras.Variable(channels_last(data[key])) for key in ("conv4", "conv5", "conv6")]
    kernels = [head.get_layer(name).kernel for name in HEADS]

    def maps():
        found = head([ops.convert_to_tensor(x) for x in (channels_last(data["image"]), *features)])
        return {key: resize(each, 30, 37, align_corners=True) for key, each in found.items()}

    for key, name in (("cam", "cam"), ("refined", "cam_rv")):
        np.testing.assert_allclose(maps()[key], channels_last(data[name]), rtol=1e-5, atol=1e-6)

    def total():
        found = maps()
        return ops.sum(found["cam"] * channels_last(data["cot_cam"])) + \
            ops.sum(found["refined"] * channels_last(data["cot_rv"]))

    found = dict(zip((*HEADS, "conv4", "conv5", "conv6"), gradient(total, [*kernels, *features]), strict=True))
    assert found["conv4"] is None and found["conv5"] is None
    for name, key in (("fc8", "grad_fc8"), ("f8_3", "grad_f8_3"), ("f8_4", "grad_f8_4"), ("f9", "grad_f9")):
        ours = found[name].transpose(3, 2, 0, 1)[:len(data[key])]
        np.testing.assert_allclose(ours, data[key], rtol=1e-4, atol=1e-4 * np.abs(data[key]).max(), err_msg=name)
    np.testing.assert_allclose(found["conv6"][..., 0], data["grad_conv6_channel0"], rtol=1e-4, atol=1e-6)


def as_released(model, image, labels, training=False) -> list:
    """The four terms of the released program, the two views one after another."""
    def view(x):
        rows, columns = x.shape[1:3]
        found = model({"image": x}, training=training)
        return [resize(found[key], rows, columns, True) for key in ("cam", "refined")]

    rows, columns = (int(side * 0.3) for side in image.shape[1:3])
    views = [view(image), view(resize(image, rows, columns, True))]
    logits = [ops.mean(cam[..., 1:], axis=(1, 2)) for cam, _ in views]
    classes = sum(ops.mean(ops.softplus(each) - labels * each, axis=1) for each in logits) / 2
    pooled = sum(minimum_pooling(refined[..., 1:] * labels[:, None, None]) for _, refined in views) / 2
    return [classes, pooled, *two_view_terms(labels, *views[0], *views[1])]


@pytest.mark.parametrize("minimum", [True, False])
def test_loss_and_gradients_are_those_of_the_release_written_out(minimum):
    model, image, y = tiny(minimum=minimum), images(), {"labels": LABELS}
    kept = [0, 1, 2, 3] if minimum else [0, 2, 3]

    def ours():
        return model.compute_loss({"image": image}, y, model({"image": image}), training=False)

    def theirs():
        terms = as_released(model, image, LABELS)
        return ops.mean(sum(terms[place] for place in kept))

    np.testing.assert_allclose(float(ours()), float(theirs()), rtol=1e-6)
    for one, other in zip(*(gradient(loss, model.trainable_variables) for loss in (ours, theirs)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5 * np.abs(other).max())


def fit(model, x, labels=LABELS, epochs=1, rate=0.05) -> dict:
    compiled(model, SGD(rate, multipliers={"fc8": 2.0}), epochs)
    return model.fit({"image": x}, {"labels": labels}, batch_size=len(x), epochs=epochs, shuffle=False,
                     verbose=0).history


@pytest.mark.parametrize(("settings", "terms"), [({}, TERMS), ({"minimum": False}, (TERMS[0], *TERMS[2:]))])
def test_every_term_is_logged_and_they_sum_to_the_loss(settings, terms):
    model, x = tiny(**settings), images()
    expected = [float(ops.mean(term)) for term in as_released(tiny(), x, LABELS, training=True)]
    history = fit(model, x)
    assert set(history) == {"loss", *terms}
    np.testing.assert_allclose(history["loss"], np.sum([history[term] for term in terms], axis=0), rtol=1e-5)
    for term, value in zip(TERMS, expected, strict=True):
        if term in terms:
            np.testing.assert_allclose(history[term], value, rtol=1e-4, err_msg=term)


def test_a_plain_classifier_learns_from_the_image_alone():
    """Its one term is that of the first view; it has no layer that nothing would teach."""
    model, x = tiny(plain=True), images()
    cam = resize(model({"image": x}, training=True)["cam"], *x.shape[1:3], align_corners=True)[..., 1:]
    logits = ops.mean(cam, axis=(1, 2))
    expected = float(ops.mean(ops.softplus(logits) - LABELS * logits))
    history = fit(model, x)
    assert set(history) == {"loss", TERMS[0]}
    np.testing.assert_allclose([history["loss"], history[TERMS[0]]], np.full((2, 1), expected), rtol=1e-5)
    assert list(model.output) == ["cam"] and not {"f8_3", "f9", "refined"} & {layer.name for layer in model.layers}


def test_refined_maps_teach_neither_classifier_nor_backbone():
    model, image = tiny(), images()
    found = gradient(lambda: ops.sum(ops.square(model({"image": image})["refined"])), model.trainable_variables)
    taught = {variable.path.split("/")[0] for variable, one in zip(model.trainable_variables, found, strict=True)
              if one is not None and np.any(one)}
    assert taught == {"f8_3", "f8_4", "f9"}


def test_what_positions_read_is_of_one_class_and_background():
    """The background is what the strongest class leaves; absent classes compete too."""
    model, image = tiny(), images()
    maps, embedded = model.get_layer("refined").input
    q = np.asarray(keras.Model(model.input["image"], maps)(image))
    cam = np.asarray(model({"image": image})["cam"])
    assert ((q[..., 1:] > 0).sum(axis=-1) <= 1).all()
    np.testing.assert_allclose(q[..., 0] + q[..., 1:].max(-1), 1, atol=1e-6)
    positive = np.maximum(cam, 0)[..., 1:]
    share = np.maximum(positive - 1e-5, 0) / (positive.max((1, 2), keepdims=True) + 1e-5)
    np.testing.assert_allclose(q[..., 1:], np.where(share == share.max(-1, keepdims=True), share, 0), atol=1e-6)
    assert embedded.shape[-1] == 12 and np.min(model({"image": image})["refined"]) >= 0


def test_a_mirrored_image_has_mirrored_maps():
    """Of sizes that fill the grid, so that padding is alike on both sides."""
    model, image = tiny(), images(33, 41)
    one, other = model({"image": image}), model({"image": np.ascontiguousarray(image[:, :, ::-1])})
    for key in ("cam", "refined"):
        assert one[key].shape == other[key].shape
    flat = tiny()
    for layer in flat.backbone.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.kernel.assign((layer.kernel + ops.flip(layer.kernel, axis=1)) / 2)
    one, other = flat({"image": image}), flat({"image": np.ascontiguousarray(image[:, :, ::-1])})
    for key in ("cam", "refined"):
        np.testing.assert_allclose(one[key][:, :, ::-1], other[key], atol=1e-4)


@pytest.mark.slow
def test_learns_its_classes():
    x = images()
    for place, label in np.argwhere(LABELS):
        x[place, 10 * label:10 * label + 10, :, label] += 200
    history = fit(tiny(), x, epochs=60)
    assert history["classes"][-1] < 0.5 * history["classes"][0]


def test_saving_and_the_count_of_weights(tmp_path):
    model, x = tiny(scale=0.5, share=0.3, minimum=False), images()
    fit(model, x)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.get_config()["scale"] == 0.5 and not again.get_config()["minimum"]
    for key, value in model({"image": x}).items():
        np.testing.assert_array_equal(value, again({"image": x})[key])
    y = {"labels": LABELS}
    one, other = (each.compute_loss({"image": x}, y, each({"image": x}), training=False) for each in (model, again))
    assert float(one) == float(other)


def test_one_replica_equals_two(strategy):
    x = {"image": images(17, 17, seed=SMOOTH)}
    assert_one_step_equals_that_of_two(strategy, lambda: of_one_step(tiny(scale=0.5), 0.1), x, {"labels": LABELS})


def test_outputs_are_float32_and_finite_under_mixed_precision():
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    model, x = tiny(), images()
    assert np.isfinite(fit(model, x)["loss"]).all()
    assert {str(ops.dtype(value)) for value in model({"image": x}).values()} == {"float32"}


@pytest.mark.parametrize("keys", [("cam", "position_logits", "refined"), ("refined",), ("position_logits", "cam")])
def test_class_map_network_has_the_classes_of_the_same_maps(keys):
    model, x = tiny(), images()
    whole, found = model({"image": x}), class_map_network(model, keys)(x)
    raw = np.asarray(whole["cam"])[..., 1:]
    expected = {"cam": np.maximum(raw, 0), "position_logits": raw, "refined": np.asarray(whole["refined"])[..., 1:]}
    assert list(found) == list(keys)
    for key in keys:
        np.testing.assert_allclose(found[key], expected[key], atol=1e-6)


@pytest.mark.parametrize(("backbone", "grid", "trainable"), [
    (lambda: resnet38(width=1 / 32), 5, 39), (lambda: mobilenet_v2(width=0.35), 3, None),
    (lambda: vgg16(form="affinitynet", width=1 / 32), 5, None)])
def test_every_backbone(backbone, grid, trainable):
    """Of ResNet-38 the first blocks and all norms stay as they are: 35 kernels learn, and four of the head."""
    model = SEAM(backbone(), num_classes=2)
    out = model({"image": images(40, 40, 1)})
    assert {tuple(each.shape) for each in out.values()} == {(1, grid, grid, 3)}
    assert trainable in (None, len(model.trainable_variables))
    if trainable:
        still = {weight.path.split("/")[0] for weight in model.non_trainable_variables}
        assert {"conv1a", "b2_conv_branch2a", "b2_1_conv_branch2a", "b2_2_conv_branch2a", "bn7"} <= still
        assert not {"fc8", "b3_conv_branch2a"} & still


def test_taps_that_are_not_there():
    with pytest.raises(UserError, match="SEAM: backbone 'small' has no layer 'relu9'"):
        SEAM(small(width=0.1), 2, taps=("relu9", "relu5"))
