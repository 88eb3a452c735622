"""What finished stages are doubted for, without true masks."""

import json

import numpy as np
import pytest

from tests.support.fake_run import CLASSES, SIZE, image_set
from tfwsss.artefacts.masks import write_mask
from tfwsss.runs import doubts


@pytest.fixture
def images(tmp_path):
    return image_set(tmp_path / "data")


@pytest.mark.parametrize(("losses", "start"), [
    ([0.7, 0.69], "the loss went from 0.7 to 0.69 in 2 epochs"), ([-0.5, -0.5, -0.505], "the loss went from -0.5"),
    ([0.4, 0.9], "the loss went from 0.4 to 0.9"), ([0.4, float("nan")], "the loss is no number"),
    ([0.4, float("inf"), 0.3], "the loss is no number")])
def test_trainings_that_learnt_nothing(losses, start):
    (line,) = doubts.of_training([{"loss": loss} for loss in losses])
    assert line.startswith(start)


@pytest.mark.parametrize("losses", [[0.7, 0.6], [-0.5, -0.6], [0.69], []])
def test_trainings_that_did(losses):
    """A negative loss that falls is right, and one epoch alone says nothing."""
    assert doubts.of_training([{"loss": loss} for loss in losses]) == []


def test_masks_of_one_colour(tmp_path, images):
    for name in images.names:
        mask = np.zeros(SIZE, np.uint8)
        mask[0, 0] = 1
        write_mask(tmp_path / "masks", name, mask, images.palette)
    (line,) = doubts.of_stage("masks", tmp_path / "masks", images)
    assert line.startswith("'background' fills 99.9 %")
    mask[:2] = 1
    write_mask(tmp_path / "masks", images.names[0], mask, images.palette)
    assert doubts.of_masks(tmp_path / "masks", images) == []


def test_masks_that_decide_nothing(tmp_path, images):
    write_mask(tmp_path / "masks", "image 0", np.full(SIZE, 255, np.uint8), images.palette)
    assert doubts.of_masks(tmp_path / "masks", images)[0].startswith("'ignore' fills 100.0 %")
    assert doubts.of_masks(tmp_path / "none", images) == []


def test_a_trained_stage_is_judged_by_its_history(tmp_path, images):
    (tmp_path / "history.json").write_text(json.dumps([{"loss": 1.0}, {"loss": 1.0}]))
    assert len(doubts.of_stage("model", tmp_path, images)) == 1
    assert doubts.of_stage("model", tmp_path / "none", images) == doubts.of_stage("scores", tmp_path, images) == []


def test_shares_without_truth(tmp_path, images):
    write_mask(tmp_path / "masks", "image 0", np.zeros((2, 3), np.uint8), images.palette)
    write_mask(tmp_path / "masks", "image 1", np.full((1, 2), 255, np.uint8), images.palette)
    shares = doubts.mask_shares(tmp_path / "masks", CLASSES, images.names)
    assert shares["background"] == 0.75 and shares["ignore"] == 0.25 and shares["cat"] == 0
    assert doubts.mask_shares(tmp_path / "none", CLASSES, images.names) == {}
