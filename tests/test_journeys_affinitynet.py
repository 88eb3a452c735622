"""Whole runs of AffinityNet as users make them: what is its own beside `test_journeys.py`."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.support.journeys import JOURNEYS, masks_of
from tests.support.tiny_run import call, contents, times, train
from tfwsss.methods.run import read_settings

pytestmark = pytest.mark.usefixtures("kept_maskers")


@pytest.fixture(scope="module")
def base(finished_run) -> Path:
    """A folder with data/ under odd names, config.yaml, and a finished run, made on two replicas."""
    return finished_run("affinitynet")


def test_which_defaults_count(base):
    """The published settings where data are named, small ones for the built-in set."""
    published, demo = read_settings("affinitynet", None, ["data.kind=folder"]), read_settings("affinitynet", None, [])
    assert (published.affinity.epochs, published.affinity.backbone.name, published.cam.canvas) == (8, "vgg16", 513)
    assert (demo.affinity.backbone.name, demo.affinity.crop, demo.cam.canvas) == ("small", 96, 129)
    mixed = read_settings("affinitynet", base / "config.yaml", ["affinity.radius=4"])
    assert (mixed.affinity.radius, mixed.affinity.crop, mixed.affinity.learning_rate) == (4, 48, 0.1)


def test_until_labels(base, tmp_path):
    """The labels to learn from are masks to look at; what came after them is gone, what comes before is kept."""
    run, journey = tmp_path / "run", JOURNEYS["affinitynet"]
    shutil.copytree(base / "run 1", run)
    answer = train("--method", "affinitynet", "--config", base / "config.yaml", "--run", run, "--redo",
                   "marginals", "--until", "labels")
    assert answer.code == 0 and tuple(answer.result["miou"]) == journey.scored[:3]
    assert not [stage for stage in ("affinity", "walk", "pseudo", "segmenter", "relabel") if (run / stage).exists()]
    for stage in ("cam_masks", "marginals", "labels"):
        assert contents(run / stage) == contents(base / "run 1" / stage)
    answer = train("--method", "affinitynet", "--config", base / "config.yaml", "--run", run, "--redo", "marginals",
                   "--until", "labels", "--set", "labels.low=0.01", "--set", "labels.high=1000")
    found = {int(value) for mask in masks_of(run / "labels").values() for value in np.unique(mask)}
    assert answer.code == 0 and 255 in found <= {0, 1, 2, 3, 255}      # two backgrounds that agree on little


def test_labels_are_for_people(base, tmp_path):
    """The network learns from marginals: labels made again leave it as it is."""
    run = tmp_path / "run"
    shutil.copytree(base / "run 1", run)
    later = times(run, ("marginals", "affinity", "walk", "pseudo"))
    answer = train("--method", "affinitynet", "--config", base / "config.yaml", "--run", run, "--redo", "labels")
    assert answer.code == 0 and times(run, ("marginals", "affinity", "walk", "pseudo")) == later
    assert contents(run / "labels") == contents(base / "run 1" / "labels")


def test_given_labels(base, tmp_path):
    """Masks of one's own stand for the labels: no marginals are made, and a network is trained."""
    given = [f"given.{stage}={base / 'run 1' / stage}" for stage in ("classifier", "cam")]
    given.append(f"given.labels={base / 'data' / 'masks'}")
    answer = train("--method", "affinitynet", "--config", base / "config.yaml", "--run", tmp_path / "run",
                   *[part for value in given for part in ("--set", value)], "--until", "walk")
    assert answer.code == 0 and list(answer.result["miou"]) == ["cam_masks", "walk"]
    assert not (tmp_path / "run" / "marginals").exists() and (tmp_path / "run" / "affinity" / "model.keras").is_file()


def test_the_walk_leaves_nothing_open(base):
    """Every pixel has an id: an image's classes and background."""
    table = dict(line.split(",") for line in (base / "data" / "labels.csv").read_text("utf-8").splitlines()[1:])
    numbers = {"cat": 1, "dog": 2, "sheep": 3}
    for name, mask in masks_of(base / "run 1" / "walk").items():
        assert set(np.unique(mask)) <= {0, *(numbers[tag] for tag in table[name].split())}


@pytest.mark.parametrize(("tags", "ids"), [(None, {0, 1, 2, 3}), (" dog , sheep ", {0, 2, 3}), ("", {0})])
@pytest.mark.usefixtures("eagerly")
def test_predict_one_photograph(base, tmp_path, tags, ids):
    """One mask and one overlay; only classes that the tags allow."""
    photo = base / "data" / "images" / "猫" / "子 猫.jpg"
    arguments = [] if tags is None else ["--tags", tags]
    answer = call("predict", photo, "--run", base / "run 1", "--out", tmp_path / "out", *arguments)
    assert answer.code == 0 and answer.result == {"out": str(tmp_path / "out"), "images": 1, "faults": 0}
    assert set(contents(tmp_path / "out")) == {"masks/子 猫.png", "overlays/子 猫.png"}
    mask = np.array(Image.open(tmp_path / "out" / "masks" / "子 猫.png"))
    assert mask.shape == (64, 64) and set(np.unique(mask)) <= ids | {255}


@pytest.mark.parametrize(("rounds", "stage", "share"), [(0, "pseudo", 0.99), (1, "relabel", 1.0)])
def test_predict_gives_the_runs_own_masks(base, tmp_path, rounds, stage, share):
    """With an image's own tags the mask is what the segmentation network says of it.

    Of a run that ends before, it is the pseudo label.
    """
    run = tmp_path / "run"
    shutil.copytree(base / "run 1", run)
    record = json.loads((run / "config.json").read_text("utf-8"))
    record["config"]["rounds"] = rounds
    (run / "config.json").write_text(json.dumps(record), "utf-8")
    answer = call("predict", base / "data" / "images" / "9.jpg", "--run", run, "--out", tmp_path / "out",
                  "--tags", "sheep")
    assert answer.code == 0
    own, found = (np.array(Image.open(path)) for path in (run / stage / "9.png", tmp_path / "out" / "masks" / "9.png"))
    assert np.mean(own == found) >= share


def test_tensorboard(base):
    """Both trainings: every loss term, the learning rates; panels of class maps for the classifier."""
    tags = {}
    for stage in ("classifier", "affinity"):
        for folder in (base / "run 1" / "tensorboard" / stage).iterdir():
            events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
            events.Reload()
            tags[stage, folder.name] = {tag: [event.step for event in events.Tensors(tag)]
                                        for tag in events.Tags()["tensors"]}
    assert set(tags) == {("classifier", "train"), ("classifier", "panels"), ("affinity", "train")}
    for stage, terms in (("classifier", ("loss",)), ("affinity", ("loss", "background", "foreground", "negative"))):
        for term in terms:
            assert tags[stage, "train"][f"epoch_{term}"] == [0, 1]
    assert {"panel/two words", "miou/CAM mask"} <= set(tags["classifier", "panels"])
