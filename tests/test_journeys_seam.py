"""Whole runs of SEAM as users make them: what is its own beside `test_journeys.py`."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.support.journeys import JOURNEYS, losses, masks_of
from tests.support.oracles.upsample import upsample
from tests.support.tiny_run import ODD_NAMES, call, contents, times, train
from tests.support.tiny_run import write_config as write
from tests.support.tiny_voc import draw_tiny_voc
from tfwsss.artefacts.scores import read_scores
from tfwsss.export import main as export
from tfwsss.methods.run import read_settings
from tfwsss.models.seam import TERMS
from tfwsss.saved_model import export as exporting

pytestmark = pytest.mark.usefixtures("kept_maskers")


@pytest.fixture(scope="module")
def base(finished_run) -> Path:
    """A folder with data/ under odd names, config.yaml, and a finished run."""
    return finished_run("seam")


def test_which_defaults_count(base):
    """The published settings where data are named, small ones for the built-in set; --set goes over the file."""
    published, demo = read_settings("seam", None, ["data.kind=folder"]), read_settings("seam", None, [])
    assert (published.seam.epochs, published.seam.backbone.name, published.maps.canvas) == (8, "resnet38", None)
    assert (demo.seam.backbone.name, demo.seam.crop) == ("small", 97)
    mixed = read_settings("seam", base / "config.yaml", ["maps.canvas=33"])
    assert (mixed.maps.canvas, mixed.maps.mirror, mixed.seam.copy_scale) == (33, True, 0.5)


def test_refined_maps_are_kept_beside_the_plain_ones(base):
    """Of the classes that an image shows, up to 1 on its pixels."""
    for name in ODD_NAMES:
        refined, cam = (read_scores(base / "run 1" / stage, name) for stage in ("maps", "cam"))
        assert (refined.classes == cam.classes).all() and refined.covers == cam.covers
        largest = upsample(refined.scores, refined.size, refined.covers).max(axis=(1, 2))
        np.testing.assert_allclose(largest, 1, atol=2e-3)


def copied(base: Path, tmp_path: Path) -> Path:
    shutil.copytree(base / "run 1", tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.slow
def test_maps_at_their_own_sizes(base, tmp_path):
    """As released; only what depends on them is made again, and the plain maps stay."""
    run, config = copied(base, tmp_path), ["--method", "seam", "--config", base / "config.yaml"]
    before = times(run, ["seam", "cam", "cam_masks"])
    own = ["--set", "maps.canvas=null", "--run", run, "--until", "map_masks"]
    assert train(*config, *own).code == 2                                       # says that --redo is needed
    answer = train(*config, *own, "--redo", "maps")
    assert answer.code == 0 and list(answer.result["miou"]) == ["cam", "cam_masks", "maps", "map_masks"]
    assert times(run, ["seam", "cam", "cam_masks"]) == before
    for name in ODD_NAMES[:3]:
        found = read_scores(run / "maps", name)
        assert found.scores.shape[1:] == (64, 64) and found.scores.min() < 0 and found.scores.max() > 0.99


@pytest.mark.slow
def test_the_plain_classifier_beside(base, tmp_path):
    """Trained the same way without what is SEAM's: no refined maps, and its class maps are spread in their place."""
    answer = train("--method", "seam", "--config", base / "config.yaml", "--run", tmp_path / "run",
                   "--set", "seam.plain=true")
    assert answer.code == 0, answer.err
    assert list(answer.result["miou"]) == ["cam", "cam_masks", "labels", "walk", "pseudo"]
    history = json.loads((tmp_path / "run" / "seam" / "history.json").read_text())
    assert set(history[0]) - {"learning_rate"} == {"loss", "classes"}
    photo = base / "data" / "images" / "9.jpg"
    answer = call("predict", photo, "--run", tmp_path / "run", "--out", tmp_path / "out", "--tags", "sheep")
    own = np.array(Image.open(tmp_path / "run" / "pseudo" / "9.png"))
    assert np.mean(own == np.array(Image.open(tmp_path / "out" / "masks" / "9.png"))) >= 0.99


@pytest.mark.slow
def test_given_labels(base, tmp_path):
    """Masks of one's own stand for the labels: no marginals are made, and a network is trained."""
    given = [f"given.{stage}={base / 'run 1' / stage}" for stage in ("seam", "cam", "maps")]
    given.append(f"given.labels={base / 'data' / 'masks'}")
    answer = train("--method", "seam", "--config", base / "config.yaml", "--run", tmp_path / "run",
                   *[part for value in given for part in ("--set", value)], "--until", "walk")
    assert answer.code == 0 and list(answer.result["miou"]) == ["cam_masks", "map_masks", "walk"]
    assert not (tmp_path / "run" / "marginals").exists()


@pytest.mark.parametrize(("tags", "ids"), [(None, {0, 1, 2, 3}), ("sheep", {0, 3})])
@pytest.mark.usefixtures("eagerly")
def test_predict_one_photograph(base, tmp_path, tags, ids):
    """With an image's own tags the mask is its pseudo label."""
    photo = base / "data" / "images" / "9.jpg"
    answer = call("predict", photo, "--run", base / "run 1", "--out", tmp_path / "out",
                  *([] if tags is None else ["--tags", tags]))
    assert answer.code == 0, answer.err
    mask = np.array(Image.open(tmp_path / "out" / "masks" / "9.png"))
    assert mask.shape == (64, 64) and set(np.unique(mask)) <= ids | {255}
    if tags == "sheep":
        assert np.mean(mask == np.array(Image.open(base / "run 1" / "pseudo" / "9.png"))) >= 0.99


@pytest.mark.slow                  # walks in exports: test_recorded_runs.py; SEAM: methods/seam/test_masker.py
def test_an_export_makes_the_masks_of_predict(base, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(exporting, "try_out", lambda folder: {"milliseconds": 5.0, "memory_mib": 7})
    assert export(["--run", str(base / "run 1"), "--to", str(tmp_path / "model")]) == 0, capsys.readouterr().err
    signatures = tf.saved_model.load(str(tmp_path / "model" / "1")).signatures
    photo = base / "data" / "images" / "9.jpg"
    image = tf.constant([photo.read_bytes()])
    call("predict", photo, "--run", base / "run 1", "--out", tmp_path / "out")
    expected = np.array(Image.open(tmp_path / "out" / "masks" / "9.png"))
    assert np.mean(signatures["mask"](image_bytes=image)["mask"][0].numpy() != expected) < 0.001
    tagged = signatures["with_tags"](image_bytes=image, tags=tf.constant([[0.0, 1.0, 0.0]]))
    assert set(tagged["class_ids"].numpy().ravel()) <= {2}


@pytest.mark.slow
def test_voc_layout_with_two_lists(tmp_path):
    """Maps of both lists, masks of the other."""
    write(tmp_path / "config.yaml", draw_tiny_voc(tmp_path / "VOC2012"), "seam", rounds=0,
          data={"kind": "voc", "split": "train", "pseudo_split": "val"})
    answer = train("--method", "seam", "--config", tmp_path / "config.yaml", "--run", tmp_path / "run")
    assert answer.code == 0 and set(answer.result["miou"]) == set(JOURNEYS["seam"].scored)
    assert set(masks_of(tmp_path / "run" / "pseudo")) == {f"2026_{number:06d}" for number in range(8, 12)}
    assert len(contents(tmp_path / "run" / "maps", "*.npz")) == 12 and \
        len(contents(tmp_path / "run" / "cam", "*.npz")) == 4


@pytest.mark.slow
def test_mixed_precision(base, tmp_path):
    answer = train("--method", "seam", "--config", base / "config.yaml", "--run", tmp_path / "run",
                   "--set", "mixed_precision=true", "--until", "map_masks")
    assert answer.code == 0 and list(answer.result["miou"]) == ["cam", "cam_masks", "maps", "map_masks"]
    assert all(map(math.isfinite, losses(tmp_path / "run", "seam")))


def test_tensorboard_and_report(base):
    """Every loss term, panels of plain and refined maps, and both beside each other on the page."""
    tags = {}
    for part in ("train", "panels"):
        events = EventAccumulator(str(base / "run 1" / "tensorboard" / "seam" / part), size_guidance={"tensors": 0})
        events.Reload()
        tags[part] = {tag: [event.step for event in events.Tensors(tag)] for tag in events.Tags()["tensors"]}
    for term in ("loss", *TERMS):
        assert tags["train"][f"epoch_{term}"] == [0, 1]
    assert {"miou/CAM mask", "miou/refined mask"} <= set(tags["panels"])
    page = (base / "run 1" / "report.html").read_text("utf-8")
    assert all(f">{stage}<" in page for stage in ("cam", "maps", "map_masks", "pseudo"))
