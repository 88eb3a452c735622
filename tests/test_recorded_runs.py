"""Runs that version 0.1.0 of commit 6875e85 has finished keep working: opened, judged, predicted from, exported.

Its tiny runs lie in `recorded/runs_6875e85`: ICD and AffinityNet, one round each, on six pictures of 64 pixels, with
the masks that it predicted of them. Weights were rounded to 8 binary digits before anything was made of them, model
files deflated, superpixels and pages left out; `data.root` is set where they are copied.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml

from tests.support.tiny_run import call, refused, times, train
from tfwsss.artefacts.masks import read_mask
from tfwsss.methods.opened import load_run
from tfwsss.saved_model import export as exporting

pytestmark = [pytest.mark.large, pytest.mark.usefixtures("kept_maskers")]

RECORDED = Path(__file__).parent / "recorded" / "runs_6875e85"
STAGES = ("masks", "pseudo", "cam_masks")
EACH = pytest.mark.parametrize("method", ["icd", "affinitynet"])


@pytest.fixture
def base(tmp_path) -> Path:
    """A copy with its data, and each run's settings as <method>.yaml."""
    base = tmp_path / "old runs"
    shutil.copytree(RECORDED, base)
    for method in ("icd", "affinitynet"):
        path = base / method / "config.json"
        record = json.loads(path.read_text("utf-8"))
        record["config"]["data"]["root"] = str(base / "data")
        path.write_text(json.dumps(record), "utf-8")
        (base / f"{method}.yaml").write_text(yaml.safe_dump(record["config"]), "utf-8")
    return base


def names(base: Path) -> list[str]:
    return sorted(path.stem for path in (base / "data" / "images").iterdir())


def agreeing(found: np.ndarray, expected: np.ndarray, what: str) -> float:
    """Returns and prints the share of equal pixels."""
    share = float(np.mean(found == expected))
    print(f"{what}: {100 * share:.3f} % of pixels equal")
    return share


@EACH
def test_opened(base, method):
    run = load_run(base / method)
    assert run.config.method == method and run.config.rounds == 1
    assert list(run.images().names) == names(base) and run.record["classes"] == ["background", "cat", "dog", "sheep"]
    assert [run.masker(stage)[0] for stage in (None, *STAGES)] == ["masks", *STAGES]


@EACH
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("tags", [None, "cat,dog"])
def test_predicted_from(base, method, stage, tags):
    """The masks are those that it predicted itself: no mended fault touches one scale and one view."""
    options = ["--tags", tags] if tags else []
    answer = call("predict", base / "data" / "images", "--run", base / method, "--out", base / "out", "--stage", stage,
                  *options)
    assert answer.code == 0 and answer.result["images"] == 6, answer.err
    key = f"{method} {stage} {'tags' if tags else 'none'}"
    with np.load(base / "predicted.npz", allow_pickle=False) as file:
        expected = file[key]
    found = np.stack([read_mask(base / "out" / "masks", name) for name in names(base)])
    assert agreeing(found, expected, key) >= 0.999 and len(np.unique(expected)) >= 3


@EACH
def test_evaluated(base, method):
    """Every stage that was scored gets the scores it had."""
    metrics = json.loads((base / method / "metrics.json").read_text("utf-8"))
    for stage, before in metrics.items():
        answer = call("evaluate", base / method, "--stage", stage, "--json")
        assert answer.code == 0, answer.err
        assert answer.result["miou"] == pytest.approx(before["miou"], abs=1e-3), stage
        assert answer.result["images"] == before["images"] == 6


@EACH
def test_reported(base, method):
    answer = call("report", base / method)
    assert answer.code == 0, answer.err
    page = (base / method / "report.html").read_text("utf-8")
    assert "relabel" in page and "data:image/" in page and "2026_000003" in page


@pytest.mark.parametrize(("method", "stage"), [
    ("icd", "pseudo"), ("affinitynet", "pseudo"), ("affinitynet", "masks"),
    pytest.param("icd", "masks", marks=pytest.mark.slow)])         # a segmentation network as the other's, read alike
def test_exported(base, method, stage, monkeypatch):
    """The graph's masks of a photograph, without tags, are those that were predicted."""
    monkeypatch.setattr(exporting, "try_out", lambda folder: {"milliseconds": 1.0, "memory_mib": 1})
    result = exporting.export(base / method, base / "model", stage=stage)
    signature = tf.saved_model.load(str(base / "model" / str(result["version"]))).signatures["mask"]
    found = [signature(image_bytes=tf.constant([(base / "data" / "images" / f"{name}.jpg").read_bytes()]))["mask"][0]
             for name in names(base)]
    with np.load(base / "predicted.npz", allow_pickle=False) as file:
        assert agreeing(np.stack(found), file[f"{method} {stage} none"], f"exported {method} {stage}") >= 0.999


def test_icd_has_only_the_plain_masks_to_make_again(base):
    """No other arithmetic of its stages has changed: the threshold of class maps is chosen by colours now."""
    stages = [path.name for path in (base / "icd").iterdir() if path.is_dir()]
    before, arguments = times(base / "icd", stages), ("--method", "icd", "--config", base / "icd.yaml")
    refused(train(*arguments, "--run", base / "icd"),
            "cam_masks was made with threshold version 1, now 2; add --redo cam_masks to make it again")
    assert times(base / "icd", stages) == before and len(stages) == 9
    answer = train(*arguments, "--run", base / "icd", "--redo", "cam_masks")
    assert answer.code == 0, answer.err
    after = times(base / "icd", stages)
    assert {path.split("/")[0] for path in before.keys() | after.keys() if before.get(path) != after.get(path)} == {
        "cam_masks"}
    metrics = json.loads((RECORDED / "icd" / "metrics.json").read_text("utf-8"))
    expected = {name: score["miou"] for name, score in metrics.items()}
    assert {**answer.result["miou"], "cam_masks": expected["cam_masks"]} == expected


def test_affinitynet_says_which_stage_is_stale(base):
    """Its labels came from pixels and not from cells: they are named first; class maps and masks of them are kept."""
    run, untouched = base / "affinitynet", ("classifier", "cam", "cam_masks")
    before, arguments = times(run, untouched), ("--method", "affinitynet", "--config", base / "affinitynet.yaml")
    refused(train(*arguments, "--run", run),
            "cam_masks was made with threshold version 1, now 2; add --redo cam_masks to make it again")
    arguments = (*arguments, "--set", f"given.cam_masks={run / 'cam_masks'}")      # its masks stay what they were
    later = times(run, ("labels", "affinity", "walk", "pseudo", "segmenter", "relabel"))
    refused(train(*arguments, "--run", run),
            "labels was made from another 'marginals'; add --redo labels to make it again, or name another folder")
    assert times(run, untouched) == before
    assert times(run, ("labels", "affinity", "walk", "pseudo", "segmenter", "relabel")) == later
    refused(train(*arguments, "--run", run, "--redo", "labels"),
            "affinity was made from another 'marginals'; add --redo affinity to make it again, or name another folder")
    answer = train(*arguments, "--run", run, "--redo", "affinity", "--until", "walk", "--set", "affinity.epochs=1")
    assert answer.code == 0 and times(run, untouched) == before


def test_a_walk_of_before_is_stale_by_itself(base):
    """The constant beside class maps is another: its version is told."""
    run = base / "affinitynet"
    given = [word for stage in ("cam_masks", "labels", "affinity")
             for word in ("--set", f"given.{stage}={run / stage}")]
    answer = train("--method", "affinitynet", "--config", base / "affinitynet.yaml", "--run", run, *given)
    refused(answer, "walk was made with walk version 1, now 2; add --redo walk to make it again")
