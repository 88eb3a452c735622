"""The stages of a classifier's class maps, by itself and by tf-keras-vis."""

import types

import keras
import numpy as np
import pytest

from tests.support.fake_run import image_set
from tfwsss.artefacts.files import finished
from tfwsss.artefacts.models import write_model
from tfwsss.artefacts.scores import read_scores
from tfwsss.backbones.small import small
from tfwsss.errors import UserError
from tfwsss.inference import explained
from tfwsss.inference.canvas import on_canvas
from tfwsss.inference.explained import Explainer
from tfwsss.models.classifier import Classifier
from tfwsss.runs.stage import Context
from tfwsss.steps.class_maps import MapSettings
from tfwsss.steps.classifier import class_maps_of
from tfwsss.steps.explained_maps import OWN, ExplainedMapSettings, classifier_map_stages


@pytest.fixture
def images(tmp_path):
    return image_set(tmp_path / "data")          # five of 24x32 pixels, one or two of three classes each


def test_own_maps_are_one_stage_as_ever(images):
    """Runs from before these settings stay what they are."""
    stage, = classifier_map_stages("cam", images, ExplainedMapSettings(canvas=33), "classifier")
    assert (stage.name, stage.kind, stage.needs) == ("cam", "scores", ("classifier",))
    assert MapSettings(canvas=33).facts().items() <= stage.settings.items()
    assert not set(ExplainedMapSettings.ADDED) & set(stage.settings)


def test_without_the_library_nothing_starts(images, monkeypatch):
    monkeypatch.setattr(explained.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"cam.maps=scorecam: .*pip install 'tfwsss\[viz\]'"):
        classifier_map_stages("cam", images, ExplainedMapSettings(maps="scorecam"), "classifier")


def test_other_maps_are_not_spread():
    transformer = {"initial": "dinov2.weights.h5"}
    assert ExplainedMapSettings(affinity="vit", transformer=transformer).facts()["affinity"] == "vit"
    with pytest.raises(ValueError, match="affinity=vit spreads the classifier's own maps, not those of maps=layercam"):
        ExplainedMapSettings(affinity="vit", transformer=transformer, maps="layercam")


def test_such_maps_are_of_images_of_the_run_alone(tmp_path):
    config = types.SimpleNamespace(cam=ExplainedMapSettings(maps="layercam"), given={})
    with pytest.raises(UserError, match=r"tf-keras-vis \(cam.maps=layercam\).*ask for --stage masks"):
        class_maps_of(config, tmp_path)


@pytest.mark.parametrize(("way", "layer"), [("layercam", "relu2"), ("gradcam_plus_plus", None), ("scorecam", None)])
def test_other_maps_beside_its_own(images, tmp_path, way, layer):
    """One file an image of its own classes; mirror images are averaged; a broken image is a fault."""
    pytest.importorskip("tf_keras_vis", reason="tf-keras-vis is not installed; pip install 'tfwsss[viz]'")
    keras.utils.set_random_seed(1)
    model = Classifier(small(width=0.2), num_classes=3)
    write_model(tmp_path / "classifier", model)
    settings = ExplainedMapSettings(canvas=33, mirror=True, maps=way, layer=layer, channels=3)
    stage, own = classifier_map_stages("cam", images, settings, "classifier")
    assert (stage.name, stage.kind, own.name, own.kind) == ("cam", "scores", OWN, "scores")
    assert stage.settings["maps"] == way and not set(ExplainedMapSettings.ADDED) & set(own.settings)
    images.images["image 1"].write_bytes(b"no image")
    inputs = {"classifier": tmp_path / "classifier"}
    assert list(stage.work(Context(), inputs, tmp_path / "cam")) == ["image 1"]
    assert list(own.work(Context(), inputs, tmp_path / OWN)) == ["image 1"]
    assert len(finished(tmp_path / "cam", "scores", images.names)) == len(images.names) - 1
    explainer = Explainer(model, way, layer, 3)
    found, classes = read_scores(tmp_path / "cam", "image 2"), list(images.labels["image 2"])
    canvas = on_canvas(images.read_image("image 2")[None], 33, 33, (127.0,) * 3).numpy()
    both = explainer(np.concatenate([canvas, canvas[:, :, ::-1]]), classes)
    np.testing.assert_allclose(found.scores, np.moveaxis((both[0] + both[1][:, ::-1]) / 2, -1, 0), rtol=1e-3, atol=1e-3)
    assert found.classes.tolist() == classes and (found.size, found.covers) == ((24, 32), (33, 33))
    assert read_scores(tmp_path / OWN, "image 2").scores.shape[0] == len(classes)
