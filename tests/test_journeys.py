"""Whole runs as a user makes them, by every method: from a folder of pictures and tags to masks and report."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.support.journeys import JOURNEYS, LINE, Journey, losses, masks_of, result_of
from tests.support.tiny_run import contents, times, train
from tfwsss import methods

pytestmark = pytest.mark.large

REDONE = ("icd", "retrain")
"""Methods whose stages every `make test` makes again, since that is the runner's work: a chain, and two rounds."""


@pytest.fixture(params=methods.METHODS)
def method(request) -> str:
    return request.param


@pytest.fixture
def journey(method) -> Journey:
    return JOURNEYS[method]


@pytest.fixture
def base(method, finished_run) -> Path:
    return finished_run(method)


@pytest.fixture
def again(base, method, tmp_path) -> tuple[list, Path]:
    """Command line and folder of a copy of the run."""
    shutil.copytree(base / "run 1", tmp_path / "run")
    return ["--method", method, "--config", base / "config.yaml", "--run", tmp_path / "run"], tmp_path / "run"


def test_the_last_line_is_one_object(base, journey):
    """Run folder, report, and the mean IoU of every stage that makes scores or masks."""
    result, run = result_of(base), base / "run 1"
    assert list(result) == ["run", "report", "miou"] and result["run"] == str(run)
    assert tuple(result["miou"]) == journey.scored
    true_masks = {"labels"} if journey is JOURNEYS["retrain"] else set()
    assert all(value == 1 if stage in true_masks else 0 < value < 1 for stage, value in result["miou"].items())
    assert result["report"] == str(run / "report.html") and Path(result["report"]).is_file()
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    assert {name: score["miou"] for name, score in metrics.items()} == result["miou"]


def test_what_a_run_leaves(base, journey):
    """A mask for each name, however odd; settings, log, no faults; each stage is finished."""
    run = base / "run 1"
    for stage in journey.masks:
        masks = masks_of(run / stage)
        assert set(masks) == set(journey.names(stage))
        assert all(mask.shape == (64, 64) and set(np.unique(mask)) <= {0, 1, 2, 3, 255} for mask in masks.values())
    config = json.loads((run / "config.json").read_text("utf-8"))
    for stage, epochs in journey.trained.items():
        section = config["config"].get(stage) or config["config"][stage.partition("_")[0]]
        assert section["epochs"] == epochs and section["backbone"]["name"] == "small"
        assert not (run / stage / "checkpoint").exists()
        assert len(losses(run, stage)) == epochs and all(map(math.isfinite, losses(run, stage)))
    assert config["classes"] == ["background", "cat", "dog", "sheep"] and config["versions"]["keras"]
    assert config["images"] == {use: len(names) for use, names in journey.lists.items()}
    assert json.loads((run / "faults.json").read_text()) == {}
    log = (run / "log.txt").read_text("utf-8")
    assert [line for line in journey.stages if f"{line}: finished in" not in log] == [] and "ERROR" not in log
    assert all((run / stage / "stage.json").is_file() for stage in journey.stages)
    assert not [path for path in run.rglob(".*")]


def test_commands_are_quiet(base):
    """Standard error holds our lines only: nothing of TensorFlow, Keras or absl; standard output one line."""
    lines = (base / "err.txt").read_text("utf-8").splitlines()
    assert lines and [line for line in lines if not LINE.fullmatch(line)] == []
    assert len((base / "out.txt").read_text("utf-8").splitlines()) == 1


def test_a_second_call_repeats_nothing(base, again, journey):
    """The same command again writes no artefact and prints the same."""
    call_, run = again
    before = times(run, journey.stages)
    answer = train(*call_)
    assert answer.code == 0 and times(run, journey.stages) == before
    assert answer.result["miou"] == result_of(base)["miou"]


@pytest.mark.parametrize("method", [method if method in REDONE else pytest.param(method, marks=pytest.mark.slow)
                                    for method in methods.METHODS], indirect=True)
def test_redo_and_until(base, again, journey):
    """--redo makes a stage and what depends on it again, with the same outcome; --until stops before the rest."""
    call_, run = again
    place, last = journey.stages.index(journey.redo), journey.masks[-1]
    kept, made = (times(run, part) for part in (journey.stages[:place], journey.stages[place:]))
    pictures = contents(run / last)
    answer = train(*call_, "--redo", journey.redo, "--until", journey.redo)
    assert answer.code == 0 and not (run / last).exists()
    assert list(answer.result["miou"]) == [name for name in journey.scored if name in journey.stages[:place + 1]]
    assert train(*call_).result["miou"] == result_of(base)["miou"]
    assert times(run, journey.stages[:place]) == kept
    now = times(run, journey.stages[place:])
    assert now.keys() == made.keys() and all(now[file] > made[file] for file in made)
    assert contents(run / last) == pictures
