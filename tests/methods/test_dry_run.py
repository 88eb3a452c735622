"""`--dry-run`: the stages, their sizes, times of earlier runs; nothing is left behind."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from tests.support.tiny_run import draw_tiny_folder, refused, train, write_config
from tests.support.tiny_voc import CLASSES
from tfwsss.annotations.label_studio import label_studio_task
from tfwsss.methods.dry_run import in_words


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    base = tmp_path_factory.mktemp("dry")
    draw_tiny_folder(base / "photos")
    write_config(base / "config.yaml", base / "photos", data={"split": "train", "val_split": "val"}, rounds=1,
                 segmenter={"backbone": {"name": "small", "initial": None}, "epochs": 5, "batch_size": 4})
    return base


def rows(text: str) -> dict[str, list[str]]:
    """Returns the cells of the table by stage."""
    return {line.split()[0]: line.split() for line in text.splitlines() if line.strip() and not line.startswith(" ")}


def test_stages_with_images_sizes_and_steps(base):
    before = {path: path.stat().st_mtime_ns for path in base.rglob("*")}
    answer = train("--config", base / "config.yaml", "--run", base / "run", "--dry-run")
    assert answer.code == 0 and {path: path.stat().st_mtime_ns for path in base.rglob("*")} == before
    found = rows(answer.out)
    assert list(found)[:-2] == ["stage", "regions", "icd", "cam", "cam_masks", "scores", "seeds", "pseudo", "segmenter",
                                "relabel", "masks"]
    assert found["icd"][:5] == ["icd", "model", "8", "49", "4"]                  # 8 images, batches of 4, 2 epochs
    assert found["segmenter"][:5] == ["segmenter", "model", "8", "321", "10"]
    assert found["cam"][:4] == ["cam", "scores", "8", "65"]
    assert found["masks"][:6] == ["masks", "masks", "4", "as", "it", "is"]       # no photograph is larger than a window
    assert found["pseudo"][2:6] == ["8", "as", "it", "is"]
    assert found["to"][:3] == ["to", "do", "14"] and "no earlier run" in answer.out
    assert answer.out.endswith("nothing was started, and nothing written.\n")
    assert "labels to train on: 8 images by tags only" in " ".join(answer.err.split())
    pieces = rows(train("--config", base / "config.yaml", "--run", base / "run", "--dry-run", "--set",
                        "masks.window=33").out)
    assert pieces["masks"][:4] == ["masks", "masks", "4", "33"] and pieces["relabel"][3:6] == ["as", "it", "is"]


def test_times_are_those_of_an_earlier_run_in_proportion(base, tmp_path):
    plan = ("--config", base / "config.yaml", "--run", tmp_path / "new", "--until", "seeds", "--dry-run")
    from tfwsss.data.sources import open_splits
    from tfwsss.methods import get
    from tfwsss.methods.run import read_settings

    settings = read_settings(None, base / "config.yaml", ())
    listed = {stage.name: stage for stage in get("icd").stages(settings, open_splits(settings.data, tmp_path))}
    for name, seconds in (("icd", 1000.0), ("cam", 30.0)):
        folder = tmp_path / "old" / name
        folder.mkdir(parents=True)
        record = {"kind": listed[name].kind, "split": "pseudo", "seconds": seconds,
                  "settings": {**listed[name].settings, "seed": 5, "mixed": False, "images": "others"}}
        (folder / "stage.json").write_text(json.dumps(record))
    (tmp_path / "old" / "config.json").write_text(json.dumps({"images": {"training": 16, "pseudo": 4}}))
    found = rows(train(*plan).out)
    assert found["icd"][-2:] == ["8", "min"] and found["cam"][-2:] == ["1", "min"]        # 1000 / 2, 30 * 2 seconds
    assert found["scores"][-1] == "?" and found["to"][-4:] == ["9", "min", "and", "more"]
    assert "masks" not in found or found["masks"][-1] == "finished"                         # not asked for
    other = rows(train(*plan, "--set", "icd.crop=33").out)
    assert other["icd"][-1] == "?"


def test_what_is_made_by_other_settings_is_told(base, tmp_path):
    """As the run itself would say, of what was killed too; with the same settings nothing is said."""
    command = ("--config", base / "config.yaml", "--run", tmp_path / "run", "--until", "regions")
    assert train(*command).code == 0
    told = r"was made with superpixels.scale = 75.0, now 50.0; add --redo regions"
    other = ("--set", "superpixels.scale=50")
    answers = [train(*command, *more, "--dry-run") for more in ((), other, ("--set", "seed=3"), ("--until", "cam"))]
    assert [answer.code for answer in answers] == [0] * 4
    found = [" ".join(answer.err.split()) for answer in answers]
    assert re.search(told, found[1]) and "superpixels.seed = 0, now 3" in found[2]
    assert "was made" not in found[0] + found[3]
    assert re.search(told, " ".join(train(*command, *other).err.split()))
    record = tmp_path / "run" / "regions" / "stage.json"
    begun = {key: value for key, value in json.loads(record.read_text()).items() if key != "finished"}
    record.rename(record.with_name("started.json")).write_text(json.dumps(begun))
    assert re.search(told, " ".join(train(*command, *other, "--dry-run").err.split()))
    assert "was made" not in train(*command, "--dry-run").err


def test_of_the_built_in_set_nothing_is_drawn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = train("--config", "auto", "--dry-run")
    assert answer.code == 0 and not list(tmp_path.iterdir())
    assert answer.out.startswith("auto: 320 images of 120 pixels (longest 128), 4 classes")
    assert rows(answer.out)["icd"][:5] == ["icd", "model", "320", "97", "280"]


def test_what_is_drawn_and_corrected_is_read_and_nothing_of_it_kept(base, tmp_path):
    """Masks that a tool drew are painted aside; tags that were corrected count."""
    root = draw_tiny_folder(tmp_path / "photos")
    names = [path.stem for path in (root / "images").iterdir()]
    tasks = []
    for place, name in enumerate(names):
        columns, rows_ = Image.open(root / "images" / f"{name}.jpg").size
        mask = np.zeros((rows_, columns), np.uint8)
        mask[5:20] = 1 + place % 3
        made = label_studio_task(mask, ("background", *CLASSES), f"/data/upload/1/0a1b2c3d-{name}.jpg")
        tasks.append({"data": made["data"], "annotations": made["predictions"]})
    (tmp_path / "tasks.json").write_text(json.dumps(tasks), "utf-8")
    (tmp_path / "tags.csv").write_text("name,classes\n" + "".join(f"{name},cat\n" for name in names), "utf-8")
    before = {*tmp_path.rglob("*")}
    command = ("--method", "retrain", "--set", "data.kind=folder", "--set", f"data.root={root}", "--set",
               "segmenter.backbone.initial=null", "--run", tmp_path / "runs" / "new", "--dry-run")
    drawn = train(*command, "--set", f"data.tags={tmp_path / 'tasks.json'}")
    assert drawn.code == 0 and "12 images by full masks" in " ".join(drawn.err.split())
    tags = train(*command, "--set", f"given.corrections={tmp_path / 'tags.csv'}")
    assert tags.code == 0 and "cat 12" in " ".join(tags.err.split()) and {*tmp_path.rglob("*")} == before
    refused(train(*command, "--set", "given.corrections=none.zip"), "there is no none.zip")


def test_what_would_stop_the_run_is_told(base):
    refused(train("--config", base / "config.yaml", "--dry-run", "--until", "seed"), "did you mean 'seeds'?")
    answer = train("--config", base / "config.yaml", "--dry-run", "--set", "icd.backbone.initial=none.h5")
    assert answer.code == 0 and "none.h5:nosuchfile" in "".join(answer.err.split())


def test_times_in_words():
    assert [in_words(seconds) for seconds in (0.2, 59.4, 60, 3599, 3600)] == ["0 s", "59 s", "1 min", "1 h 0 min",
                                                                              "1 h 0 min"]
