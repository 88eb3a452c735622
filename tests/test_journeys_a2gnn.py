"""Whole runs of A2GNN as users make them: labels of all kinds at once, killed and resumed, used, refused."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.graph_runs import probabilities
from tests.support.journeys import losses, masks_of
from tests.support.tiny_labels import label_tiny_folder
from tests.support.tiny_run import (
    ODD_NAMES,
    call,
    contents,
    draw_tiny_folder,
    ended,
    refused,
    start,
    stop_at_work,
    train,
)
from tests.support.tiny_run import write_config as write
from tests.support.tiny_voc import draw_tiny_voc
from tfwsss.artefacts.scores import read_scores, write_scores
from tfwsss.export import main as export
from tfwsss.methods.run import read_settings
from tfwsss.saved_model import export as exporting

pytestmark = pytest.mark.usefixtures("kept_maskers")

LABELLED, MASKED = ODD_NAMES[:7], ODD_NAMES[6]
"""Images that have more than tags, and the one that has a mask."""


@pytest.fixture(scope="module")
def base(finished_run) -> Path:
    """A folder with data/ under odd names and labels of all kinds, config.yaml, and a finished run."""
    return finished_run("a2gnn")


def command(base: Path, run: Path, *sets: str, last: str = "pseudo") -> list:
    return ["--method", "a2gnn", "--config", base / "config.yaml", "--run", run, "--until", last, "--set", "rounds=0",
            *[part for value in sets for part in ("--set", value)]]


def given(base: Path, *stages: str) -> list[str]:
    return [f"given.{stage}={base / 'run 1' / stage}" for stage in stages]


def list_of(data: Path, names) -> str:
    (data / "splits" / "some.txt").write_text("".join(f"{name}\n" for name in names), "utf-8")
    return "some"


def test_which_defaults_count(base):
    """The published settings where data are named, small ones for the built-in set; --set goes over the file."""
    published, demo = read_settings("a2gnn", None, ["data.kind=folder"]), read_settings("a2gnn", None, [])
    assert (published.affinity.backbone.name, published.graph.network.epochs) == ("resnet38", (50, 50))
    assert (demo.affinity.backbone.name, demo.graph.network.width) == ("small", 64)
    mixed = read_settings("a2gnn", base / "config.yaml", ["graph.box_network.crf_weight=0.5"])
    assert (mixed.graph.box_network.width, mixed.graph.box_network.crf_weight) == (8, 0.5)
    assert mixed.graph.box_network.learning_rate == published.graph.box_network.learning_rate == 0.035


def test_each_image_goes_by_the_strongest_label_that_it_has(base):
    """The run says so; a mask is its own seed and pseudo label, and every other image has its own network's."""
    run = base / "run 1"
    record = json.loads((run / "config.json").read_text("utf-8"))
    assert record["labels"]["training"]["supervision"] == {"mask": 1, "scribble": 2, "box": 2, "point": 2, "image": 5}
    truth = np.array(Image.open(base / "data" / "masks" / f"{MASKED}.png"))
    seeds, pseudo = masks_of(run / "seeds"), masks_of(run / "pseudo")
    assert (seeds[MASKED] == truth).all() and (pseudo[MASKED] == truth).all() and (truth == 255).any()
    for name in set(ODD_NAMES) - {MASKED}:
        assert (pseudo[name] != 255).all()
        scores = read_scores(run / "graph", name).scores.astype(np.float32)
        assert scores.shape[1:] == (64, 64) and 0 <= scores.min() and scores.sum(axis=0).max() < 1.01
    assert sum((seeds[name] == 255).any() for name in LABELLED) > 4


def test_the_report_shows_seeds_graph_and_masks_side_by_side(base):
    page = (base / "run 1" / "report.html").read_text("utf-8")
    titles = page.partition('class="row titles"')[2].partition("</div>\n")[0]
    assert [titles.index(f"<div>{stage}<") for stage in ("cam", "seeds", "graph", "pseudo")] == \
        sorted(titles.index(f"<div>{stage}<") for stage in ("cam", "seeds", "graph", "pseudo"))


@pytest.mark.slow                   # the stage by itself: tests/steps/test_graph_labels.py
def test_an_image_has_the_same_mask_in_another_order(base, tmp_path):
    """And without the images beside which it learnt."""
    shutil.copytree(base / "data", tmp_path / "data")
    some = list_of(tmp_path / "data", reversed(ODD_NAMES[::2]))
    sets = given(base, "classifier", "cam", "affinity")
    answer = train(*command(base, tmp_path / "run", *sets, f"data.root={tmp_path / 'data'}",
                            f"data.pseudo_split={some}", "tensorboard.enabled=false"))
    assert answer.code == 0, answer.err
    for name in ODD_NAMES[::2]:
        one, other = (read_scores(run / "graph", name) for run in (base / "run 1", tmp_path / "run"))
        assert one.classes.tolist() == other.classes.tolist()
        np.testing.assert_allclose(one.scores, other.scores, atol=0.01)


@pytest.mark.slow
def test_kill_while_graph_networks_learn(base, tmp_path):
    """Images that are done stay as they are; the others have what an unbroken run gives them."""
    sets = (*given(base, "classifier", "cam", "cam_masks", "seeds", "affinity"), "graph.network.memory=1",
            "graph.box_network.memory=1", "graph.network.epochs=[40,40]")
    assert train(*command(base, tmp_path / "whole", *sets)).code == 0
    run = tmp_path / "killed"
    process = start(*command(base, run, *sets))
    stop_at_work(process, run / "graph", "*.npz", at_least=3)
    ended(process)
    before = {path.name: path.stat().st_mtime_ns for path in (run / "graph").rglob("*.npz")}
    assert train(*command(base, run, *sets)).code == 0
    now = {path.name: path.stat().st_mtime_ns for path in (run / "graph").rglob("*.npz")}
    assert 3 <= len(before) < len(now) == 12 and all(now[name] == before[name] for name in before)
    for name, mask in masks_of(tmp_path / "whole" / "pseudo").items():
        assert np.mean(masks_of(run / "pseudo")[name] != mask) < 0.01


def test_without_class_maps(base, tmp_path):
    """Where every image has more than tags no classifier is needed; one that has tags only is refused."""
    shutil.copytree(base / "data", tmp_path / "data")
    sets = (*given(base, "affinity"), "seeds.confident=false", f"data.root={tmp_path / 'data'}",
            "tensorboard.enabled=false")
    some = list_of(tmp_path / "data", LABELLED)
    answer = train(*command(base, tmp_path / "run", *sets, f"data.split={some}"))
    assert answer.code == 0 and list(answer.result["miou"]) == ["seeds", "graph", "pseudo"]
    assert set(masks_of(tmp_path / "run" / "pseudo")) == set(LABELLED) and not (tmp_path / "run" / "cam").exists()
    refused(train(*command(base, tmp_path / "no", *sets)), "5 of 12 images have only tags")


def test_given_class_maps_need_no_classifier(base, tmp_path):
    """As a folder of SEAM's; and supervision by tags alone, whatever labels there are."""
    answer = train(*command(base, tmp_path / "run", *given(base, "cam"), "seeds.supervision=image", last="seeds"))
    assert answer.code == 0 and list(answer.result["miou"]) == ["cam_masks", "seeds"]
    assert not (tmp_path / "run" / "classifier").exists()
    found, before = masks_of(tmp_path / "run" / "seeds"), masks_of(base / "run 1" / "seeds")
    assert {name for name in ODD_NAMES if not (found[name] == before[name]).all()} <= set(LABELLED)
    assert (found[MASKED] != before[MASKED]).any()


def test_other_class_maps_walk_in_images_of_tags_and_clicks_alone(base, tmp_path):
    """Seeds are the classifier's all the same."""
    kinds = json.loads((base / "run 1" / "config.json").read_text("utf-8"))["labels"]["training"]["supervision"]
    for name in ODD_NAMES:
        scores = read_scores(base / "run 1" / "cam", name)
        left = np.ones_like(scores.scores) * (np.arange(scores.scores.shape[-1]) < 20)
        write_scores(tmp_path / "maps", name, scores._replace(scores=left.astype(scores.scores.dtype)))
    answer = train(*command(base, tmp_path / "run", *given(base, "classifier", "cam", "affinity"),
                            f"given.walk_cam={tmp_path / 'maps'}", last="graph"))
    assert answer.code == 0, answer.err
    before, now = (masks_of(run / "seeds") for run in (base / "run 1", tmp_path / "run"))
    assert all((before[name] == now[name]).all() for name in ODD_NAMES)
    pairs = [[probabilities(run / "graph", name) for run in (base / "run 1", tmp_path / "run")] for name in ODD_NAMES]
    assert sum(np.abs(one - other).max() > 0.1 for one, other in pairs) == kinds["image"] + kinds["point"]
    assert sum(np.abs(one - other).max() < 0.01 for one, other in pairs) == len(LABELLED) - kinds["point"]


def test_torn_images_are_listed(base, tmp_path):
    """The run goes on without them, and ends with exit code 1; so it does without a label that is broken."""
    root = draw_tiny_folder(tmp_path / "data", ODD_NAMES)
    kinds = label_tiny_folder(root, ODD_NAMES)
    torn = root / "images" / f"{ODD_NAMES[2]}.jpg"
    torn.write_bytes(torn.read_bytes()[:300])
    sets = (*given(base, "classifier", "affinity"), f"data.root={root}", "tensorboard.enabled=false")
    answer = train(*command(base, tmp_path / "run", *sets))
    assert answer.code == 1 and kinds[ODD_NAMES[2]] == "box" and ODD_NAMES[2] in answer.err
    assert set(masks_of(tmp_path / "run" / "pseudo")) == set(ODD_NAMES) - {ODD_NAMES[2]}
    assert list(json.loads((tmp_path / "run" / "faults.json").read_text("utf-8"))) == [ODD_NAMES[2]]


def test_photographs_are_for_the_segmentation_network(base, tmp_path, capsys, monkeypatch):
    """`pseudo` is refused by predict and export, with what may be asked in its place; an export holds the network."""
    photo, run = base / "data" / "images" / "9.jpg", base / "run 1"
    words = "A2GNN trains a network on each image"
    refused(call("predict", photo, "--run", run, "--stage", "pseudo", "--out", tmp_path / "no"), words)
    assert export(["--run", str(run), "--to", str(tmp_path / "no"), "--stage", "pseudo"]) == 2
    assert words in " ".join(capsys.readouterr().err.split()) and not (tmp_path / "no" / "masks").exists()
    for stage in ("masks", "cam_masks"):
        assert call("predict", photo, "--run", run, "--stage", stage, "--out", tmp_path / stage).code == 0
        assert np.array(Image.open(tmp_path / stage / "masks" / "9.png")).shape == (64, 64)
    monkeypatch.setattr(exporting, "try_out", lambda folder: {"milliseconds": 5.0, "memory_mib": 7})
    assert export(["--run", str(run), "--to", str(tmp_path / "model")]) == 0, capsys.readouterr().err
    assert json.loads((tmp_path / "model" / "1" / "model_card.json").read_text("utf-8"))["stage"] == "masks"


@pytest.mark.slow
def test_voc_layout_with_boxes_of_its_xml_and_two_lists(tmp_path):
    root = draw_tiny_voc(tmp_path / "VOC2012")
    write(tmp_path / "config.yaml", root, "a2gnn", classifier={"epochs": 1}, affinity={"epochs": 1},
          data={"kind": "voc", "split": "train", "pseudo_split": "val", "boxes": "Annotations"})
    answer = train(*command(tmp_path, tmp_path / "run"))
    assert answer.code == 0 and list(answer.result["miou"]) == ["cam", "cam_masks", "seeds", "graph", "pseudo"]
    names = {f"2026_{number:06d}" for number in range(8, 12)}
    assert set(masks_of(tmp_path / "run" / "pseudo")) == names < set(masks_of(tmp_path / "run" / "seeds"))


@pytest.mark.slow
def test_mixed_precision(base, tmp_path):
    answer = train(*command(base, tmp_path / "run", "mixed_precision=true", "affinity.epochs=1", "classifier.epochs=1"))
    assert answer.code == 0 and contents(tmp_path / "run" / "pseudo")
    assert all(map(math.isfinite, losses(tmp_path / "run", "affinity")))
