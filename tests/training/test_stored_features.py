"""Heads that are trained on kept features are those that are trained behind the network."""

import dataclasses
import functools

import keras
import numpy as np
import pytest

from tests.support.fake_run import image_set, write_pseudo
from tests.support.transformers import make_shallow
from tfwsss.artefacts.models import load_model
from tfwsss.artefacts.regions import write_regions
from tfwsss.backbones.build import build_backbone
from tfwsss.errors import UserError
from tfwsss.methods.icd import training
from tfwsss.methods.icd.config import ICDSettings
from tfwsss.models.icd import ICD
from tfwsss.models.segmenter import Segmenter
from tfwsss.runs.stage import Context, train
from tfwsss.settings.sections import TensorBoardSettings
from tfwsss.steps.segmenter import SegmenterSettings, segmenter_stage
from tfwsss.training.stored_features import kept_features, trunk_of

CONTEXT = Context(seed=3, tensorboard=TensorBoardSettings(enabled=False))
FIT = {"epochs": 2, "batch_size": 2, "crop": 43, "optimizer": "adam", "learning_rate": 1e-2, "head_factor": 1.0,
       "bias_factor": 1.0, "weight_decay": 0.0, "mirror": False, "scales": (1.0,), "longer_side": (43, 43)}


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Images, and settings of a backbone of known weights."""
    make_shallow(monkeypatch)
    images = image_set(tmp_path / "data")
    write_pseudo(tmp_path / "pseudo", images)
    for name in images.names:
        write_regions(tmp_path / "regions", name, np.arange(24 * 32, dtype=np.int32).reshape(24, 32) // 100)
    keras.utils.set_random_seed(0)
    build_backbone("dinov2_small", width=1 / 32).save_weights(tmp_path / "trunk.weights.h5")
    return images, {"name": "dinov2_small", "initial": tmp_path / "trunk.weights.h5", "width": 1 / 32}


def segmenter(folder, images, **settings) -> keras.Model:
    stage = segmenter_stage("segmenter", images, SegmenterSettings(width=8, dropout=0.0, **FIT, **settings), "pseudo")
    stage.work(CONTEXT, {"pseudo": folder.parent / "pseudo"}, folder)
    return load_model(folder, Segmenter)


def icd(folder, images, **settings) -> keras.Model:
    own = ICDSettings(head_width=8, warm_up_epochs=0.5, **FIT, **settings)
    stage = train("icd", images, settings=own, epochs=own.epochs, needs=("regions",),
                  build=functools.partial(training.build, own), batches=functools.partial(training.batches, own))
    stage.work(CONTEXT, {"regions": folder.parent / "regions"}, folder)
    return load_model(folder, ICD)


@pytest.mark.parametrize("work", [segmenter, icd])
def test_weights_are_those_of_a_training_behind_the_network(tmp_path, data, work):
    images, backbone = data
    whole = work(tmp_path / "whole", images, backbone=backbone)
    stored = work(tmp_path / "stored", images, backbone=backbone, stored=tmp_path / "features")
    assert [weight.path for weight in stored.weights] == [weight.path for weight in whole.weights]
    moved = 0
    for ours, theirs in zip(stored.weights, whole.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4, err_msg=ours.path)
        moved += not ours.path.startswith(("block", "tokens", "patches", "norm"))
    assert moved > 2 and len(list((tmp_path / "features").glob("*.npy"))) == 1
    image = images.read_image("image 0")[None].astype("float32")
    asked = {key: value for key, value in {"image": image, "regions": np.zeros((1, 24, 32), "int32"), "labels":
                                           np.ones((1, 3), "float32")}.items() if key in whole.input}
    for key, value in whole(asked).items():
        np.testing.assert_allclose(stored(asked)[key], value, atol=1e-3)


def test_features_are_computed_once_and_again_where_weights_change(tmp_path, data):
    images, backbone = data
    settings = SegmenterSettings(**FIT, backbone=backbone, stored=tmp_path / "features")
    network = build_backbone(**settings.backbone.model_dump())
    how = settings.augmentation()
    trunk = trunk_of(settings, network, images, how)
    assert trunk.input.shape[1:] == (None, None, 12) and trunk.name == "dinov2_small"
    (path,) = (tmp_path / "features").glob("*.npy")
    first, written = np.array(kept_features(settings, images, how)), path.stat().st_mtime_ns
    assert first.shape == (5, 4, 4, 12)
    trunk_of(settings, network, images, how)
    assert path.stat().st_mtime_ns == written
    network.get_layer("norm").beta.assign_add(np.ones(12))
    trunk_of(settings, network, images, how)
    np.testing.assert_allclose(kept_features(settings, images, how), first + 1, atol=1e-5)


def test_other_photographs_of_the_same_names_are_seen_anew(tmp_path, data):
    """And other tags of the same photographs are not: features hang on what the network sees alone."""
    images, backbone = data
    settings = SegmenterSettings(**FIT, backbone=backbone, stored=tmp_path / "features")
    network, how = build_backbone(**settings.backbone.model_dump()), settings.augmentation()
    trunk_of(settings, network, images, how)
    first = np.array(kept_features(settings, images, how))
    trunk_of(settings, network, dataclasses.replace(images, labels={**images.labels, "image 0": ()}), how)
    assert len(list((tmp_path / "features").glob("*.npy"))) == 1
    images.images["image 0"].write_bytes(images.images["image 1"].read_bytes())
    trunk_of(settings, network, images, how)
    now = kept_features(settings, images, how)
    np.testing.assert_allclose(now[0], first[1], atol=1e-5)
    np.testing.assert_allclose(now[1:], first[1:], atol=1e-5)
    assert np.abs(first[0] - first[1]).max() > 1e-2


def test_what_cannot_be_kept(tmp_path, data):
    images, _ = data
    with pytest.raises(ValueError, match="stored features are of a network that does not learn; freeze small"):
        SegmenterSettings(backbone={"name": "small", "initial": None}, stored=tmp_path)
    with pytest.raises(ValueError, match="continued trains whole networks, stored their heads"):
        SegmenterSettings(backbone={"name": "dinov2_small"}, stored=tmp_path, continued=True)
    settings = SegmenterSettings(backbone={"name": "small", "initial": None, "frozen": True}, stored=tmp_path, crop=33)
    with pytest.raises(UserError, match="not of small, whose heads read two maps; leave 'stored' out"):
        trunk_of(settings, build_backbone("small", width=0.1), images, settings.augmentation())
    whole = SegmenterSettings()
    assert trunk_of(whole, network := build_backbone("small", width=0.1), images, whole.augmentation()) is network
