import dataclasses
import logging

import keras
import numpy as np
import pytest

from tests.support.fake_run import image_set
from tests.support.tiny_run import SETTINGS
from tfwsss.artefacts.regions import read_regions, write_regions
from tfwsss.backbones.facts import GREY
from tfwsss.errors import ImageFault
from tfwsss.logs import LOG
from tfwsss.methods.icd import training
from tfwsss.methods.icd.config import Config, MergeWith
from tfwsss.models.icd import ICD
from tfwsss.runs.stage import Context
from tfwsss.settings import reading
from tfwsss.settings.reading import merge
from tfwsss.training.progress import TrainingProgress
from tfwsss.training.tensorboard import Panels, TensorBoardLogs


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return image_set(tmp_path_factory.mktemp("data"))


@pytest.fixture
def inputs(images, tmp_path):
    """Regions of 4x4 pixels, as the stages before leave them."""
    blocks = np.arange(6 * 8).reshape(6, 8).repeat(4, 0).repeat(4, 1)
    for name in images.names:
        write_regions(tmp_path / "regions", name, blocks)
    return {"regions": tmp_path / "regions", "superpixels": tmp_path / "regions"}


def built(**sections) -> Config:
    return reading.build(Config, merge({**SETTINGS, "method": "icd"}, sections), "test")


def build(images, **icd) -> ICD:
    return training.build(built(icd=icd).icd, Context(), {}, images)


def batches(images, inputs, first=0, seed=0, **icd):
    return training.batches(built(icd=icd).icd, Context(seed=seed), inputs, images, first)


def test_the_network_is_compiled_as_the_settings_say(images):
    settings = {"optimizer": "sgd", "learning_rate": 0.5, "weight_decay": 0.25, "head_factor": 7.0, "epochs": 4,
                "batch_size": 2, "head_width": 6, "dropout": 0.5, "sign_updates_per_step": 2, "bottom_up_scale": 3.0,
                "top_down_threshold": 0.4, "warm_up_epochs": 1.5}
    model = build(images, **settings)
    own = model.get_config()
    assert isinstance(model, ICD) and own["num_classes"] == 3
    assert {key: own[key] for key in settings if key in own} == {key: settings[key] for key in own if key in settings}
    assert own["warm_up_steps"] == 3                                # 1.5 epochs of 5 images, in batches of 2
    decay = model.optimizer.get_config()
    assert (decay["coupled_decay"], decay["multipliers"]["fc8"], decay["multipliers"]["conv_ft"]) == (0.25, 7.0, 7.0)
    assert float(model.optimizer.learning_rate) == 0.5 and type(model.optimizer).__name__ == "SGD"
    assert type(build(images).optimizer).__name__ == "Adam"


def test_the_head_of_vgg16_teaches_the_new_one(images):
    """As released: fc6 and fc7 are copied where widths agree."""
    def made(width):
        backbone = {"name": "vgg16", "initial": None, "width": 0.02}
        return build(images, backbone=backbone, head_width=width)

    model = made(1024)
    np.testing.assert_array_equal(model.get_layer("fc7").get_weights()[0], model.get_layer("fc7_ft").get_weights()[0])
    assert made(4).get_layer("fc7_ft").get_weights()[0].shape[-1] == 4


@pytest.fixture
def told(caplog, monkeypatch):
    monkeypatch.setattr(LOG, "propagate", True)
    with caplog.at_level(logging.WARNING, "tfwsss"):
        yield caplog


def test_classes_that_are_never_alone_are_told(images, told):
    labels = {name: (0, 1) if 0 in images.labels[name] else images.labels[name] for name in images.names}
    labels |= {"image 1": (1,), "image 2": (1, 2)}
    model = build(dataclasses.replace(images, labels=labels))
    alone = {found[0] for found in labels.values() if len(found) == 1}
    assert model.get_config()["accompanied"] == sorted({0, 1, 2} - alone) and 0 not in alone
    assert "no image shows cat" in told.text and "alone; their directions learn from images of several" in told.text


def test_nothing_is_told_where_every_class_is_alone(images, told):
    labels = {name: (place % 3,) for place, name in enumerate(images.names)}
    model = build(dataclasses.replace(images, labels=labels))
    assert model.get_config()["accompanied"] == [] and not told.records


def test_batches_go_on_where_training_stopped(images, inputs):
    """The same batches come, from whatever epoch on: 2 steps of 2 images in each of 3 epochs."""
    settings = {"epochs": 3, "batch_size": 2, "crop": 33}
    whole = list(batches(images, inputs, **settings).as_numpy_iterator())
    rest = batches(images, inputs, first=1, **settings)
    assert len(whole) == 6 and int(rest.cardinality()) == 4
    for (x, y), (later, _) in zip(whole[2:], rest.as_numpy_iterator(), strict=True):
        assert x["image"].shape == (2, 33, 33, 3) and x["regions"].shape == (2, 33, 33) and y["labels"].shape == (2, 3)
        for key in ("image", "labels", "regions"):
            np.testing.assert_array_equal(x[key], later[key])


def test_batches_follow_the_seed(images, inputs):
    one, other = (next(iter(batches(images, inputs, seed=seed, crop=33)))[0]["image"].numpy() for seed in (0, 1))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(("board", "kinds"), [
    ({"panels": 2}, [TrainingProgress, TensorBoardLogs, Panels]), ({"panels": 0}, [TrainingProgress, TensorBoardLogs]),
    ({"enabled": False, "panels": 2}, [TrainingProgress])])
def test_who_watches(images, tmp_path, board, kinds):
    settings = built(tensorboard=board)
    found = training.callbacks(settings, Context.of(settings), tmp_path, build(images), images)
    assert [type(one) for one in found] == kinds


def test_a_panel_shows_what_the_seeds_are_made_of(images, tmp_path):
    settings = built()
    found = training.callbacks(settings, Context.of(settings), tmp_path, build(images), images)
    panels = next(callback for callback in found if isinstance(callback, Panels))
    maps, masks = panels._predict("image 0")
    assert set(maps) == {"CAM", "scores"} and set(masks) == {"CAM mask", "ICD"}
    assert all(0 <= plane.min() <= plane.max() <= 1 for plane in maps.values()) and maps["CAM"].shape == (24, 32)
    allowed = {0, 255, *(label + 1 for label in images.labels["image 0"])}
    assert all(mask.shape == (24, 32) and set(np.unique(mask)) <= allowed for mask in masks.values())


def merged(images, inputs, names=None, **values) -> dict:
    keras.utils.set_random_seed(0)                  # the network's weights are drawn anew
    regions = built(regions={"max_regions": 5, "canvas": 33, **values}).regions
    settings = MergeWith(**regions.model_dump(), backbone=built().icd.backbone)
    return dict(training.merged_regions(settings, images, inputs, names or images.names))


def test_regions_are_merged_until_few_remain(images, inputs):
    found = merged(images, inputs)
    assert list(found) == list(images.names)
    for name, regions in found.items():
        before = read_regions(inputs["regions"], name)
        assert regions.dtype == np.int32 and regions.shape == (24, 32)
        assert set(np.unique(regions)) == set(range(5))
        assert all(len(np.unique(regions[before == region])) == 1 for region in range(48))     # none is cut
    assert any((found[name] != found["image 0"]).any() for name in images.names)


@pytest.mark.parametrize("values", [{"max_regions": 48}, {"max_regions": 100}])
def test_few_regions_stay(images, inputs, values):
    for name, regions in merged(images, inputs, **values).items():
        np.testing.assert_array_equal(regions, read_regions(inputs["regions"], name))


def test_an_image_larger_than_the_canvas_is_reduced(images, inputs):
    assert all(regions.shape == (24, 32) for regions in merged(images, inputs, canvas=17).values())


def test_regions_that_are_torn_are_a_fault_of_their_image(images, inputs):
    (inputs["superpixels"] / "image 1.png").write_bytes(b"torn")
    found = merged(images, inputs, names=["image 0", "image 1", "image 2"])
    assert isinstance(found["image 1"], ImageFault) and "image 1.png" in str(found["image 1"])
    assert found["image 0"].max() == found["image 2"].max() == 4


@pytest.mark.parametrize(("subtract_mean", "shift"), [(False, GREY), (True, 0.0)])
def test_what_the_network_sees_when_regions_are_merged(images, inputs, monkeypatch, subtract_mean, shift):
    """As published the mean is not subtracted; the backbone subtracts it, so it is added before."""
    seen = []
    image = keras.Input((None, None, 3))
    backbone = keras.Model(image, {"features": keras.layers.AveragePooling2D(1, 4)(image)})
    monkeypatch.setattr(training, "build_backbone", lambda **_: backbone)
    monkeypatch.setattr(training, "merge_regions", lambda regions, features, **more: seen.append((features, more)))
    merged(images, inputs, names=["image 0"], subtract_mean=subtract_mean)
    features, more = seen[0]
    assert more == {"canvas": (33, 33), "max_regions": 5} and features.shape == (9, 9, 3)
    grey = GREY + shift
    np.testing.assert_allclose(features[-1, -1], [grey] * 3)                     # beyond the image
    np.testing.assert_allclose(features[2, 3], images.read_image("image 0")[8, 12] + shift)
