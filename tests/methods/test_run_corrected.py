"""A run whose labels a person has corrected."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.support.tiny_run import draw_tiny_folder, write_config
from tfwsss.annotations.label_studio import label_studio_task
from tfwsss.artefacts.masks import read_mask
from tfwsss.errors import UserError
from tfwsss.methods.opened import load_run
from tfwsss.methods.run import train
from tfwsss.reports.page import write_report


def test_corrections_go_into_the_labels_and_a_resumed_run_notices_other_ones(tmp_path):
    root = draw_tiny_folder(tmp_path / "data")
    name = "2026_000003"
    size = Image.open(root / "images" / f"{name}.jpg").size[::-1]
    mask = np.zeros(size, np.uint8)
    mask[5:20, 5:20] = 1
    made = label_studio_task(mask, ("background", "cat", "dog", "sheep"), f"/data/upload/1/0a1b2c3d-{name}.jpg")
    made["annotations"] = [{"result": made.pop("predictions")[0]["result"]}]
    (tmp_path / "mine.json").write_text(json.dumps([made]))
    given = {"corrections": str(tmp_path / "mine.json")}
    file = write_config(tmp_path / "config.yaml", root, method="retrain", given=given)
    run = tmp_path / "run"

    def begin(*redo):
        return train("retrain", file, run, redo=redo, until="corrected", report=write_report)

    assert begin()[1] == {}
    np.testing.assert_array_equal(read_mask(run / "corrected", name), mask)
    np.testing.assert_array_equal(read_mask(run / "corrected", "2026_000001"), read_mask(run / "labels", "2026_000001"))
    assert json.loads((run / "config.json").read_text())["corrected"] == {"masks": 1}
    assert "corrected by a person</dt><dd>masks of 1 image:" in (run / "report.html").read_text("utf-8")
    tags = dict(line.split(",") for line in (root / "labels.csv").read_text().splitlines())[name].split()
    other = next(kind for kind in ("cat", "dog", "sheep") if [kind] != tags)
    made["annotations"][0]["result"] += [{"type": "choices", "value": {"choices": [other]}}]
    (tmp_path / "mine.json").write_text(json.dumps([made]))
    with pytest.raises(UserError, match="labels was made with other images or labels; add --redo labels"):
        begin()
    assert begin("labels")[1] == {}
    images = load_run(run).images("training")
    assert [images.classes[label + 1] for label in images.labels[name]] == [other]
    made["annotations"][0]["result"].pop(0)
    (tmp_path / "mine.json").write_text(json.dumps([made]))
    with pytest.raises(UserError, match="corrected was made from another 'corrections'; add --redo corrected"):
        begin()
