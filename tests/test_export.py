"""The command that makes a SavedModel: what it writes, what it refuses, and that versions are whole or not there."""

import json
import os
import shutil
import signal
from pathlib import Path

import keras
import numpy as np
import pytest

import tfwsss
from tests.support.patience import until
from tests.support.served import ask
from tests.support.tiny_run import Answer, ended, refused, start
from tests.support.untrained import CLASSES, untrained_run
from tfwsss import export
from tfwsss.saved_model import export as exporting
from tfwsss.saved_model import saved
from tfwsss.saved_model.sample import sample_image


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return untrained_run(tmp_path_factory.mktemp("runs") / "my run", "icd")


@pytest.fixture
def call(capsys):
    """A function of the command line's arguments to the answer, in this process."""
    def work(*arguments) -> Answer:
        code = export.main([str(argument) for argument in arguments])
        return Answer(code, *capsys.readouterr())

    return work


@pytest.fixture
def untried(monkeypatch):
    """Leaves out the trial in another process, for what others test."""
    monkeypatch.setattr(exporting, "try_out", lambda folder: {"milliseconds": 5.0, "memory_mib": 7})


def test_the_command(run, tmp_path):
    """A version folder with graph, names, requests and a card; its figures are measured in another process."""
    model = tmp_path / "models" / "my cats"
    answer = ended(start("--run", run, "--to", model, command="tfwsss.export"))
    assert answer.code == 0, answer.err
    result = answer.result
    assert (result["model"], result["version"]) == (str(model), 1)
    assert result["signatures"] == ["batch", "mask", "scores", "serving_default", "with_tags"]
    assert result["milliseconds"] > 0 and result["memory_mib"] > 100
    folder = model / "1"
    assert {path.name for path in model.iterdir()} == {"1", ".lock"}
    assert {path.name for path in folder.iterdir()} >= {"saved_model.pb", "variables", "assets", "model_card.json"}
    assert (folder / saved.WARM_UP).is_file() == (result["warm_up_requests"] > 0)
    assert (folder / "assets" / "labels.txt").read_text("utf-8").splitlines() == list(CLASSES)
    card = json.loads((folder / "model_card.json").read_text("utf-8"))
    assert card["method"] == "icd" and card["classes"] == list(CLASSES) and card["miou"] == {"pseudo": 0.5}
    assert card["view"] == {"kind": "canvas", "side": 65, "scales": [1.0], "mirror": False,
                            "colour": [127.0, 127.0, 127.0], "batch_size": 8}
    assert card["crf"]["iterations"] == 2 and card["max_pixels"] == 16_000_000
    assert card["versions"]["tfwsss"] == tfwsss.__version__ and card["versions"]["keras"] == keras.__version__
    assert len(card["config_sha256"]) == 64 and card["cost"]["image"] == [375, 500]
    assert card["cost"]["milliseconds"] == result["milliseconds"] and "CPU" in card["cost"]["device"]


@pytest.mark.slow
def test_options_change_how_it_looks(call, run, tmp_path, untried):
    """Scales, mirror and CRF by the command line, the next version and a chosen one; the network is asked so."""
    model, photo = tmp_path / "m", sample_image(40, 60)
    arguments = ["--run", run, "--to", model]
    assert call(*arguments, "--no-crf").result["version"] == 1
    assert call(*arguments, "--no-crf", "--scales", "1, 0.5,1.5", "--mirror", "--version", 5).result["version"] == 5
    card = json.loads((model / "5" / "model_card.json").read_text("utf-8"))
    assert card["view"]["scales"] == [1.0, 0.5, 1.5] and card["view"]["mirror"] and card["crf"] is None
    refused(call(*arguments, "--version", 5), f"--version 5: {model / '5'} is there already; a version never changes")
    plain, several = (ask(model / version, [("scores", {"image_bytes": photo})], tmp_path / version)[0]["scores"]
                      for version in ("1", "5"))
    assert plain.shape == several.shape == (1, 40, 60, 4) and np.abs(plain - several).max() > 1e-4


@pytest.mark.parametrize(("options", "words"), [
    (["--scales", "1,x"], "--scales 1,x: expected numbers parted by commas, such as 1,0.75,1.25"),
    (["--scales", ""], "--scales : expected numbers parted by commas"),
    (["--scales", "1,0"], "--scales 1.0,0.0: expected numbers above 0 and up to 8"),
    (["--scales", "nan"], "--scales nan: expected numbers above 0"),
    (["--scales", "1,9"], "expected numbers above 0 and up to 8, such as 1,0.75,1.25"),
    (["--version", "0"], "--version 0: expected a whole number from 1"),
    (["--max-pixels", "0"], "--max-pixels 0: expected a whole number from 1")])
def test_bad_options(call, run, tmp_path, options, words):
    refused(call("--run", run, "--to", tmp_path / "m", *options), words)
    assert not (tmp_path / "m").exists()


def test_runs_that_cannot_be_exported(call, run, tmp_path):
    """No run, an unfinished one, a torn network; nothing is left behind."""
    target = tmp_path / "models" / "m"
    refused(call("--run", tmp_path / "no", "--to", target), "is no run folder: it has no readable config.json")
    shutil.copytree(run, tmp_path / "run")
    path = tmp_path / "run" / "icd" / "model.keras"
    path.write_bytes(path.read_bytes()[:1000])
    refused(call("--run", tmp_path / "run", "--to", target), "icd/model.keras: cannot be read")
    path.unlink()
    refused(call("--run", tmp_path / "run", "--to", target),
            "icd/model.keras: no such file; let python -m tfwsss.train finish its stage")
    assert not target.exists()


def test_killed_in_the_middle(call, run, tmp_path, untried):
    """`kill -9` while files are written: no version; the same command then makes the first."""
    model = tmp_path / "m"
    process = start("--run", run, "--to", model, command="tfwsss.export")
    until(lambda: list(model.glob(".part-*/*")) or process.poll() is not None)
    os.killpg(process.pid, signal.SIGKILL)
    assert ended(process).code == -signal.SIGKILL
    assert not [path for path in model.iterdir() if path.name.isdecimal()] and list(model.glob(".part-*"))
    answer = call("--run", run, "--to", model, "--no-crf")
    assert answer.code == 0 and answer.result["version"] == 1, answer.err
    assert {path.name for path in model.iterdir()} == {"1", ".lock"}
