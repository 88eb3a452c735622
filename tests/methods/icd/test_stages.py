import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.support.fake_run import image_set
from tfwsss.artefacts.scores import Scores
from tfwsss.data.image_set import ImageSet
from tfwsss.data.sources import Splits
from tfwsss.methods import icd
from tfwsss.methods.icd.stages import DEMO, Config
from tfwsss.settings import reading


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> ImageSet:
    return image_set(tmp_path_factory.mktemp("data"))


def built(**values) -> Config:
    return reading.build(Config, {"method": "icd", **values}, "test")


def test_the_defaults_are_the_published_ones():
    settings = built()
    assert (settings.icd.backbone.name, settings.icd.epochs, settings.icd.batch_size, settings.icd.crop) == \
        ("vgg16", 20, 32, 321)
    assert (settings.icd.learning_rate, settings.icd.weight_decay, settings.icd.head_factor) == (1e-3, 5e-4, 10.0)
    assert settings.icd.scales == (0.5, 0.75, 1.0, 1.25, 1.5) and settings.icd.optimizer == "sgd"
    assert (settings.superpixels.scale, settings.superpixels.sigma, settings.superpixels.min_size) == (75, 0.8, 75)
    assert (settings.regions.max_regions, settings.regions.canvas, settings.scores.canvas) == (64, 513, 513)


def test_the_built_in_set_has_settings_of_its_own(images):
    settings = built(**DEMO)
    assert settings.data.kind == "demo" and settings.icd.backbone.name == "small"
    assert settings.cam == settings.scores
    names = [stage.name for stage in icd.stages(settings, Splits(images, images))]
    assert names == ["regions", "icd", "cam", "cam_masks", "scores", "seeds", "pseudo", "segmenter", "relabel"]


GRID = np.array([[1.0, 1.0, -1.0]] * 3, np.float32)


def fake_network(monkeypatch, cam: list[float]) -> list:
    """Lets every image's scores be GRID, and its class maps plain ones of these heights; returns what was asked."""
    asked = []

    def score_images(network, images, names, settings):
        for name in names:
            classes = np.array(images.labels[name], np.int32)
            plain = np.array(cam, np.float32)[classes, None, None] * np.ones((1, 3, 3), np.float32)
            yield name, {"cam": Scores(classes, plain, (24, 32), (32, 32)),
                         "scores": Scores(classes, GRID[None].repeat(len(classes), 0), (24, 32), (32, 32))}

    monkeypatch.setattr(icd.icd_training, "load_maps", lambda path, keys: asked.append((path, tuple(keys))))
    monkeypatch.setattr(icd.maps, "score_images", score_images)
    return asked


def everything(images: ImageSet) -> ImageSet:
    """The same images, labelled with all classes: nothing is known of them."""
    return dataclasses.replace(images, labels=dict.fromkeys(images.names, (0, 1, 2)))


@pytest.mark.parametrize(("cam", "expected"), [
    ([-1.0, 2.0, -3.0], {2}), ([0.5, 0.25, -1.0], {1}), ([-2.0, -3.0, -1.0], {3}), ([-2.0, -3.0, 9.0], {3})])
def test_without_tags_the_likely_classes_count(images, monkeypatch, cam, expected):
    """Those above one half, or else the likeliest; of two claims the stronger class map wins."""
    fake_network(monkeypatch, cam)
    settings = built(pseudo={"iterations": 0}, seeds={"corners_aligned": True})
    found = dict(icd.predict(settings, Path("run"), everything(images), tagged=False))
    assert list(found) == list(images.names)
    for mask in found.values():
        assert mask.shape == (24, 32) and set(np.unique(mask)) - {0, 255} == expected
        assert (mask[:, 24:] == 0).all()


def test_tags_are_believed(images, monkeypatch):
    asked = fake_network(monkeypatch, [-5.0, -5.0, -5.0])
    settings = built(pseudo={"iterations": 0}, seeds={"corners_aligned": True})
    alone = images.subset(name for name in images.names if len(images.labels[name]) == 1)
    for name, mask in icd.predict(settings, Path("run"), alone, tagged=True):
        assert set(np.unique(mask)) - {0, 255} == {alone.labels[name][0] + 1}
    assert asked == [(Path("run/icd/model.keras"), ("cam", "scores"))]


def test_a_given_network_is_used(images, monkeypatch):
    asked = fake_network(monkeypatch, [1.0, 1.0, 1.0])
    list(icd.predict(built(given={"icd": "released"}), Path("run"), images.subset([]), tagged=True))
    assert asked == [(Path("released/model.keras"), ("cam", "scores"))]


def test_prediction_ends_with_the_crf(images, monkeypatch):
    fake_network(monkeypatch, [1.0, 1.0, 1.0])
    monkeypatch.setattr(icd, "sharpen", lambda mask, image, labels, settings: (image.shape, labels, settings))
    settings = built(pseudo={"iterations": 7})
    found = dict(icd.predict(settings, Path("run"), images.subset(["image 1"]), tagged=True))
    assert found == {"image 1": ((24, 32, 3), 4, settings.pseudo)}
