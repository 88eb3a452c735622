"""Runs that are killed or interrupted go on: the same masks, nothing finished repeated."""

import functools
import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.journeys import JOURNEYS
from tests.support.patience import until
from tests.support.tiny_run import (
    SEGMENTER,
    call,
    contents,
    draw_tiny_folder,
    ended,
    grow,
    start,
    stop_at_work,
    times,
    train,
    write_config,
)

FILES = {"saliency": "*.png", "regions": "*.png", "icd": "checkpoint/epoch-*.json",
         "classifier": "checkpoint/epoch-*.json", "mcis": "checkpoint/epoch-*.json",
         "seam": "checkpoint/epoch-*.json", "cam": "*.npz",
         "cam_masks": "*.png", "marginals": "*.png", "maps": "*.npz", "map_masks": "*.png", "labels": "*.png",
         "affinity": "checkpoint/epoch-*.json", "graph": "*.npz", "scores": "*.npz", "seeds": "*.png", "walk": "*.png",
         "pseudo": "*.png",
         "oaa": "checkpoint/epoch-*.json", "accumulated": "*.npz", "oaa_plus": "checkpoint/epoch-*.json",
         "segmenter": "checkpoint/epoch-*.json", "relabel": "*.png"}
"""What each stage of any method leaves behind while it works, in their order."""


def stopped(process, run: Path, stage: str, sign: int, at_least: int = 1) -> dict[str, int]:
    """Ends a started command once a stage has some of its files; returns when the files there were written."""
    stop_at_work(process, run / stage, FILES[stage], sign, at_least)
    return times(run, FILES)


def goes_on(before: dict[str, int], run: Path) -> None:
    """Asserts that nothing which a finished stage had made, nor an image's file of the killed one, is written again."""
    now = times(run, FILES)
    killed = next(stage for stage in FILES if f"{stage}/started.json" in before and f"{stage}/stage.json" not in before)
    own = {f"{killed}/{file}" for file in ("started.json", "threshold.json", "review.jsonl")}
    rewritten = {file for file in before if now.get(file) != before[file] and "/checkpoint/" not in file}
    assert rewritten <= own, sorted(rewritten - own)
    assert len(before) > 1


def losses(run: Path, stage: str) -> list[dict]:
    """Returns the logs of each epoch."""
    return json.loads((run / stage / "history.json").read_text())


TRAININGS = {"icd": ("icd", "cam_masks"), "affinitynet": ("affinity", "walk"), "mcis": ("mcis", "pseudo"),
             "oaa": ("oaa", "cam_masks"), "seam": ("seam", "map_masks"), "retrain": ("segmenter", "relabel")}
"""Of a method: the stage that is killed, and the last one whose masks count."""


@pytest.fixture(scope="module")
def training(tmp_path_factory, finished_run):
    """A function of a method to its `kill_a_training`, called once for each."""
    return functools.cache(
        lambda method: kill_a_training(finished_run(method), tmp_path_factory.mktemp("training"), method))


def kill_a_training(base: Path, folder: Path, method: str) -> tuple[list, Path, Path]:
    """Returns a command line, an unbroken run, and one killed with two checkpoints or more; both begin as copies."""
    stage, last = TRAININGS[method]
    arguments = ["--method", method, "--config", base / "config.yaml", "--set", f"{stage}.epochs=12",
                 "--set", "tensorboard.enabled=false", "--until", last, "--run"]
    for name in ("whole", "killed"):
        shutil.copytree(base / "run 1", folder / name)
        stages = JOURNEYS[method].stages
        for made in stages[stages.index(stage):]:
            shutil.rmtree(folder / name / made)
    assert train(*arguments, folder / "whole").code == 0
    process = start(*arguments, folder / "killed")
    stopped(process, folder / "killed", stage, signal.SIGKILL, at_least=2)
    assert ended(process).code == -signal.SIGKILL
    return arguments, folder / "whole", folder / "killed"


@pytest.mark.parametrize(("method", "torn"), [
    ("icd", False), ("icd", True), *(pytest.param(method, False, marks=pytest.mark.slow)
                                     for method in ("affinitynet", "mcis", "oaa", "seam", "retrain"))])
def test_kill_while_training(training, tmp_path, method, torn):
    """Killed after an epoch: the weights, and so the masks, are those of an unbroken run.

    Where a disk has spoilt the newest checkpoint as well, it goes on from the one before.
    """
    (arguments, whole, killed), (stage, last_stage) = training(method), TRAININGS[method]
    run = tmp_path / "run"
    shutil.copytree(killed, run)
    *_, older, last = sorted((run / stage / "checkpoint").glob("epoch-*.npz"))
    if torn:
        last.write_bytes(last.read_bytes()[:1000])
        last = older
    before = times(run, FILES)
    assert not (run / stage / "model.keras").exists() and train(*arguments, run).code == 0
    goes_on(before, run)
    assert f"{stage}: goes on after epoch {int(last.name[6:10])} of 12" in (run / "log.txt").read_text()
    assert losses(run, stage) == losses(whole, stage) and len(losses(run, stage)) == 12
    assert contents(run / "cam", "**/*.npz") == contents(whole / "cam", "**/*.npz")
    assert contents(run / last_stage) == contents(whole / last_stage)
    assert len(contents(run / last_stage)) == len(JOURNEYS[method].names(last_stage))


def test_ctrl_c(tmp_path):
    """Ctrl-C while workers make superpixels: exit code 130, one line, and the same command goes on."""
    root = draw_tiny_folder(tmp_path / "data")
    grow(root, 400)
    write_config(tmp_path / "config.yaml", root, workers=2, icd={"epochs": 1}, tensorboard={"enabled": False})
    arguments = ["--config", tmp_path / "config.yaml", "--until", "regions", "--run", tmp_path / "run"]
    process = start(*arguments)
    before = stopped(process, tmp_path / "run", "regions", signal.SIGINT)
    answer = ended(process)
    assert answer.code == 130 and answer.out == ""
    assert answer.err.splitlines()[-1] == "interrupted; the same command goes on from here"
    assert "Traceback" not in answer.err
    assert train(*arguments).code == 0
    goes_on(before, tmp_path / "run")
    assert len(list((tmp_path / "run" / "regions").glob("*.png"))) == 400


def test_two_processes_in_one_folder(tmp_path):
    """A second command in a folder where one is at work is refused; after that one is killed it may go on."""
    root = draw_tiny_folder(tmp_path / "data")
    grow(root, 300)
    write_config(tmp_path / "config.yaml", root)
    arguments = ["--config", tmp_path / "config.yaml", "--until", "regions", "--run", tmp_path / "run"]
    process = start(*arguments)
    until(lambda: (tmp_path / "run" / "regions").exists() or process.poll() is not None, pause=0.01)
    answer = train(*arguments)
    assert answer.code == 2 and "is in use by another process; wait for it or name another" in answer.errors[0]
    os.killpg(process.pid, signal.SIGKILL)
    ended(process)
    assert train(*arguments).code == 0


@pytest.mark.slow
def test_kill_in_the_middle_of_each_stage(tmp_path):
    """One run, killed in every stage: the pictures of an unbroken one, and no finished file written twice."""
    root = draw_tiny_folder(tmp_path / "data")
    grow(root, 150)
    write_config(tmp_path / "config.yaml", root, icd={"epochs": 6}, pseudo={"iterations": 5},
                 cam={"batch_size": 4}, scores={"batch_size": 4}, rounds=1, segmenter={**SEGMENTER, "epochs": 6})
    arguments = ["--config", tmp_path / "config.yaml", "--run"]
    run, before = tmp_path / "killed", {}
    for stage in (*JOURNEYS["icd"].stages, "segmenter", "relabel"):
        process = start(*arguments, run)
        now = stopped(process, run, stage, signal.SIGKILL)
        assert ended(process).code == -signal.SIGKILL
        if before:
            goes_on(before, run)
        before = now
    result = train(*arguments, run)
    assert result.code == 0
    goes_on(before, run)
    whole = train(*arguments, tmp_path / "whole")
    assert whole.code == 0 and result.result["miou"] == whole.result["miou"]
    for stage in ("regions", "cam_masks", "seeds", "pseudo", "relabel"):
        assert contents(run / stage) == contents(tmp_path / "whole" / stage)
        assert len(list((run / stage).glob("*.png"))) == 150
    for stage in ("icd", "segmenter"):
        assert losses(run, stage) == losses(tmp_path / "whole", stage)
    assert call("evaluate", run, "--json").code == 0


def _made(run: Path) -> int:
    """Returns how many files all stages have."""
    return sum(len(files) for stage in FILES for _, _, files in os.walk(run / stage))


@pytest.mark.slow
def test_kill_at_random_times(tmp_path):
    """The built-in run, killed at twenty moments drawn at random: the masks and weights of an unbroken one."""
    arguments, run = ["--method", "icd", "--run"], tmp_path / "killed"
    assert ended(start(*arguments, tmp_path / "whole")).code == 0
    draw, killed = random.Random(20), 0
    total = _made(tmp_path / "whole")
    for files in sorted(draw.uniform(0, total) for _ in range(20)):
        process = start(*arguments, run)
        while process.poll() is None and _made(run) < files:
            time.sleep(0.02)
        try:
            process.communicate(timeout=draw.uniform(0, 5))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            killed += 1
        assert process.returncode in (0, -signal.SIGKILL)
    assert train(*arguments, run).code == 0
    print(f"killed {killed} of 20 times")
    whole = contents(tmp_path / "whole")
    assert contents(run) == whole and len(whole) > 100 and killed
    for stage in ("icd", "segmenter"):
        assert losses(run, stage) == losses(tmp_path / "whole", stage)
