"""Whole runs of two processes: the masks of one, no file twice, a killed process, and the same command again."""

import json
import os
import signal

import numpy as np
import pytest
from PIL import Image

from tests.hosts.starting import all_ended, start_all
from tests.support.patience import until
from tests.support.tiny_run import draw_tiny_folder, grow, times, write_config

pytest.importorskip("jax", reason="JAX is not installed; `make test-scale` has it")
pytestmark = [pytest.mark.scale, pytest.mark.large]

STAGES = ("regions", "icd", "cam", "cam_masks", "scores", "seeds", "pseudo")
MASKS = ("cam_masks", "seeds", "pseudo")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A folder with photographs and a configuration."""
    base = tmp_path_factory.mktemp("hosts")
    grow(draw_tiny_folder(base / "data"), 24)
    icd = {"epochs": 20, "optimizer": "sgd", "learning_rate": 0.01}
    write_config(base / "config.yaml", base / "data", icd=icd, tensorboard={"panels": 0})
    return base


def command(base, run, *further):
    return ("tfwsss.train", "--config", base / "config.yaml", "--run", base / run, *further)


@pytest.fixture(scope="module")
def finished(base):
    """Number of processes to the run folder, and what each process said."""
    said = {count: all_ended(start_all(count, *command(base, f"run {count}"))) for count in (1, 2)}
    assert all(answer.code == 0 for answers in said.values() for answer in answers), \
        [answer.err[-3000:] for answers in said.values() for answer in answers]
    return {count: (base / f"run {count}", said[count]) for count in said}


def masks(run, stage):
    return {path.relative_to(run / stage).as_posix(): np.array(Image.open(path))
            for path in sorted((run / stage).rglob("*.png"))}


def test_masks_of_two_are_those_of_one(finished):
    for stage in MASKS:
        one, two = (masks(finished[count][0], stage) for count in (1, 2))
        assert one.keys() == two.keys() and len(one) == 24
        same = np.mean([np.mean(one[name] == two[name]) for name in one])
        assert same >= 0.999, (stage, same)


def test_the_first_process_alone_tells_and_writes(finished):
    run, (first, second) = finished[2]
    assert first.result["run"] == str(run) and second.out == ""
    assert sorted(first.result["miou"]) == ["cam", "cam_masks", "pseudo", "scores", "seeds"]
    assert "icd: epoch 20/20" in first.err and "epoch" not in second.err
    assert (run / "report" / "index.html").exists() or list(run.glob("*.html"))
    assert not list(run.rglob("*.part")) and not list(run.glob(".shared*"))
    for stage in STAGES:
        assert json.loads((run / stage / "stage.json").read_text())["finished"]


def test_nothing_is_made_again(base, finished):
    run = finished[2][0]
    before = times(run, STAGES)
    answers = all_ended(start_all(2, *command(base, "run 2")))
    assert [answer.code for answer in answers] == [0, 0] and times(run, STAGES) == before
    assert answers[0].err.count("finished before, kept") == len(STAGES)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_ends_the_other_and_the_same_command_goes_on(base, finished, rank):
    run = base / f"killed {rank}"
    processes = start_all(2, *command(base, run.name))
    until(lambda: list((run / "icd" / "checkpoint").glob("epoch-*.json")) or processes[1 - rank].poll() is not None)
    os.killpg(processes[rank].pid, signal.SIGKILL)
    other = all_ended([processes[1 - rank]], 60)[0]
    processes[rank].communicate()
    by_jax = rank == 0 and other.code == -signal.SIGABRT             # its own watch may be quicker, and says more words
    assert other.code != 0 and (by_jax or f"process {rank} of 2 ended: it was killed" in other.err), other.err
    again = all_ended(start_all(2, *command(base, run.name)))
    assert [answer.code for answer in again] == [0, 0], [answer.err[-3000:] for answer in again]
    assert "icd: goes on after epoch" in again[0].err
    for name, mask in masks(run, "pseudo").items():
        assert np.mean(mask == masks(finished[2][0], "pseudo")[name]) >= 0.999


def test_a_finished_run_is_read_by_tensorflow(base, finished):
    from tests.support.tiny_run import call

    answer = call("predict", base / "data" / "images", "--run", finished[2][0], "--out", base / "found")
    assert answer.code == 0, answer.err
    assert len(list((base / "found" / "masks").rglob("*.png"))) == 24


@pytest.mark.parametrize(("further", "words"), [
    (("--set", "devices=2"), "asks for TensorFlow's devices, but KERAS_BACKEND is jax"),
    (("--set", "icd.batch_size=5"), "icd.batch_size=5 cannot be shared by 2 devices; set it to 6"),
    (("--set", "icd.epoch=5"), "epoch")])
def test_mistakes_end_all_in_one_line_each(base, further, words):
    for answer in all_ended(start_all(2, *command(base, "refused", *further))):
        assert answer.code == 2 and "Traceback" not in answer.err, answer.err
        (error,) = answer.errors
        assert words in error


def test_different_numbers_of_processes_are_told(base):
    for answer in all_ended(start_all(2, *command(base, "refused"), counts=(2, 3))):
        assert answer.code == 2 and "Traceback" not in answer.err, answer.err
        assert "process 1 says that there are 3 processes, process 0 that there are 2" in answer.errors[0]


def test_masks_are_made_by_tensorflow_alone(base, finished):
    (answer,) = all_ended(start_all(1, "tfwsss.predict", base / "data" / "images", "--run", finished[2][0], "--out",
                                    base / "no"))
    assert answer.code == 2 and "masks are made by TensorFlow" in answer.errors[0], answer.err


def test_oaa_is_not_trained_so(base):
    write_config(base / "oaa.yaml", base / "data", "oaa", tensorboard={"panels": 0})
    (answer,) = all_ended(start_all(1, "tfwsss.train", "--config", base / "oaa.yaml", "--run", base / "oaa", "--method",
                                    "oaa"))
    assert answer.code == 2 and "oaa gathers its maps inside TensorFlow's graph" in answer.errors[0]
