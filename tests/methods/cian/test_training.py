import numpy as np
import pytest

from tests.support.fake_run import image_set, write_pseudo
from tests.support.tiny_run import CIAN as TINY
from tfwsss.inference.see import Seer
from tfwsss.inference.views import Windows
from tfwsss.methods.cian import training
from tfwsss.methods.cian.config import CIANSettings
from tfwsss.methods.cian.training import cian_stage
from tfwsss.models.cian import CIAN
from tfwsss.runs.stage import Context
from tfwsss.settings.reading import merge
from tfwsss.settings.sections import TensorBoardSettings
from tfwsss.steps.segment import load_segmentation_network

CONTEXT = Context(tensorboard=TensorBoardSettings(panels=1))


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return image_set(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def labels(images, tmp_path_factory):
    return write_pseudo(tmp_path_factory.mktemp("labels"), images)


def settings(**values) -> CIANSettings:
    return CIANSettings(**merge({**TINY["segmenter"], "crop": 33}, values))


def build(images, **values) -> CIAN:
    return training._build(settings(**values), None, CONTEXT, {}, images)


def test_the_network_is_compiled_as_the_settings_say(images):
    own = {"filters": 6, "merge": "mean", "merge_self": False, "similarity": "cosine", "cross": False, "group": 3,
           "downsample": False}
    model = build(images, **own, optimizer="sgd", head_factor=7.0, weight_decay=0.25)
    assert {key: model.get_config()[key] for key in own} == own and model.get_config()["num_ids"] == 4
    optimizer = model.optimizer.get_config()
    assert optimizer["multipliers"] == {"affinity": 7.0, "fc1": 7.0} and optimizer["coupled_decay"] == 0.25
    assert tuple(optimizer["decayed"]) == ("kernel", "gamma")


@pytest.mark.parametrize(("padding", "outside"), [("background", 0), ("open", 255)])
@pytest.mark.parametrize("backbone", ["small", "mobilenet_v2"])
def test_batches_are_groups_with_labels_on_the_networks_grid(images, labels, padding, outside, backbone):
    """Members share a class; beyond the image of 24 x 32 pixels lies background, as published, or nothing known."""
    own = settings(crop=65, scales=(1.0,), mirror=False, padding=padding,
                   backbone={"name": backbone, "width": 0.35, "output_stride": 8})
    data = training._batches(own, "labels", CONTEXT, {"labels": labels}, images, 0)
    x, y = next(iter(data.as_numpy_iterator()))
    stride = 4 if backbone == "small" else 8
    assert set(x) == {"image"} and set(y) == {"mask"} and x["image"].shape == (2, 2, 65, 65, 3)
    assert y["mask"].shape == (2, 2, 64 // stride + 1, 64 // stride + 1)
    assert (y["mask"][:, :, 24 // stride + 1:] == outside).all() and (y["mask"] != outside).any()


def test_as_many_steps_as_there_are_batches(images, labels):
    own = settings(epochs=3)
    data = training._batches(own, "labels", CONTEXT, {"labels": labels}, images, 1)
    schedule = build(images, epochs=3).optimizer.get_config()["learning_rate"]["config"]
    assert int(data.cardinality()) == 2 * schedule["steps_per_epoch"] and schedule["epochs"] == 3


def probabilities(folder, image):
    """What the network of a stage says of an image seen whole."""
    found = load_segmentation_network(folder)
    return Seer(found.network, Windows(513, colour=found.colour))(image[None])["probabilities"][0].numpy()


@pytest.mark.usefixtures("eagerly")
def test_training_ends_with_a_network_for_single_images(images, labels, tmp_path):
    """The stage, then the next one, which begins with its weights."""
    first = cian_stage("segmenter", images, settings(epochs=1), "labels")
    second = cian_stage("segmenter_2", images, settings(epochs=1), "labels", "segmenter")
    assert (first.needs, second.needs) == (("labels",), ("labels", "segmenter"))
    (tmp_path / "segmenter").mkdir()
    assert first.work(CONTEXT, {"labels": labels}, tmp_path / "segmenter") == {}
    image = images.read_image(images.names[0])
    own = probabilities(tmp_path / "segmenter", image)
    assert own.shape == (7, 9, 4) and np.isfinite(own).all()
    again = training._build(settings(), "segmenter", CONTEXT, {"segmenter": tmp_path / "segmenter"}, images)
    (tmp_path / "again").mkdir()
    again.save(tmp_path / "again" / "model.keras")
    np.testing.assert_allclose(probabilities(tmp_path / "again", image), own, atol=1e-6)
