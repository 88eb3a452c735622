"""What an export holds by its options, and what is left where it cannot be made; for the command see `test_export`."""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support.untrained import untrained_run
from tfwsss import logs
from tfwsss.errors import UserError
from tfwsss.saved_model import export as exporting
from tfwsss.saved_model.export import export


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return untrained_run(tmp_path_factory.mktemp("runs") / "run", "icd")


@pytest.fixture(autouse=True)
def _no_log(monkeypatch):
    monkeypatch.setattr(logs, "open_log", lambda: None)


@pytest.fixture
def untried(monkeypatch):
    """Leaves out the trial in another process, for what others test."""
    monkeypatch.setattr(exporting, "try_out", lambda folder: {"milliseconds": 5.0, "memory_mib": 7})


@pytest.fixture
def card(monkeypatch, tmp_path, untried):
    """A function of `export`'s arguments to the card, without writing the graph."""
    monkeypatch.setattr(exporting, "write_saved_model", lambda *arguments: None)
    monkeypatch.setattr(exporting, "write_warm_up", lambda *arguments: 1)

    def work(run: Path, **options) -> dict:
        version = export(run, tmp_path / "m", **options)["version"]
        return json.loads((tmp_path / "m" / str(version) / "model_card.json").read_text("utf-8"))

    return work


@pytest.mark.parametrize(("iterations", "option", "expected"), [(3, None, 3), (3, False, None), (0, None, None),
                                                               (0, True, 10), (3, True, 3)])
def test_the_crf_is_the_runs_or_the_published_one(card, tmp_path, iterations, option, expected):
    folder = untrained_run(tmp_path / "run", "icd", pseudo={"iterations": iterations})
    found = card(folder, crf=option)["crf"]
    assert (found and found["iterations"]) == expected


def test_views_are_the_runs_unless_said_otherwise(card, tmp_path):
    """Of a run without a canvas too."""
    own = {"canvas": None, "scales": [1.0, 0.5], "mirror": True}
    folder = untrained_run(tmp_path / "run", "icd", cam=own, scores=own)
    seen = {"kind": "ownsize", "scales": [1.0, 0.5], "mirror": True, "corners": False}
    assert card(folder)["view"] == seen
    assert card(folder, scales=[2.0], mirror=False)["view"] == {**seen, "scales": [2.0], "mirror": False}


@pytest.mark.parametrize("stage", ["pseudo", "cam_masks"])
def test_a_stage_of_the_run_may_be_chosen(card, tmp_path, stage):
    folder = untrained_run(tmp_path / "run", "icd", cam_masks={"threshold": 0.3})
    found = card(folder, stage=stage)
    assert found["stage"] == stage and (found["crf"] is None) == (stage == "cam_masks")
    with pytest.raises(UserError, match="--stage masks: .* makes no such masks; it has pseudo and cam_masks"):
        card(folder, stage="masks")


@pytest.mark.parametrize(("allowed", "option", "expected"), [(50_000_000, None, 16_000_000), (5000, None, 5000),
                                                            (5000, 9000, 9000)])
def test_images_may_be_as_large_as_the_runs_but_no_larger_than_a_server_can_bear(card, tmp_path, allowed, option,
                                                                                 expected):
    folder = untrained_run(tmp_path / "run", "icd", data={"max_pixels": allowed})
    assert card(folder, max_pixels=option)["max_pixels"] == expected


def test_targets_that_cannot_be_written(run, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"could not be written \(Not a directory\)"):
        export(run, tmp_path / "file" / "m")

    def full(*arguments, **options):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", full)
    with pytest.raises(UserError, match=r"could not be written \(No space left on device\); free space"):
        export(run, tmp_path / "m")
    assert [path.name for path in (tmp_path / "m").iterdir()] == [".lock"]


def test_a_network_that_has_diverged_is_no_version(run, tmp_path):
    """Its trial shows it: numbers that are none never reach a client."""
    shutil.copytree(run, tmp_path / "run")
    model = keras.saving.load_model(tmp_path / "run" / "icd" / "model.keras", compile=False)
    model.get_layer("fc8").kernel.assign(np.full(model.get_layer("fc8").kernel.shape, np.nan))
    model.save(tmp_path / "run" / "icd" / "model.keras")
    with pytest.raises(UserError, match="its scores are not finite"):
        export(tmp_path / "run", tmp_path / "m", crf=False)
    assert [path.name for path in (tmp_path / "m").iterdir()] == [".lock"]


def test_without_the_extra_it_says_what_is_missing(run, tmp_path, untried, monkeypatch, caplog):
    monkeypatch.setattr(exporting, "write_warm_up", lambda *arguments: 0)
    with caplog.at_level("WARNING", "tfwsss"):
        assert export(run, tmp_path / "m", crf=False)["warm_up_requests"] == 0
    assert "no requests for warming up" in caplog.text and "pip install 'tfwsss[serve]'" in caplog.text
