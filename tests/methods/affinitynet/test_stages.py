import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.fake_run import image_set
from tfwsss.artefacts.scores import Scores
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import UserError
from tfwsss.methods import affinitynet
from tfwsss.methods.affinitynet.stages import DEMO, Config
from tfwsss.models.affinity import AffinityNet
from tfwsss.settings import reading
from tfwsss.steps.classifier import Mapper


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> ImageSet:
    return image_set(tmp_path_factory.mktemp("data"))


def built(**values) -> Config:
    return reading.build(Config, {"method": "affinitynet", **values}, "test")


def test_the_defaults_are_the_published_ones():
    settings = built()
    for fit, epochs, batch_size in ((settings.classifier, 15, 16), (settings.affinity, 8, 8)):
        assert (fit.backbone.name, fit.epochs, fit.batch_size, fit.crop) == ("vgg16", epochs, batch_size, 448)
        assert (fit.optimizer, fit.learning_rate, fit.momentum, fit.weight_decay) == ("sgd", 0.1, 5e-4, 5e-4)
        assert (fit.schedule, fit.head_factor, fit.bias_factor) == ("step", 10.0, 2.0)
        assert (fit.jitter, fit.mirror, fit.scatter, fit.scales) == ((0.3, 0.3, 0.3, 0.1), True, True, (1.0,))
    assert (settings.classifier.longer_side, settings.affinity.longer_side) == ((256, 512), None)
    assert (settings.affinity.widths, settings.affinity.radius) == ((64, 128, 256), 5)
    assert settings.affinity.border == "released" and settings.classifier.dropout == 0.5
    assert settings.cam.scales == (1.0, 0.5, 1.5, 2.0) and settings.cam.mirror
    assert (settings.labels.low, settings.labels.high) == (4.0, 32.0)
    assert (settings.walk.alpha, settings.walk.sharpness, settings.walk.steps) == (16.0, 8.0, 256)
    assert not settings.walk.paths
    crf = settings.labels.crf
    assert (crf.iterations, crf.gaussian_deviation, crf.gaussian_weight) == (10, 3.0, 3.0)
    assert (crf.position_deviation, crf.colour_deviation, crf.bilateral_weight) == (80.0, 13.0, 10.0)


def test_the_built_in_set_has_settings_of_its_own():
    settings = built(**DEMO)
    assert settings.data.kind == "demo" and settings.labels.low == 4.0 and settings.walk.steps == 256
    for fit in (settings.classifier, settings.affinity):
        assert (fit.backbone.name, fit.backbone.initial, fit.optimizer, fit.jitter) == ("small", None, "adam", ())
    assert settings.affinity.crop % 4 == 0


@pytest.mark.parametrize(("values", "words"), [
    ({"labels": {"low": 0.0}}, "labels.low"), ({"labels": {"high": -1.0}}, "labels.high"),
    ({"walk": {"alpha": 0.0}}, "walk.alpha"), ({"walk": {"steps": -1}}, "walk.steps"),
    ({"walk": {"sharpness": 0}}, "walk.sharpness"), ({"affinity": {"radius": 1}}, "affinity.radius"),
    ({"affinity": {"border": "half"}}, "affinity.border"), ({"affinity": {"widths": [8, 8]}}, "affinity.widths"),
    ({"classifier": {"dropout": 1.0}}, "classifier.dropout"),
    ({"classifier": {"schedule": "month"}}, "classifier.schedule")])
def test_settings_that_make_no_sense(values, words):
    with pytest.raises(UserError, match=words):
        built(**values)


SEEN = {0: (0.2, 1.0), 1: (1.0, 0.1), 2: (0.3, 0.3)}
"""Height of each class's map on the left and on the right half."""


def fake_networks(monkeypatch, logits: list[float]) -> list:
    """Lets class maps be halves of `SEEN`, logits be plain, and the walk stand still; returns what was loaded."""
    asked = []

    def score_images(network, images, names, settings, colour):
        asked.append(("colour", network, colour))
        for name in names:
            classes = np.array(images.labels[name], np.int32)
            halves = np.array([[[SEEN[label][0]] * 16 + [SEEN[label][1]] * 16] * 24 for label in classes], np.float32)
            plain = np.array(logits, np.float32)[classes, None, None] * np.ones((1, 24, 32), np.float32)
            yield name, {"cam": Scores(classes, halves.reshape(-1, 24, 32), (24, 32)),
                         "position_logits": Scores(classes, plain, (24, 32))}

    def walked(walker, image, cam, alpha):
        asked.append(("power", alpha))
        ids = np.array([0, *(cam.classes + 1)], np.uint8)
        return ids[np.concatenate([np.full((1, *cam.size), 0.1), cam.scores]).argmax(axis=0)]

    monkeypatch.setattr(affinitynet.maps, "load_model", lambda folder, kind: asked.append((folder, kind)))
    monkeypatch.setattr(affinitynet.classify, "load_mapper",
                        lambda folder, keys: asked.append((folder, *keys)) or Mapper("net", (1.0, 2.0, 3.0)))
    monkeypatch.setattr(affinitynet.walking, "build_walker", lambda model, settings: settings)
    monkeypatch.setattr(affinitynet.walking, "walked", walked)
    monkeypatch.setattr(affinitynet.maps, "score_images", score_images)
    return asked


def everything(images: ImageSet) -> ImageSet:
    """The same images, labelled with all classes: nothing is known of them."""
    return dataclasses.replace(images, labels=dict.fromkeys(images.names, (0, 1, 2)))


UNSHARPENED = {"pseudo": {"iterations": 0}}


@pytest.mark.parametrize(("logits", "left", "right"), [
    ([-1.0, 2.0, -3.0], 2, 2), ([0.5, 0.25, -1.0], 2, 1), ([-2.0, -3.0, -1.0], 3, 3), ([0.1, -0.1, 0.1], 3, 1)])
def test_without_tags_the_likely_classes_count(images, monkeypatch, logits, left, right):
    """Those above one half, or else the likeliest, by their logits and not by their maps."""
    fake_networks(monkeypatch, logits)
    found = dict(affinitynet.predict(built(**UNSHARPENED), Path("run"), everything(images), tagged=False))
    assert list(found) == list(images.names)
    for mask in found.values():
        assert mask.shape == (24, 32) and set(np.unique(mask)) == {left, right}
        assert (mask[:, :16] == left).all() and (mask[:, 16:] == right).all()


def test_tags_are_believed(images, monkeypatch):
    """Whatever the classifier says; each network is loaded once."""
    asked = fake_networks(monkeypatch, [-5.0, -5.0, -5.0])
    for name, mask in affinitynet.predict(built(**UNSHARPENED), Path("run"), images, tagged=True):
        assert set(np.unique(mask)) == {max(images.labels[name], key=lambda label: SEEN[label][half]) + 1
                                        for half in (0, 1)}
    assert [one for one in asked if one[0] != "power"] == [
        (Path("run/classifier"), "cam", "position_logits"), (Path("run/affinity"), AffinityNet),
        ("colour", "net", (1.0, 2.0, 3.0))]
    assert [one for one in asked if one[0] == "power"] == [("power", 16.0)] * 5


def test_given_stages_are_used(images, monkeypatch, tmp_path):
    """Also the masks' threshold, from which the power follows where it is not set."""
    asked = fake_networks(monkeypatch, [1.0, 1.0, 1.0])
    (tmp_path / "threshold.json").write_text(json.dumps({"threshold": 0.275508}))
    given = {"classifier": "one", "affinity": "two", "cam_masks": str(tmp_path)}
    settings = built(given=given, walk={"alpha": None}, **UNSHARPENED)
    list(affinitynet.predict(settings, Path("run"), images.subset(["image 0"]), tagged=True))
    assert asked[:2] == [(Path("one"), "cam", "position_logits"), (Path("two"), AffinityNet)]
    assert asked[-1] == ("power", pytest.approx(4.0, rel=1e-5))


def test_prediction_ends_with_the_crf(images, monkeypatch):
    fake_networks(monkeypatch, [1.0, 1.0, 1.0])
    monkeypatch.setattr(affinitynet, "sharpen", lambda mask, image, labels, settings: (image.shape, labels, settings))
    settings = built(pseudo={"iterations": 7})
    found = dict(affinitynet.predict(settings, Path("run"), images.subset(["image 1"]), tagged=True))
    assert found == {"image 1": ((24, 32, 3), 4, settings.pseudo)}
