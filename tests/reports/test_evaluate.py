import json

import pytest

from tests.support.fake_run import CLASSES, add_ending, fake_run, loads
from tfwsss.errors import UserError
from tfwsss.reports.evaluate import evaluate_folder, images_of_masks, images_of_run


@pytest.fixture
def run(tmp_path, monkeypatch):
    run, images = fake_run(tmp_path)
    loads(monkeypatch, images, val=add_ending(run, images))
    (tmp_path / "classes.txt").write_text("\n".join(CLASSES), encoding="utf-8")
    return run


@pytest.mark.parametrize("stage", ["pseudo", "masks"])
def test_a_stage_has_the_scores_that_the_run_noted(run, stage):
    score = evaluate_folder(run, stage=stage)
    assert score.pop("folder") == str(run / stage)
    assert score == json.loads((run / "metrics.json").read_text())[stage]


def test_a_folder_of_masks_is_scored_against_another_and_progress_is_told(run, tmp_path):
    seen, truth = [], tmp_path / "data" / "masks"
    score = evaluate_folder(truth, truth=truth, classes=tmp_path / "classes.txt",
                            progress=lambda done, total: seen.append((done, total)))
    assert score["miou"] == 1.0 and score["kind"] == "masks" and seen[-1] == (4, 4)


def test_images_of_a_run_and_of_masks_alone(run, tmp_path):
    assert images_of_run(run, "val").root == tmp_path / "others"
    images = images_of_masks(tmp_path / "data" / "masks", tmp_path / "classes.txt")
    assert images.classes == CLASSES and len(images.names) == 4 == len(images.masks)


def test_what_cannot_be_scored_is_told(run):
    with pytest.raises(UserError, match="holds model, which have no mean IoU"):
        evaluate_folder(run, stage="icd")
