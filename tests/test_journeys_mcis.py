"""Whole runs of MCIS as users make them: without saliency and with it, resumed, with bad images, used, exported."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.support.journeys import JOURNEYS, losses, masks_of, result_of, salient_objects
from tests.support.tiny_run import ODD_NAMES, call, contents, draw_tiny_folder, times, train
from tests.support.tiny_run import write_config as write
from tests.support.tiny_voc import draw_tiny_voc
from tfwsss.artefacts.scores import read_scores
from tfwsss.export import main as export
from tfwsss.methods.run import read_settings
from tfwsss.models.mcis import TERMS
from tfwsss.saved_model import export as exporting


@pytest.fixture(scope="module")
def base(finished_run) -> Path:
    """A folder with data/ under odd names, config.yaml, and a finished run on two replicas, with its own saliency."""
    return finished_run("mcis")


def test_which_defaults_count(base):
    """The published settings where data are named, small ones for the built-in set; --set goes over the file."""
    published, demo = read_settings("mcis", None, ["data.kind=folder"]), read_settings("mcis", None, [])
    assert (published.mcis.epochs, published.mcis.backbone.name, published.mcis.side) == (11, "vgg16", 256)
    assert (demo.mcis.backbone.name, demo.data.saliency) == ("small", "make") and published.data.saliency is None
    mixed = read_settings("mcis", base / "config.yaml", ["maps.references=5"])
    assert (mixed.maps.references, mixed.maps.side, mixed.mcis.learning_rate) == (5, 32, published.mcis.learning_rate)


def test_kept_maps_are_bytes_of_the_classes_that_an_image_shows(base):
    for name in ODD_NAMES:
        kept, cam = (read_scores(base / "run 1" / stage, name) for stage in ("maps", "cam"))
        assert (kept.classes == cam.classes).all() and (kept.scores == np.round(kept.scores)).all()
        assert 0 <= kept.scores.min() <= kept.scores.max() <= 255 and kept.size == cam.size == (64, 64)
    assert np.load(base / "run 1" / "maps" / "references.npy").shape[:2] == (3, 2)


@pytest.mark.slow                   # the stage by itself: tests/steps/test_co_attention_maps.py
def test_an_image_has_the_same_maps_in_another_order(base, tmp_path):
    """Each image's references depend on its name alone: of every second image, made alone, the maps are the same."""
    shutil.copytree(base / "data", tmp_path / "data")
    some = tmp_path / "data" / "splits" / "some.txt"
    some.write_text("".join(f"{name}\n" for name in reversed(ODD_NAMES[::2])), "utf-8")
    given = ["--set", f"given.mcis={base / 'run 1' / 'mcis'}", "--set", f"data.root={tmp_path / 'data'}",
             "--set", "data.pseudo_split=some"]
    answer = train("--method", "mcis", "--config", base / "config.yaml", "--run", tmp_path / "run", "--until", "maps",
                   *given)
    assert answer.code == 0
    for name in ODD_NAMES[::2]:
        one, other = (read_scores(run / "maps", name).scores for run in (base / "run 1", tmp_path / "run"))
        assert np.abs(one.astype(int) - other).max() <= 1


def without_saliency(base: Path, run: Path, *further):
    given = ["--set", f"given.mcis={base / 'run 1' / 'mcis'}", "--set", "data.saliency=null"]
    return train("--method", "mcis", "--config", base / "config.yaml", "--run", run, *given, *further)


def test_without_saliency(base, tmp_path):
    """A threshold tells the background, and the CRF draws its borders."""
    answer = without_saliency(base, tmp_path / "crf")
    assert answer.code == 0 and list(answer.result["miou"]) == ["cam", "cam_masks", "maps", "labels", "pseudo"]
    answer = without_saliency(base, tmp_path / "no", "--set", "labels.background=saliency")
    assert answer.code == 2 and "data.saliency is not set" in answer.errors[0]


@pytest.mark.slow                   # from maps on: tests/methods/mcis/test_masker.py, steps/test_proxy_labels.py
def test_a_threshold_alone_without_saliency(base, tmp_path):
    """Of the same maps, whatever becomes of them."""
    assert without_saliency(base, tmp_path / "crf", "--until", "maps").code == 0
    answer = without_saliency(base, tmp_path / "threshold", "--set", "labels.background=threshold",
                              "--set", "labels.threshold=null")
    assert answer.code == 0 and "labels" not in answer.result["miou"]
    assert 0 < json.loads((tmp_path / "threshold" / "pseudo" / "threshold.json").read_text())["threshold"] < 1
    assert contents(tmp_path / "crf" / "maps", "**/*.npz") == contents(tmp_path / "threshold" / "maps", "**/*.npz")


def test_saliency_of_a_folder(base, tmp_path):
    """No object lies where nothing is salient."""
    salient_objects(base, tmp_path / "salient")
    answer = without_saliency(base, tmp_path / "run", "--set", f"data.saliency={tmp_path / 'salient'}")
    assert answer.code == 0 and list(answer.result["miou"]) == ["cam", "cam_masks", "maps", "pseudo"]
    masks = masks_of(tmp_path / "run" / "pseudo")
    assert set(masks) == set(ODD_NAMES) and any(np.isin(mask, (1, 2, 3)).any() for mask in masks.values())
    for name, mask in masks.items():
        salient = np.array(Image.open(tmp_path / "salient" / f"{name}.png")) == 255
        assert not np.isin(mask[~salient], (1, 2, 3)).any()


@pytest.mark.parametrize(("references", "self_views"), [
    (0, True), *(pytest.param(*each, marks=pytest.mark.slow) for each in ((1, False), (5, True)))])
def test_numbers_of_references(base, tmp_path, references, self_views):
    """Other maps of the same network; only what depends on them is made again."""
    run = tmp_path / "run"
    own = ["--set", f"maps.references={references}", "--set", f"maps.self_views={self_views}".lower()]
    assert without_saliency(base, run, "--until", "maps").code == 0
    before, first = times(run, ["cam", "cam_masks"]), contents(run / "maps", "**/*.npz")
    assert without_saliency(base, run, "--until", "maps", *own).code == 2                # says that --redo is needed
    assert without_saliency(base, run, "--until", "maps", "--redo", "maps", *own).code == 0
    assert times(run, ["cam", "cam_masks"]) == before and contents(run / "maps", "**/*.npz") != first
    assert (run / "maps" / "references.npy").is_file() == (references > 0)


@pytest.mark.slow                   # pairs: test_journeys_cian.py; references: steps/test_co_attention_maps.py
def test_torn_images_are_listed_and_others_stand_for_them(tmp_path):
    """In pairs as among references: the run goes on, and ends with exit code 1."""
    root = draw_tiny_folder(tmp_path / "data", ODD_NAMES)
    torn = root / "images" / f"{ODD_NAMES[3]}.jpg"
    torn.write_bytes(torn.read_bytes()[:300])
    write(tmp_path / "config.yaml", root, "mcis", mcis={"epochs": 1}, tensorboard={"enabled": False})
    answer = train("--method", "mcis", "--config", tmp_path / "config.yaml", "--run", tmp_path / "run")
    assert answer.code == 1 and ODD_NAMES[3] in answer.err
    assert set(masks_of(tmp_path / "run" / "pseudo")) == set(ODD_NAMES) - {ODD_NAMES[3]}
    assert list(json.loads((tmp_path / "run" / "faults.json").read_text("utf-8"))) == [ODD_NAMES[3]]


@pytest.mark.usefixtures("eagerly")
def test_predict_with_tags_and_without(base, tmp_path):
    photo = base / "data" / "images" / "9.jpg"
    for place, tags in enumerate((["--tags", "cat"], [])):
        answer = call("predict", photo, "--run", base / "run 1", "--out", tmp_path / str(place), *tags)
        assert answer.code == 0, answer.err
        mask = np.array(Image.open(tmp_path / str(place) / "masks" / "9.png"))
        assert mask.shape == (64, 64) and (not tags or set(np.unique(mask)) <= {0, 1, 255})


def test_an_export_makes_the_masks_of_predict(base, tmp_path, capsys, monkeypatch):
    """It holds references of each class, and says how large they are; data are no longer needed."""
    monkeypatch.setattr(exporting, "try_out", lambda folder: {"milliseconds": 5.0, "memory_mib": 7})
    assert export(["--run", str(base / "run 1"), "--to", str(tmp_path / "model")]) == 0, capsys.readouterr().err
    said = " ".join(capsys.readouterr().err.split())
    card = json.loads((tmp_path / "model" / "1" / "model_card.json").read_text("utf-8"))
    assert "references: 2 of each of 3 classes" in said and card["carried"]["references of each class"] == 2
    signatures = tf.saved_model.load(str(tmp_path / "model" / "1")).signatures
    photo = base / "data" / "images" / "9.jpg"
    image = tf.constant([photo.read_bytes()])
    call("predict", photo, "--run", base / "run 1", "--out", tmp_path / "out")
    expected = np.array(Image.open(tmp_path / "out" / "masks" / "9.png"))
    assert np.mean(signatures["mask"](image_bytes=image)["mask"][0].numpy() != expected) < 0.001
    tagged = signatures["with_tags"](image_bytes=image, tags=tf.constant([[0.0, 1.0, 0.0]]))
    assert set(tagged["class_ids"].numpy().ravel()) <= {2}
    assert export(["--run", str(base / "run 1"), "--to", str(tmp_path / "other"), "--scales", "1,0.5"]) == 2
    assert "made of fixed views of an image" in capsys.readouterr().err


@pytest.mark.slow
def test_voc_layout_with_two_lists(tmp_path):
    """References are of the list trained on, masks of the other."""
    write(tmp_path / "config.yaml", draw_tiny_voc(tmp_path / "VOC2012"), "mcis", mcis={"epochs": 1},
          data={"kind": "voc", "split": "train", "pseudo_split": "val"})
    answer = train("--method", "mcis", "--config", tmp_path / "config.yaml", "--run", tmp_path / "run")
    assert answer.code == 0 and set(answer.result["miou"]) == {"cam", "cam_masks", "maps", "labels", "pseudo"}
    assert set(masks_of(tmp_path / "run" / "pseudo")) == {f"2026_{number:06d}" for number in range(8, 12)}


@pytest.mark.slow
def test_mixed_precision(base, tmp_path):
    answer = train("--method", "mcis", "--config", base / "config.yaml", "--run", tmp_path / "run",
                   "--set", "mixed_precision=true", "--set", "mcis.epochs=1")
    assert answer.code == 0 and list(answer.result["miou"]) == list(JOURNEYS["mcis"].scored)
    assert all(map(math.isfinite, losses(tmp_path / "run", "mcis")))


def test_tensorboard(base):
    """Every loss term, the learning rates, and a panel of maps alone, by each reference and merged."""
    tags = {}
    for part in ("train", "panels"):
        events = EventAccumulator(str(base / "run 1" / "tensorboard" / "mcis" / part), size_guidance={"tensors": 0})
        events.Reload()
        tags[part] = {tag: [event.step for event in events.Tensors(tag)] for tag in events.Tags()["tensors"]}
    for term in ("loss", "basic", "common", "views", "contrastive"):
        assert tags["train"][f"epoch_{term}"] == [0, 1, 2]
    assert {"miou/CAM mask", "miou/merged mask"} <= set(tags["panels"])
    assert tags["panels"]["panel/two words"] == [0, 1, 2]
    history = json.loads((base / "run 1" / "mcis" / "history.json").read_text())
    assert [epoch["contrastive"] > 0 for epoch in history] == [False, True, True]
    for epoch in history:
        np.testing.assert_allclose(epoch["loss"], sum(epoch[term] for term in TERMS), rtol=1e-4)
    assert set(result_of(base)["miou"]) == set(JOURNEYS["mcis"].scored)
