import functools

import numpy as np
import pytest

from tests.support.fake_run import image_set
from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.scores import Scores, read_scores, write_scores
from tfwsss.inference.decide.clip import decide_by_spread_maps
from tfwsss.inference.sharpen import sharpen_arrays
from tfwsss.runs.stage import Context
from tfwsss.settings.sections import CRFSettings
from tfwsss.steps.cam_masks import ThresholdSettings
from tfwsss.steps.scored_crf import ConfidentSettings, confident_crf, scored_crf_stage, scored_mask_stage

RULE = functools.partial(decide_by_spread_maps, 1.0)


@pytest.fixture
def images(tmp_path):
    found = image_set(tmp_path / "data")
    for name in found.names:
        planes = np.zeros((len(found.labels[name]), 6, 8), np.float32)
        for step in range(len(planes)):
            planes[step, 1 + 2 * step:3 + 2 * step, 1:5] = (0.9, 1.0, 0.6, 0.55)
        write_scores(tmp_path / "maps", name, Scores(np.array(found.labels[name], np.int32), planes, (24, 32)))
    return found


def scores_by_hand(kept) -> np.ndarray:
    """Background and all classes, enlarged between pixel centres."""
    import cv2

    planes = np.zeros((24, 32, 4), np.float32)
    for label, plane in zip(kept.classes, kept.scores.astype("float32"), strict=True):
        planes[..., label + 1] = cv2.resize(plane, (32, 24), interpolation=cv2.INTER_LINEAR)
    planes[..., 0] = 1 - planes.max(-1)
    return planes


def test_masks_are_the_strongest_of_background_and_classes(tmp_path, images):
    stage = scored_mask_stage("labels", images, ThresholdSettings(), "maps", RULE)
    assert stage.work(Context(), {"maps": tmp_path / "maps"}, tmp_path / "labels") == {}
    for name in images.names:
        expected = scores_by_hand(read_scores(tmp_path / "maps", name)).argmax(-1)
        assert np.mean(read_mask(tmp_path / "labels", name) == expected) > 0.99 and expected.any()


@pytest.mark.parametrize(("iterations", "certain"), [(3, 0.9), (3, 0.0), (0, 0.9)])
def test_the_crf_starts_from_the_scores_and_is_sure_or_silent(tmp_path, images, iterations, certain):
    settings = ConfidentSettings(crf=CRFSettings(iterations=iterations, position_deviation=9.0), certain=certain)
    stage = scored_crf_stage("pseudo", images, settings, "maps", RULE, of_rule=ThresholdSettings(threshold=0.25))
    assert stage.settings["rule"] == {"threshold": 0.25} and stage.settings["certain"] == certain
    assert stage.settings["crf"]["iterations"] == iterations
    assert stage.work(Context(), {"maps": tmp_path / "maps"}, tmp_path / "pseudo") == {}
    opened = 0
    for name in images.names:
        scores = scores_by_hand(read_scores(tmp_path / "maps", name))
        expected = sharpen_arrays(confident_crf(settings), scores, scores.argmax(-1), images.read_image(name), 4)
        found = read_mask(tmp_path / "pseudo", name)
        assert np.mean(found == expected) > 0.99
        opened += np.count_nonzero(found == 255)
    assert (opened > 0) == (iterations > 0 and certain > 0)


def test_maps_of_another_image_are_a_fault(tmp_path, images):
    write_scores(tmp_path / "maps", "image 1", Scores(np.array([0], np.int32), np.ones((1, 2, 2)), (9, 9)))
    stage = scored_crf_stage("pseudo", images, ConfidentSettings(), "maps", RULE, of_rule=ThresholdSettings())
    faults = stage.work(Context(), {"maps": tmp_path / "maps"}, tmp_path / "pseudo")
    assert list(faults) == ["image 1"] and "its maps are of (9, 9): make them again" in faults["image 1"]
