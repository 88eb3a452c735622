import dataclasses

import keras
import numpy as np
import pytest

from tests.support.fake_run import image_set
from tests.support.fits import ready
from tests.support.tiny_run import AFFINITYNET
from tfwsss.artefacts.models import write_model
from tfwsss.artefacts.scores import read_scores
from tfwsss.errors import UserError
from tfwsss.inference.see import Seer
from tfwsss.inference.views import Canvas
from tfwsss.models.classifier import Classifier, class_maps
from tfwsss.runs.stage import Context
from tfwsss.settings.reading import merge
from tfwsss.settings.sections import TensorBoardSettings
from tfwsss.steps import classifier as module
from tfwsss.steps.class_maps import MapSettings, class_map_stage
from tfwsss.steps.classifier import ClassifierSettings, classifier_stage, load_class_maps
from tfwsss.training.progress import TrainingProgress
from tfwsss.training.tensorboard import Panels, TensorBoardLogs

CONTEXT = Context(tensorboard=TensorBoardSettings(panels=2))
COLOURS = [("vgg16", (122.675, 116.669, 104.008)), ("resnet38", (123.675, 116.28, 103.53)), ("small", (127.0,) * 3)]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return image_set(tmp_path_factory.mktemp("data"))      # five of 24x32 pixels, one or two of three classes each


def settings(**values) -> ClassifierSettings:
    tiny = {**AFFINITYNET["classifier"], "epochs": 3, "batch_size": 2, "crop": 33}
    return ClassifierSettings(**merge(tiny, values))


def build(images, **values) -> Classifier:
    return module._build(settings(**values), CONTEXT, {}, images)


def batches(images, first=0, seed=0, **values) -> list:
    return list(module.tag_batches(settings(**values), Context(seed=seed), {}, images, first).as_numpy_iterator())


@pytest.mark.parametrize(("backbone", "root", "stride"), [
    ("vgg16", True, 8), ("resnet38", False, 8), ("mobilenet_v2", False, 16), ("small", False, 4)])
def test_the_network_is_compiled_as_the_settings_say(images, backbone, root, stride):
    """Of every backbone, with biases that learn or without; class maps of VGG-16 are square roots."""
    width = 0.35 if backbone == "mobilenet_v2" else 1 / 16
    model = build(images, backbone={"name": backbone, "width": width}, dropout=0.25, optimizer="sgd", momentum=0.5,
                  learning_rate=0.5, head_factor=7.0, weight_decay=0.25)
    own, optimizer = model.get_config(), model.optimizer.get_config()
    assert isinstance(model, Classifier) and (own["num_classes"], own["dropout"], own["root"]) == (3, 0.25, root)
    assert optimizer["multipliers"]["fc8"] == 7.0 and (optimizer["momentum"], optimizer["coupled_decay"]) == (0.5, 0.25)
    model.optimizer.build(model.trainable_variables)
    factors = {variable.path: factor for variable, factor in zip(model.trainable_variables, model.optimizer._factors,
                                                                 strict=True)}
    for path, factor in factors.items():
        assert factor == (7.0 if path.startswith("fc8/") else 2.0 if path.endswith(("/bias", "/beta")) else 1.0), path
    assert model.compute_output_shape({"image": (1, 65, 65, 3)})["cam"] == (1, 64 // stride + 1, 64 // stride + 1, 3)


def test_the_rate_falls_at_every_step(images):
    model = build(images, learning_rate=0.5)               # 3 epochs of 2 steps
    rates = [float(model.optimizer._learning_rate(step)) for step in range(6)]
    np.testing.assert_allclose(rates, 0.5 * (1 - np.arange(6) / 6) ** 0.9, rtol=1e-6)


def test_batches_go_on_where_training_stopped(images):
    whole, rest = batches(images), batches(images, first=1)
    assert len(whole) == 6 and len(rest) == 4
    for (x, y), (later, tags) in zip(whole[2:], rest, strict=True):
        assert set(x) == {"image"} and x["image"].shape == (2, 33, 33, 3)
        assert set(y) == {"labels"} and y["labels"].shape == (2, 3)
        np.testing.assert_array_equal(x["image"], later["image"])
        np.testing.assert_array_equal(y["labels"], tags["labels"])
    assert not np.array_equal(whole[0][0]["image"], batches(images, seed=1)[0][0]["image"])


@pytest.mark.parametrize(("backbone", "colour"), COLOURS)
def test_small_images_lie_on_the_backbones_mean_colour(images, backbone, colour):
    """As published: there the padding comes after the mean is subtracted."""
    x, _ = batches(images, backbone={"name": backbone}, crop=64, longer_side=[32, 32], jitter=[])[0]
    around = (x["image"] == np.float32(colour)).all(axis=-1)
    assert around.sum(axis=(1, 2)).tolist() == [64 * 64 - 24 * 32] * 2


@pytest.mark.parametrize(("board", "kinds"), [
    ({"panels": 2}, [TrainingProgress, TensorBoardLogs, Panels]), ({"panels": 0}, [TrainingProgress, TensorBoardLogs]),
    ({"enabled": False, "panels": 2}, [TrainingProgress])])
def test_who_watches(images, tmp_path, board, kinds):
    context = Context(tensorboard=TensorBoardSettings(**board))
    found = module._callbacks("classifier", settings(), context, tmp_path, build(images), images)
    assert [type(one) for one in found] == kinds


def test_a_panel_shows_the_class_maps(images, tmp_path):
    found = module._callbacks("classifier", settings(), CONTEXT, tmp_path, build(images), images)
    panels = next(callback for callback in found if isinstance(callback, Panels))
    plane, mask = panels._predict("image 2")
    assert list(plane) == ["CAM"] and list(mask) == ["CAM mask"]
    plane, mask = plane["CAM"], mask["CAM mask"]
    assert plane.shape == mask.shape == (24, 32) and 0 <= plane.min() <= plane.max() <= 1 and mask.dtype == np.uint8
    np.testing.assert_array_equal(mask > 0, plane > 0.3)
    assert set(np.unique(mask)) <= {0, *(label + 1 for label in images.labels["image 2"])}


@pytest.mark.parametrize("keys", [["cam"], ["position_logits"], ["cam", "position_logits"]])
def test_maps_that_inference_needs(images, keys):
    """The logits have a sign; their means over the image are what the training sees."""
    model = build(images)
    image = np.random.default_rng(0).uniform(0, 255, (2, 33, 41, 3)).astype("float32")
    found, whole = class_maps(model, keys)(image), model({"image": image}, training=False)
    assert list(found) == keys
    if "cam" in keys:
        np.testing.assert_array_equal(found["cam"], whole["cam"])
    if "position_logits" in keys:
        np.testing.assert_allclose(np.mean(found["position_logits"], (1, 2)), whole["logits"], rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(np.maximum(found["position_logits"], 0), whole["cam"])
    assert np.min(found[keys[-1]]) < 0 or keys == ["cam"]


def test_from_tags_to_class_maps(images, tmp_path):
    """Two stages: what the first has trained the second applies."""
    maps = MapSettings(canvas=33, scales=(1.0, 0.5), mirror=True, batch_size=5)
    first = classifier_stage("net", images, settings(epochs=1, batch_size=5))
    second = class_map_stage("cam", images, maps, "net", load_class_maps)
    assert (first.name, first.kind, first.needs, first.settings["crop"]) == ("net", "model", (), 33)
    assert (second.name, second.kind, second.needs, second.settings["canvas"]) == ("cam", "scores", ("net",), 33)
    assert first.work(CONTEXT, {}, tmp_path / "net") == {}
    assert second.work(CONTEXT, {"net": tmp_path / "net"}, tmp_path / "cam") == {}
    model = keras.saving.load_model(tmp_path / "net" / "model.keras")
    seer = Seer(class_maps(model, ["cam"]), Canvas(33, (1.0, 0.5), True, batch_size=5))
    for name, expected in seer.scores(images, images.names):
        found = read_scores(tmp_path / "cam", name)
        assert found.classes.tolist() == list(images.labels[name])
        np.testing.assert_array_equal(found.scores, expected["cam"].scores.astype(np.float16))


@pytest.mark.parametrize(("backbone", "colour"), COLOURS)
def test_canvases_have_the_colour_of_training(images, tmp_path, backbone, colour):
    write_model(tmp_path / "net", build(images, backbone={"name": backbone, "width": 1 / 16}))
    found = load_class_maps(tmp_path / "net", ["position_logits"])
    assert found.colour == colour and list(found.network.output) == ["position_logits"]
    assert found.logits == "position_logits"


def test_another_network_is_refused(images, tmp_path):
    write_model(tmp_path / "net", class_maps(build(images)))
    with pytest.raises(UserError, match="holds a Functional; expected the Classifier"):
        load_class_maps(tmp_path / "net")


def test_learns_from_tags(images):
    """Images of one class each, in that class's colour."""
    labels = {name: (place % 3,) for place, name in enumerate(images.names)}
    model, own = build(images, epochs=30, batch_size=5, learning_rate=0.01), dataclasses.replace(images, labels=labels)
    data = module.tag_batches(settings(epochs=30, batch_size=5, jitter=[], dropout=0.0), CONTEXT, {}, own, 0)
    history = ready(model).fit(data, epochs=30, steps_per_epoch=1, shuffle=False, verbose=0).history["loss"]
    assert history[-1] < 0.75 * history[0]
