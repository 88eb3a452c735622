"""Whole runs of OAA as users make them: killed and resumed with its memory, by both programs' rules, exported."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.support.journeys import JOURNEYS, losses, masks_of, salient_objects
from tests.support.tiny_run import ODD_NAMES, call, contents, ended, start, stop_at_work, train
from tfwsss.artefacts.scores import read_scores
from tfwsss.methods.run import read_settings
from tfwsss.training.attention_memory import AttentionMemory

pytestmark = pytest.mark.usefixtures("kept_maskers")

SCORED = list(JOURNEYS["oaa"].scored)
LABELS = {"cat": 0, "dog": 1, "sheep": 2}


@pytest.fixture(scope="module")
def base(finished_run) -> Path:
    """A folder with data/ under odd names, config.yaml, and a finished run."""
    return finished_run("oaa")


def command(base: Path, run: Path, *sets: str, last: str = "accumulated") -> list:
    return ["--method", "oaa", "--config", base / "config.yaml", "--run", run, "--until", last,
            *[part for value in sets for part in ("--set", value)]]


def test_which_defaults_count(base):
    """The published settings where data are named, small ones for the built-in set."""
    published, demo = read_settings("oaa", None, ["data.kind=folder"]), read_settings("oaa", None, [])
    assert (published.oaa.epochs, published.oaa.backbone.name, published.oaa.side) == (14, "vgg16", 224)
    assert (demo.oaa.backbone.name, demo.oaa.side, demo.oaa.square) == ("small", 97, True)


def test_the_memory_holds_a_map_for_each_class_of_an_image_at_most(base):
    """It lies beside the network, and nothing of it among the checkpoints, which are gone."""
    run = base / "run 1"
    memory = AttentionMemory.read(run / "oaa")
    table = dict(line.split(",") for line in (base / "data" / "labels.csv").read_text("utf-8").splitlines()[1:])
    pairs = {(name, LABELS[tag]) for name in ODD_NAMES for tag in table[name].split()}
    kept = {pair for pair in pairs if memory.get(*pair) is not None}
    assert 0 < len(memory) == len(kept) and memory.seen == 36 and memory.start == 9     # steps of four
    assert {memory.get(*pair).shape for pair in kept} == {(13, 13)} and memory.num_bytes == 169 * len(memory)
    assert not (run / "oaa" / "checkpoint").exists()


@pytest.mark.slow                   # in one process: tests/methods/oaa/test_training.py, tests/runs/test_checkpoint.py
def test_kill_while_gathering(base, tmp_path):
    """Killed after an epoch or two, it goes on with its memory: maps and losses are those of an unbroken run."""
    sets = ("oaa.epochs=12", "tensorboard.enabled=false", "oaa.drop=0.5")
    assert train(*command(base, tmp_path / "whole", *sets)).code == 0
    run = tmp_path / "killed"
    process = start(*command(base, run, *sets))
    stop_at_work(process, run / "oaa", "checkpoint/epoch-*.json", at_least=2)
    ended(process)
    kept = sorted(path.name for path in (run / "oaa" / "checkpoint").glob("attention-*.npz"))
    assert len(kept) >= 2 and not (run / "oaa" / "stage.json").exists()
    assert train(*command(base, run, *sets)).code == 0
    assert "oaa: goes on after epoch" in (run / "log.txt").read_text("utf-8")
    assert losses(run, "oaa") == losses(tmp_path / "whole", "oaa")
    assert contents(run / "accumulated", "**/*.npz") == contents(tmp_path / "whole" / "accumulated", "**/*.npz")
    assert len(contents(run / "accumulated", "**/*.npz")) == 12


def test_images_that_keep_their_shapes_by_the_program_for_pytorch(base, tmp_path):
    """Seen one by one, gradients of several gathered, classes that never are accepted taken in the last epoch."""
    sets = ("oaa.program=torch", "oaa.square=false", "oaa.side=40", "oaa.optimizer=sgd", "oaa.nesterov=true",
            "oaa.rate_outside=true", "oaa.jitter=[0.3,0.3,0.3,0.1]", "oaa.mirror=false", "oaa.drop=0.5",
            "oaa_plus.epochs=1", "rounds=0")
    answer = train(*command(base, tmp_path / "run", *sets, last="pseudo"))
    assert answer.code == 0 and list(answer.result["miou"]) == SCORED
    memory = AttentionMemory.read(tmp_path / "run" / "oaa")
    assert (memory.rule, memory.accept, memory.start) == ("plain_max", "top", 13)
    table = (base / "data" / "labels.csv").read_text("utf-8").splitlines()[1:]
    assert len(memory) == sum(len(line.split(",")[1].split()) for line in table)          # every one, at last
    assert set(masks_of(tmp_path / "run" / "pseudo")) == set(ODD_NAMES)


def test_without_the_second_network(base, tmp_path):
    """What was gathered is the result; the first network makes masks of photographs."""
    given = f"given.oaa={base / 'run 1' / 'oaa'}"
    answer = train(*command(base, tmp_path / "run", "plus=false", "rounds=0", given, last="pseudo"))
    assert answer.code == 0 and list(answer.result["miou"]) == ["cam", "cam_masks", "accumulated", "labels", "pseudo"]
    for name in ODD_NAMES:                                              # of two processes, in half precision
        found, before = (read_scores(run / "cam", name).scores for run in (tmp_path / "run", base / "run 1"))
        np.testing.assert_allclose(found, before, rtol=2**-9, atol=1e-4)
    photo = base / "data" / "images" / "9.jpg"
    assert call("predict", photo, "--run", tmp_path / "run", "--out", tmp_path / "out").code == 0


def test_saliency(base, tmp_path):
    """With saliency maps they are the background, and there is no CRF."""
    salient_objects(base, tmp_path / "saliency")
    given = [f"given.{stage}={base / 'run 1' / stage}" for stage in ("oaa", "oaa_plus")]
    answer = train(*command(base, tmp_path / "run", *given, f"data.saliency={tmp_path / 'saliency'}", "rounds=0",
                            last="pseudo"))
    assert answer.code == 0 and list(answer.result["miou"]) == ["cam", "cam_masks", "accumulated", "maps", "pseudo"]
    masks = masks_of(tmp_path / "run" / "pseudo")
    assert set(masks) == set(ODD_NAMES) and any(np.isin(mask, (1, 2, 3)).any() for mask in masks.values())
    for name, mask in masks.items():
        salient = np.array(Image.open(tmp_path / "saliency" / f"{name}.png")) == 255
        assert not np.isin(mask[~salient], (1, 2, 3)).any()


@pytest.mark.slow                   # of any method: test_bad_input.py; OAA's own stage: methods/oaa/test_masker.py
def test_a_broken_image_is_listed(base, tmp_path):
    """Exit code 1, and everything of the others."""
    shutil.copytree(base / "data", tmp_path / "data")
    (tmp_path / "data" / "images" / "9.jpg").write_bytes(b"\xff\xd8\xff")
    answer = train(*command(base, tmp_path / "run", f"data.root={tmp_path / 'data'}", "oaa.epochs=2",
                            "oaa_plus.epochs=1", "rounds=0", last="pseudo"))
    assert answer.code == 1 and list(json.loads((tmp_path / "run" / "faults.json").read_text("utf-8"))) == ["9"]
    assert set(masks_of(tmp_path / "run" / "pseudo")) == set(ODD_NAMES) - {"9"}


@pytest.mark.parametrize(("tags", "ids"), [(None, {0, 1, 2, 3}), (" dog , sheep ", {0, 2, 3}), ("", {0})])
@pytest.mark.usefixtures("eagerly")
def test_predict_by_the_second_network(base, tmp_path, tags, ids):
    photo = base / "data" / "images" / "猫" / "子 猫.jpg"
    arguments = [] if tags is None else ["--tags", tags]
    answer = call("predict", photo, "--run", base / "run 1", "--stage", "pseudo", "--out", tmp_path / "out", *arguments)
    assert answer.code == 0
    mask = np.array(Image.open(tmp_path / "out" / "masks" / "子 猫.png"))
    assert mask.shape == (64, 64) and set(np.unique(mask)) <= ids | {255}


def test_tensorboard(base):
    """Both trainings: the loss, the rates, what is gathered; panels of class maps and of gathered ones."""
    tags = {}
    for stage in ("oaa", "oaa_plus"):
        for folder in (base / "run 1" / "tensorboard" / stage).iterdir():
            events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
            events.Reload()
            tags[stage, folder.name] = {tag: [event.step for event in events.Tensors(tag)]
                                        for tag in events.Tags()["tensors"]}
    for term in ("loss", "gathered_maps", "gathered_mebibytes"):
        assert tags["oaa", "train"][f"epoch_{term}"] == [0, 1, 2]
    assert tags["oaa_plus", "train"]["epoch_loss"] == [0, 1]
    assert {"panel/two words", "miou/CAM mask", "miou/gathered mask"} <= set(tags["oaa", "panels"])
    assert {"panel/two words", "miou/OAA+ mask"} <= set(tags["oaa_plus", "panels"])


def test_the_report_shows_plain_gathered_and_learnt_maps(base):
    page = (base / "run 1" / "report.html").read_text("utf-8")
    assert all(f">{stage}<" in page for stage in ("cam", "accumulated", "maps", "pseudo"))
