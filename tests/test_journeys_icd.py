"""Whole runs of ICD as users make them: with saliency, on two lists, without masks, in half precision."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.support.journeys import JOURNEYS, LINE, losses, masks_of, result_of, salient_objects
from tests.support.tiny_run import ODD_NAMES, call, contents, draw_tiny_folder, ended, start, train
from tests.support.tiny_run import write_config as write
from tests.support.tiny_voc import draw_tiny_voc
from tfwsss.methods.run import read_settings

SCORED = list(JOURNEYS["icd"].scored)


@pytest.fixture(scope="module")
def base(finished_run) -> Path:
    """A folder with data/ under odd names, config.yaml, and a finished run of four epochs."""
    return finished_run("icd")


def test_which_defaults_count(base):
    """The published settings where data are named, small ones for the built-in set; --set goes over the file."""
    published, demo = read_settings("icd", None, ["data.kind=folder"]), read_settings("icd", None, [])
    assert (published.icd.epochs, published.icd.backbone.name, published.icd.crop) == (20, "vgg16", 321)
    assert (demo.icd.backbone.name, demo.icd.crop, demo.regions.max_regions) == ("small", 97, 0)
    mixed = read_settings("icd", base / "config.yaml", ["icd.epochs=3"])
    assert (mixed.icd.epochs, mixed.icd.crop, mixed.icd.learning_rate) == (3, 49, published.icd.learning_rate)


def test_a_given_model(base, tmp_path):
    """`given:` stands for a stage: nothing is trained, the masks are the same; predict finds the model too."""
    given = ["--set", f"given.icd={base / 'run 1' / 'icd'}", "--set", f"given.regions={base / 'run 1' / 'regions'}"]
    answer = train("--config", base / "config.yaml", "--run", tmp_path / "run", *given)
    assert answer.code == 0 and answer.result["miou"] == result_of(base)["miou"]
    assert not (tmp_path / "run" / "icd").exists() and not (tmp_path / "run" / "regions").exists()
    assert contents(tmp_path / "run" / "pseudo") == contents(base / "run 1" / "pseudo")
    photo = base / "data" / "images" / "9.jpg"
    assert call("predict", photo, "--run", tmp_path / "run", "--out", tmp_path / "out").code == 0


def test_saliency(base, tmp_path):
    """With saliency maps they are the background, and there is neither a seed stage nor a CRF."""
    salient_objects(base, tmp_path / "saliency")
    given = ["--set", f"given.icd={base / 'run 1' / 'icd'}", "--set", f"data.saliency={tmp_path / 'saliency'}"]
    answer = train("--config", base / "config.yaml", "--run", tmp_path / "run", *given)
    assert answer.code == 0 and list(answer.result["miou"]) == ["cam", "cam_masks", "scores", "pseudo"]
    assert not (tmp_path / "run" / "seeds").exists()
    masks = masks_of(tmp_path / "run" / "pseudo")
    assert set(masks) == set(ODD_NAMES) and any((mask == 0).any() for mask in masks.values())
    salient = np.array(Image.open(tmp_path / "saliency" / "9.png")) == 255
    assert not np.isin(masks["9"][~salient], (1, 2, 3)).any()


def test_saliency_made_by_the_run(base, tmp_path):
    """The stage comes first; an image without a map is listed; a killed run goes on; predict needs no maps."""
    given = ["--config", base / "config.yaml", "--run", tmp_path / "run", "--set", "data.saliency=make",
             "--set", f"given.icd={base / 'run 1' / 'icd'}", "--set", "saliency.segments=60"]
    assert train(*given, "--until", "saliency").code == 0
    before = contents(tmp_path / "run" / "saliency")
    for name in ("stage.json", "9.png", "猫/子 猫.png"):
        (tmp_path / "run" / "saliency" / name).unlink()
    answer = train(*given)
    assert answer.code == 0 and list(answer.result["miou"]) == ["cam", "cam_masks", "scores", "pseudo"]
    after = contents(tmp_path / "run" / "saliency")
    assert {name: found for name, found in after.items() if name.endswith(".png")} == \
        {name: found for name, found in before.items() if name.endswith(".png")}
    masks = masks_of(tmp_path / "run" / "pseudo")
    maps = masks_of(tmp_path / "run" / "saliency")
    assert set(masks) == set(maps) == set(ODD_NAMES) and not (tmp_path / "run" / "seeds").exists()
    for name in ODD_NAMES:
        assert maps[name].shape == masks[name].shape and not np.isin(masks[name][maps[name] < 3], (1, 2, 3)).any()
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "made by this run, see refine.saliency: segments 60" in page
    photo = base / "data" / "images" / "9.jpg"
    assert call("predict", photo, "--run", tmp_path / "run", "--out", tmp_path / "out").code == 0


def test_merged_regions(base, tmp_path):
    """Superpixels merged by features are a stage of their own, of no more regions than asked for."""
    call_ = ["--config", base / "config.yaml", "--run", tmp_path / "run", "--until", "regions",
             "--set", "regions.max_regions=5", "--set", "regions.canvas=65", "--set", "superpixels.min_size=10"]
    answer = train(*call_)
    assert answer.code == 0 and answer.result["miou"] == {}
    fine, merged = ([len(np.unique(np.array(Image.open(path)).reshape(-1, 3), axis=0))
                     for path in sorted((tmp_path / "run" / stage).rglob("*.png"))]
                    for stage in ("superpixels", "regions"))
    assert len(merged) == len(fine) == 12 and max(merged) <= 5 < max(fine)


@pytest.mark.slow
def test_two_replicas(base, tmp_path):
    """Two logical devices in a fresh process share the batch that the config states."""
    answer = ended(start("--config", base / "config.yaml", "--run", tmp_path / "run", "--until", "icd",
                         "--set", "devices=2", "--set", "icd.epochs=2", "--set", "tensorboard.profile="))
    assert answer.code == 0, answer.err
    assert [line for line in answer.err.splitlines() if not LINE.fullmatch(line)] == []
    assert len(losses(tmp_path / "run", "icd")) == 2 and all(map(math.isfinite, losses(tmp_path / "run", "icd")))


def test_mixed_precision(base, tmp_path):
    """Half precision reaches the end, is part of the record, and does not outlast the run."""
    import keras

    answer = train("--config", base / "config.yaml", "--run", tmp_path / "run", "--set", "mixed_precision=true",
                   "--set", "icd.epochs=2", "--set", "tensorboard.profile=")
    assert answer.code == 0 and list(answer.result["miou"]) == SCORED
    assert all(map(math.isfinite, losses(tmp_path / "run", "icd")))
    assert json.loads((tmp_path / "run" / "icd" / "stage.json").read_text())["settings"]["mixed"] is True
    assert keras.mixed_precision.dtype_policy().name == "float32"


def test_voc_layout_with_two_lists(tmp_path):
    """Train on one list, make masks of another; superpixels are made of both."""
    write(tmp_path / "config.yaml", draw_tiny_voc(tmp_path / "VOC2012"), icd={"epochs": 1},
                 data={"kind": "voc", "split": "train", "pseudo_split": "val"})
    answer = train("--config", tmp_path / "config.yaml", "--run", tmp_path / "run")
    assert answer.code == 0 and list(answer.result["miou"]) == SCORED
    assert set(masks_of(tmp_path / "run" / "pseudo")) == {f"2026_{number:06d}" for number in range(8, 12)}
    assert len(masks_of(tmp_path / "run" / "regions")) == 12
    ids = set(np.unique(list(masks_of(tmp_path / "run" / "pseudo").values())))
    assert ids <= {0, 8, 12, 17, 255}                                        # cat, dog, sheep of that data set


def test_without_masks(tmp_path):
    """Tags are enough: nothing is scored, and that is no fault."""
    root = draw_tiny_folder(tmp_path / "data")
    shutil.rmtree(root / "masks")
    write(tmp_path / "config.yaml", root, icd={"epochs": 1})
    answer = train("--config", tmp_path / "config.yaml", "--run", tmp_path / "run")
    assert answer.code == 0 and answer.result["miou"] == {} and Path(answer.result["report"]).is_file()
    assert len(masks_of(tmp_path / "run" / "pseudo")) == 12
    assert (tmp_path / "run" / "metrics.json").read_text() == "{}"


@pytest.mark.slow
def test_the_same_seed_gives_the_same_masks(tmp_path):
    """Twice from nothing: the same pictures; another seed: others."""
    write(tmp_path / "config.yaml", draw_tiny_folder(tmp_path / "data"), icd={"epochs": 1}, tensorboard={"panels": 0})
    made = []
    for run, seed in (("a", 3), ("b", 3), ("c", 4)):
        answer = train("--config", tmp_path / "config.yaml", "--run", tmp_path / run, "--set", f"seed={seed}",
                       "--until", "cam_masks")
        assert answer.code == 0
        made.append((losses(tmp_path / run, "icd"), contents(tmp_path / run / "cam_masks")))
    assert made[0] == made[1] and made[0] != made[2]


def test_tensorboard(base):
    """Every loss term, the learning rates, images a second, the mean IoU, a panel an image, the config, a profile."""
    tags = {}
    for part in ("train", "panels"):
        events = EventAccumulator(str(base / "run 1" / "tensorboard" / "icd" / part), size_guidance={"tensors": 0})
        events.Reload()
        tags[part] = {tag: [event.step for event in events.Tensors(tag)] for tag in events.Tags()["tensors"]}
    for term in ("loss", "classification", "bottom_up", "top_down"):
        assert tags["train"][f"epoch_{term}"] == [0, 1, 2, 3] and tags["train"][f"batch_{term}"] == [10]
    for tag in ("learning_rate/base", "learning_rate/fc8", "learning_rate/conv_ft"):
        assert tags["train"][tag] == [10]
    assert tags["train"]["config"] == [0] and tags["train"]["epoch_images_per_second"] == [0, 1, 2, 3]
    assert {"panel/two words", "miou/CAM mask", "miou/ICD"} <= set(tags["panels"])
    assert tags["panels"]["panel/two words"] == [0, 1, 2, 3]
    profiles = list((base / "run 1" / "tensorboard").rglob("*.xplane.pb"))
    assert len(profiles) == 1 and profiles[0].stat().st_size > 1000
