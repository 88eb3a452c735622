import json

import numpy as np
import pytest

from tests.support.fake_run import image_set, write_maps
from tests.support.oracles.seeds import decide_cam
from tests.support.oracles.upsample import upsample
from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.scores import read_scores
from tfwsss.errors import ImageFault, UserError
from tfwsss.refine.thresholds import ThresholdSearch
from tfwsss.settings.sections import RunSettings
from tfwsss.steps.cam_masks import ThresholdSettings, threshold_masks, threshold_of, threshold_stage


@pytest.fixture
def images(tmp_path):
    return image_set(tmp_path / "data")          # five of 24x32 pixels, one or two of three classes each


@pytest.fixture
def folders(images, tmp_path):
    """Finished class maps, and a folder for masks."""
    write_maps(tmp_path / "cam", images)
    (tmp_path / "masks").mkdir()
    return {"cam": tmp_path / "cam", "masks": tmp_path / "masks"}


def masks(images, folders, threshold=None, names=None) -> dict:
    return dict(threshold_masks(images, folders, "cam", "masks", names or images.names,
                                ThresholdSettings(threshold=threshold)))


def expected_mask(folders, name: str, threshold: float) -> np.ndarray:
    scores = read_scores(folders["cam"], name)
    return decide_cam(upsample(scores.scores, scores.size, scores.covers), scores.classes, threshold)


@pytest.mark.parametrize("threshold", [0.0, 0.4, 1.0])
def test_a_given_threshold_is_used(images, folders, threshold):
    found = masks(images, folders, threshold)
    for name in images.names:
        np.testing.assert_array_equal(found[name], expected_mask(folders, name, threshold))
    assert not list(folders["masks"].iterdir())
    assert any(mask.any() for mask in found.values()) == (threshold < 1)


def search(folders, names) -> ThresholdSearch:
    found = ThresholdSearch()
    for name in names:
        scores = read_scores(folders["cam"], name)
        found.add(upsample(scores.scores, scores.size, scores.covers))
    return found


def test_a_chosen_threshold_is_kept(images, folders):
    found = masks(images, folders)
    kept = json.loads((folders["masks"] / "threshold.json").read_text())
    assert kept == search(folders, images.names).summary() and 0 < kept["threshold"] < 1
    for name in images.names:
        np.testing.assert_array_equal(found[name], expected_mask(folders, name, kept["threshold"]))


def test_a_resumed_stage_chooses_the_same(images, folders):
    """All maps are asked, not only those of the masks that are missing."""
    whole = masks(images, folders)
    before = (folders["masks"] / "threshold.json").read_bytes()
    rest = masks(images, folders, names=images.names[3:])
    assert list(rest) == ["image 3", "image 4"]
    np.testing.assert_array_equal(rest["image 3"], whole["image 3"])
    assert (folders["masks"] / "threshold.json").read_bytes() == before


def test_maps_that_are_missing_or_torn_are_faults(images, folders):
    """They neither stop the stage nor take part in the choice."""
    (folders["cam"] / "image 0.npz").unlink()
    (folders["cam"] / "image 2.npz").write_bytes(b"torn")
    found = masks(images, folders)
    assert {name for name, value in found.items() if isinstance(value, ImageFault)} == {"image 0", "image 2"}
    assert "no such file" in str(found["image 0"]) and "cannot be read" in str(found["image 2"])
    kept = json.loads((folders["masks"] / "threshold.json").read_text())
    assert kept["threshold"] == search(folders, ["image 1", "image 3", "image 4"]).threshold()


def test_without_any_map_there_is_no_threshold(images, folders):
    for path in folders["cam"].iterdir():
        path.unlink()
    with pytest.raises(UserError, match="no two different strengths to put a threshold between"):
        masks(images, folders)


def test_a_stage_of_masks(images, folders):
    stage = threshold_stage("masks", images, RunSettings(method="none"), ThresholdSettings(threshold=0.4), "cam")
    assert (stage.name, stage.kind, stage.needs, stage.settings["threshold"]) == ("masks", "masks", ("cam",), 0.4)
    assert stage.work({"cam": folders["cam"]}, folders["masks"]) == {}
    for name in images.names:
        found = read_mask(folders["masks"], name)
        np.testing.assert_array_equal(found, expected_mask(folders, name, 0.4))


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
