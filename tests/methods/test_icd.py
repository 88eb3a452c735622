import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from tests.fake_run import image_set
from tfwsss import config, methods
from tfwsss.artefacts import Scores
from tfwsss.config import merge
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import UserError
from tfwsss.methods import icd
from tfwsss.methods.icd import DEMO, Config
from tfwsss.stages import Stage

UNMERGED = {"regions": {"max_regions": 0}}
SALIENCY = {"data": {"saliency": "maps"}}
KINDS = {"superpixels": "regions", "regions": "regions", "icd": "model", "cam": "scores", "cam_masks": "masks",
         "scores": "scores", "cam_crf": "masks", "seeds": "masks", "pseudo": "masks"}
SHAPES = {
    "published": ({}, "superpixels regions icd cam cam_masks scores seeds pseudo"),
    "unmerged": (UNMERGED, "regions icd cam cam_masks scores seeds pseudo"),
    "saliency": (SALIENCY, "superpixels regions icd cam cam_masks scores pseudo"),
    "cam_crf": ({"cam_crf": True}, "superpixels regions icd cam cam_masks scores cam_crf seeds pseudo"),
    "all": ({**UNMERGED, **SALIENCY, "cam_crf": True}, "regions icd cam cam_masks scores cam_crf pseudo"),
}
EACH = pytest.mark.parametrize("shape", SHAPES)


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> ImageSet:
    return image_set(tmp_path_factory.mktemp("data"))


def built(**values) -> Config:
    return config.build(Config, {"method": "icd", **values}, "test")


def stages(images: ImageSet, other: ImageSet | None = None, /, **values) -> dict[str, Stage]:
    return {stage.name: stage for stage in icd.stages(built(**values), images, other or images)}


@EACH
def test_the_stages(images, shape):
    values, names = SHAPES[shape]
    found = stages(images, **values)
    assert list(found) == names.split()
    assert {name: stage.kind for name, stage in found.items()} == {name: KINDS[name] for name in found}
    assert set(found) <= set(Config.model_fields)                       # settings are found by the stage's name


@EACH
def test_stages_come_after_those_they_need(images, shape):
    found, before = stages(images, **SHAPES[shape][0]), set()
    for name, stage in found.items():
        assert set(stage.needs) <= before
        before.add(name)
    assert found["pseudo"].needs == (("scores", "cam") if "saliency" in str(SHAPES[shape][0]) else ("seeds",))
    assert found["cam"].needs == found["scores"].needs == ("icd",)


@EACH
def test_facts_are_json_and_their_section_is_a_section(images, shape):
    """Messages name settings as the configuration knows them."""
    for stage in stages(images, **SHAPES[shape][0]).values():
        assert json.loads(json.dumps(dict(stage.settings))) == stage.settings
        section = Config.model_fields[stage.section or stage.name].annotation
        own = set(stage.settings) - {"images", "seed", "mixed", "saliency", "backbone"}
        assert own <= set(section.model_fields), stage.name


def changed(images: ImageSet, base: dict, difference: dict) -> set[str]:
    """Returns the stages that a difference of settings makes stale by itself."""
    before, after = stages(images, **base), stages(images, **merge(base, difference))
    return {name for name in before if (before[name].settings, before[name].needs) !=
            (after[name].settings, after[name].needs)}


@pytest.mark.parametrize(("base", "difference", "expected"), [
    ({}, {"workers": 3}, ""), ({}, {"devices": 2}, ""), ({}, {"tensorboard": {"enabled": False}}, ""),
    ({}, {"icd": {"epochs": 3}}, "icd"), ({}, {"mixed_precision": True}, "icd"),
    ({}, {"superpixels": {"scale": 9}}, "superpixels"), (UNMERGED, {"superpixels": {"scale": 9}}, "regions"),
    ({}, {"regions": {"canvas": 65}}, "regions"), (UNMERGED, {"regions": {"canvas": 65}}, ""),
    ({}, {"icd": {"backbone": {"width": 0.5}}}, "regions icd"),
    (UNMERGED, {"icd": {"backbone": {"width": 0.5}}}, "icd"),
    ({}, {"cam": {"canvas": 65}}, "cam"), ({}, {"scores": {"mirror": True}}, "scores"),
    ({}, {"cam_masks": {"threshold": 0.2}}, "cam_masks"), ({}, {"seeds": {"corners_aligned": True}}, "seeds"),
    ({}, {"pseudo": {"iterations": 3}}, "pseudo"), ({"cam_crf": True}, {"pseudo": {"iterations": 3}}, "cam_crf pseudo"),
    (SALIENCY, {"seeds": {"corners_aligned": True}}, "pseudo"), (SALIENCY, {"pseudo": {"iterations": 3}}, ""),
    (SALIENCY, {"data": {"saliency": "other"}}, "pseudo"),
    ({}, {"seed": 1}, "superpixels regions icd cam cam_masks scores seeds pseudo")], ids=str)
def test_what_a_setting_makes_stale(images, base, difference, expected):
    assert changed(images, base, difference) == set(expected.split())


def test_another_list_of_images(images):
    """Superpixels are made of both lists, each image once; masks only of the second."""
    training, pseudo = images.subset(images.names[:3]), images.subset(images.names[2:])
    found = stages(training, pseudo)
    alone = stages(images)
    for name, whole in (("superpixels", images), ("icd", training), ("cam", pseudo), ("pseudo", pseudo)):
        assert found[name].settings["images"] == whole.fingerprint()
    assert {**found["superpixels"].settings} == {**alone["superpixels"].settings}


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
    assert list(stages(images, **DEMO)) == SHAPES["unmerged"][1].split()


@pytest.mark.parametrize(("name", "words"), [
    ("icdd", "unknown method 'icdd'; did you mean 'icd'"), ("", "unknown method ''; known: .*icd"),
    ("os", "unknown method 'os'")])
def test_unknown_methods(name, words):
    with pytest.raises(UserError, match=words):
        methods.get(name)


@pytest.mark.parametrize("name", methods.METHODS)
def test_every_method_has_its_parts(name):
    method = methods.get(name)
    assert method.Config(method=name).method == name and callable(method.stages) and callable(method.predict)
    config.build(method.Config, {**method.DEMO, "method": name}, "DEMO")


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
