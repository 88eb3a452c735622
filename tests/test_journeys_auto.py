"""`--config auto` from photographs to masks: one class with and without others, two images, large photographs."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.support.textures import draw_textures
from tests.support.tiny_run import draw_tiny_folder, train

TINY = [part for key, value in {
    "icd.backbone.name": "small", "icd.backbone.initial": "null", "icd.backbone.width": 0.25, "icd.head_width": 8,
    "icd.epochs": 2, "pseudo.iterations": 1, "tensorboard.enabled": "false", "workers": 1}.items()
    for part in ("--set", f"{key}={value}")]


def draw_one_class(root):
    draw_textures(root, 4, 48)


def draw_alone(root):
    draw_textures(root, 3, 48, without=0.0)


def draw_two(root):
    draw_tiny_folder(root)
    table = (root / "labels.csv").read_text("utf-8").splitlines()
    tagged = {row.split(",")[1]: row for row in table[1:]}
    (root / "labels.csv").write_text("\n".join([table[0], *list(tagged.values())[:2]]) + "\n", "utf-8")
    shown = {kind for tags in list(tagged)[:2] for kind in tags.split()}
    (root / "classes.txt").write_text("\n".join(["background", *sorted(shown)]) + "\n", "utf-8")
    used = {row.split(",")[0] for row in list(tagged.values())[:2]}
    for path in [*(root / "masks").rglob("*.png"), *(root / "images").rglob("*.jpg")]:
        if path.parent.name == "masks" or path.stem not in used:
            path.unlink()


def draw_large(root):
    draw_textures(root, 2, 160, columns=1210)


CASES = {"one_class": draw_one_class, "one_class_alone": draw_alone, "few_images": draw_two,
         "12_megapixels": draw_large}
STAGES = {"regions", "icd", "cam", "cam_masks", "scores", "seeds", "pseudo"}


@pytest.mark.parametrize("case", CASES)
def test_from_photographs_to_masks(case, tmp_path):
    CASES[case](tmp_path / "photos")
    command = ("--config", "auto", "--set", f"data.root={tmp_path / 'photos'}", "--run", tmp_path / "run", *TINY)
    answer = train(*command)
    assert answer.code == 0, answer.err
    record = json.loads((tmp_path / "run" / "config.json").read_text("utf-8"))
    chosen = {one["key"]: one["value"] for one in record["auto"]["choices"]}
    assert record["config"]["icd"]["crop"] == chosen["icd.crop"] and record["config"]["icd"]["epochs"] == 2
    assert "a loss that is negative and falls is right" in " ".join(answer.err.split())
    assert chosen["rounds"] == 0 and (chosen.get("data.saliency") == "make") == (case == "one_class_alone")
    stages = {path.parent.name for path in (tmp_path / "run").glob("*/stage.json")}
    assert stages == (STAGES if case != "one_class_alone" else STAGES - {"seeds"} | {"saliency"})
    pictures = {path.stem: Image.open(path).size for path in (tmp_path / "photos" / "images").iterdir()}
    masks = {path.stem: Image.open(path) for path in (tmp_path / "run" / "pseudo").glob("*.png")}
    assert masks and all(mask.size == pictures[name] for name, mask in masks.items())
    assert set().union(*(np.unique(np.array(mask)).tolist() for mask in masks.values())) <= {
        0, 255, *range(1, len(record["classes"]))}
    assert (case == "12_megapixels") == ("superpixels.min_size" in chosen)
    if case != "one_class":
        return                                              # resuming once is enough
    again = train(*command)
    assert again.code == 0 and again.err.count("finished before, kept") == len(stages), again.err
