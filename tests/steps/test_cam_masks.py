"""Class maps to masks by one threshold, set or chosen."""

import functools
import json

import numpy as np
import pytest
from PIL import Image

from tests.support.fake_run import image_set, write_maps
from tests.support.oracles.seeds import decide_cam
from tests.support.oracles.upsample import upsample
from tests.support.whole_images import network
from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.scores import read_scores, write_scores
from tfwsss.errors import UserError
from tfwsss.inference.decide.threshold import decide_by_threshold
from tfwsss.inference.kept import KeptRule, strongest
from tfwsss.inference.views import Canvas, OwnSize
from tfwsss.refine.thresholds import ThresholdSearch
from tfwsss.runs.stage import Context
from tfwsss.settings.sections import CRFSettings
from tfwsss.steps.cam_masks import (
    ThresholdSettings,
    cam_mask_stage,
    cam_masker,
    class_map_masker,
    threshold_of,
)
from tfwsss.steps.class_maps import ClassMapNetwork, MapSettings, class_map_stage
from tfwsss.steps.crf import crf_from_masks


@pytest.fixture
def images(tmp_path):
    return image_set(tmp_path / "data")          # five of 24x32 pixels, one or two of three classes each


@pytest.fixture
def folders(images, tmp_path):
    """Finished class maps, and a folder for masks."""
    write_maps(tmp_path / "cam", images)
    (tmp_path / "masks").mkdir()
    return {"cam": tmp_path / "cam", "masks": tmp_path / "masks"}


def stage_of(images, threshold=None):
    return cam_mask_stage("masks", images, ThresholdSettings(threshold=threshold), "cam")


def work(images, folders, threshold=None) -> dict:
    """Runs the stage; returns its faults."""
    return stage_of(images, threshold).work(Context(), folders, folders["masks"])


def masks(images, folders, names=None) -> dict:
    return {name: read_mask(folders["masks"], name) for name in names or images.names}


def expected_mask(folders, name: str, threshold: float) -> np.ndarray:
    """By the rule on arrays; what equals the threshold but for rounding may fall to the other side."""
    scores = read_scores(folders["cam"], name)
    return decide_cam(upsample(scores.scores, scores.size, scores.covers), scores.classes, threshold)


@pytest.mark.parametrize("threshold", [0.0, 0.41, 1.0])
def test_a_given_threshold_is_used(images, folders, threshold):
    assert work(images, folders, threshold) == {}
    found = masks(images, folders)
    for name in images.names:
        np.testing.assert_array_equal(found[name], expected_mask(folders, name, threshold))
    assert not (folders["masks"] / "threshold.json").exists()
    assert any(mask.any() for mask in found.values()) == (threshold < 1)


def search(images, folders, names, looked_at=None) -> ThresholdSearch:
    found = ThresholdSearch()
    for name in names:
        looks = looked_at is None or name in looked_at
        found.add(strongest(read_scores(folders["cam"], name))[1], images.read_image(name) if looks else None)
    return found


def test_a_chosen_threshold_is_kept(images, folders):
    assert work(images, folders) == {}
    kept = json.loads((folders["masks"] / "threshold.json").read_text())
    assert kept == search(images, folders, images.names).summary() and 0 < kept["threshold"] < 1
    rule = KeptRule(functools.partial(decide_by_threshold, kept["threshold"]), ("cam",))
    for name, mask in masks(images, folders).items():
        np.testing.assert_array_equal(mask, rule({"cam": read_scores(folders["cam"], name)}))
        assert np.mean(mask == expected_mask(folders, name, kept["threshold"])) > 0.99


def test_a_part_of_many_images_is_looked_at(images, folders, monkeypatch):
    monkeypatch.setattr("tfwsss.steps.cam_masks.COLOURS", 2)
    assert work(images, folders) == {}
    kept = json.loads((folders["masks"] / "threshold.json").read_text())
    assert kept == search(images, folders, images.names, ["image 0", "image 4"]).summary() and kept["images"] <= 2


def test_an_image_that_its_maps_were_not_made_of_is_not_asked(images, folders):
    Image.new("RGB", (9, 9)).save(images.images["image 2"])
    assert work(images, folders) == {}
    kept = json.loads((folders["masks"] / "threshold.json").read_text())
    assert kept == search(images, folders, images.names, set(images.names) - {"image 2"}).summary()


@pytest.mark.parametrize(("threshold", "versions"), [(None, {"threshold": 2}), (0.4, None)])
def test_how_a_threshold_was_chosen_is_part_of_what_made_the_masks(images, threshold, versions):
    assert stage_of(images, threshold).settings.get("versions") == versions


def test_a_resumed_stage_chooses_the_same(images, folders):
    """All maps are asked, not only those of the masks that are missing."""
    work(images, folders)
    whole, before = masks(images, folders), (folders["masks"] / "threshold.json").read_bytes()
    for name in images.names[3:]:
        (folders["masks"] / f"{name}.png").unlink()
    (folders["masks"] / "threshold.json").unlink()
    work(images, folders)
    for name, mask in masks(images, folders).items():
        np.testing.assert_array_equal(mask, whole[name])
    assert (folders["masks"] / "threshold.json").read_bytes() == before


def test_an_image_without_classes_takes_no_part_in_the_choice(images, folders):
    """Its mask is background."""
    empty = read_scores(folders["cam"], "image 1")._replace(classes=np.zeros(0, np.int32),
                                                            scores=np.zeros((0, 6, 8), np.float16))
    write_scores(folders["cam"], "image 1", empty)
    assert work(images, folders) == {} and not read_mask(folders["masks"], "image 1").any()
    kept = json.loads((folders["masks"] / "threshold.json").read_text())
    assert kept == search(images, folders, ["image 0", "image 2", "image 3", "image 4"]).summary()


def test_maps_that_are_missing_or_torn_are_faults(images, folders):
    """They neither stop the stage nor take part in the choice."""
    (folders["cam"] / "image 0.npz").unlink()
    (folders["cam"] / "image 2.npz").write_bytes(b"torn")
    faults = work(images, folders)
    assert set(faults) == {"image 0", "image 2"}
    assert "no such file" in faults["image 0"] and "cannot be read" in faults["image 2"]
    kept = json.loads((folders["masks"] / "threshold.json").read_text())
    assert kept["threshold"] == search(images, folders, ["image 1", "image 3", "image 4"]).threshold()


def test_without_any_map_there_is_no_threshold(images, folders):
    for path in folders["cam"].iterdir():
        path.unlink()
    with pytest.raises(UserError, match="no two different strengths to put a threshold between"):
        work(images, folders)


def test_a_stage_of_masks(images):
    stage = stage_of(images, 0.4)
    assert (stage.name, stage.kind, stage.needs, stage.settings["threshold"]) == ("masks", "masks", ("cam",), 0.4)


@pytest.mark.parametrize("canvas", [33, None])
def test_a_masker_makes_the_masks_of_both_stages_at_once(images, folders, canvas):
    settings = MapSettings(canvas=canvas, scales=(1.0, 0.5), mirror=True)
    loaded = ClassMapNetwork(network(), logits="cam")
    for path in folders["cam"].iterdir():
        path.unlink()
    maps = class_map_stage("cam", images, settings, "net", lambda folder: loaded)
    assert maps.work(Context(), {"net": folders["cam"]}, folders["cam"]) == work(images, folders) == {}
    masker = cam_masker(loaded, settings, threshold_of(ThresholdSettings(), folders["masks"]))
    found = dict(masker.masks(images, images.names, tagged=True))
    different = sum(int((found[name].mask != mask).sum()) for name, mask in masks(images, folders).items())
    assert different <= 1 and any(each.mask.any() for each in found.values()) and not masker.crf.on


def test_how_a_masker_of_class_maps_is_put_together():
    """The network's canvas and colour; ids are its classes and background; a CRF and further networks are handed on."""
    loaded, crf = ClassMapNetwork(network(), (1.0, 2.0, 3.0), "scores"), crf_from_masks(CRFSettings(certainty=0.7))
    masker = class_map_masker(loaded, MapSettings(canvas=99), max, crf, (loaded.network,))
    assert masker.view == Canvas(99, colour=(1.0, 2.0, 3.0)) and masker.num_ids == 4 and masker.stride == 4
    assert (masker.decide, masker.crf, masker.others) == (max, crf, (loaded.network,))
    assert masker.presence.args == ("scores",)
    assert cam_masker(loaded, MapSettings(canvas=None), 0.3).view == OwnSize()


@pytest.mark.parametrize(("chosen", "threshold", "expected"), [('{"threshold": 0.25}', None, 0.25), (None, 0.5, 0.5),
                                                               ('{"threshold": 0.25}', 0.0, 0.0)])
def test_the_threshold_of_a_finished_stage(tmp_path, chosen, threshold, expected):
    """The one that is set comes before the one that was chosen."""
    if chosen:
        (tmp_path / "threshold.json").write_text(chosen)
    assert threshold_of(ThresholdSettings(threshold=threshold), tmp_path) == expected


@pytest.mark.parametrize("chosen", [None, "{", "[]", "{}", '{"threshold": null}'])
def test_no_threshold_is_known(tmp_path, chosen):
    if chosen is not None:
        (tmp_path / "threshold.json").write_text(chosen)
    with pytest.raises(UserError, match="no threshold in it; add --redo .*, or set cam_masks.threshold"):
        threshold_of(ThresholdSettings(), tmp_path)
