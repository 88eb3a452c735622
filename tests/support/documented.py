"""The commands that README and pages show, what stands in for what takes minutes, and a folder to type them in."""

import functools
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import yaml

from tests.support import tiny_run
from tests.support.docs import PAGES
from tests.support.sources import ROOT, relative
from tests.support.tiny_labels import label_tiny_folder, write_salient
from tests.support.tiny_voc import draw_tiny_voc

TEXTS = [ROOT / "README.md", ROOT / "export" / "README.md", *PAGES]
RUN = "runs/icd-folder"
"""The run that commands read: made by a documented command, see `MADE_BY`."""

MADE_BY = "python -m tfwsss.train --method icd --config configs/icd_animals.yaml --set data.root=photos"

ELSEWHERE = {
    r"make |pip install|apt-get ": "installs, or calls what is tested by itself",
    r"tensorboard ": "a server without end; tests/training/test_tensorboard.py reads what it shows",
    r"docker |openssl |nginx |printf |curl --cacert|python export/client.py .*HOST":
        "needs a container runtime or a web server; tests/server/test_proxy.py, where nginx is installed",
    r"curl |python -m tfwsss.serve |python export/client.py ":
        "a server at fixed ports; tests/server/test_server.py and tests/server/test_client.py at free ones",
    r"TFWSSS_SERVING_REST=": "asks such a server; tests/serving_conformance runs its own",
    r"export K|srun |mpirun |python -m tfwsss.train .* --run /shared/icd":
        "several processes; tests/hosts/test_run.py, in the environment of `make test-scale`",
    r"python -m tfwsss.label .* --runner flink": "needs a cluster; tests/scale/test_pipeline.py",
    r"python -m tfwsss.train .*data\.root=cells": "needs a table of scores; tests/data/tag_files/test_tables.py",
    r"python benchmarks/": "takes minutes; tests/test_benchmarks.py",
    r"python -m tfwsss.convert (res38_cls.pth|model.safetensors)":
        "needs published weights of hundreds of megabytes; tests/weights/test_convert.py makes small ones",
}
"""Beginnings of commands that no test of ours types as they stand, and the reason or what is tested instead."""

WORDS = {
    "dog,person": "dog,cat",                                    # the drawn pictures show no person
    "--out FOLDER": "--out as_coco",                            # FOLDER is that of the photographs elsewhere
}
"""What is put in the place of words."""

FURTHER = {
    r"--set tensorboard.profile=\[10,20\]": ("icd.epochs=6",),  # a step takes four of sixteen pictures
    r"--set cam.affinity=vit": ("cam.transformer.width=0.25",),
    r"--set segmenter.backbone.name=dinov2_small": ("segmenter.crop=56",),      # patches of 14 pixels
    r"configs/clip_es_": ("clip.backbone.initial=clip.weights.h5",),
}
"""Settings that a command gets beside those of `SMALL`."""

_PROGRAM = r"(?:python |tensorboard |docker |pip install |make [a-z])"
_BLOCK = re.compile(r"^```(.*)\n((?:.*\n)*?)```", re.MULTILINE)
_INLINE = re.compile(rf"(?<!`)`({_PROGRAM}[^`]*)`(?!`)")


def commands(text: str) -> Iterator[str]:
    """Yields the lines of blocks without a language, and what stands between backticks and begins as a command."""
    for language, block in _BLOCK.findall(text):
        for line in re.sub(r"\\\n\s*", "", "" if language else block).splitlines():
            if line := re.sub(r"\s+", " ", re.sub(r"(^|\s)#.*", "", line)).strip():
                yield line
    yield from (re.sub(r"\s+", " ", line).strip() for line in _INLINE.findall(_BLOCK.sub("", text)))


@functools.cache
def documented() -> dict[str, str]:
    """Returns each command once, and the first text that shows it."""
    found: dict[str, str] = {}
    for path in TEXTS:
        for line in commands(path.read_text("utf-8")):
            found.setdefault(line, relative(path))
    return found


def reason(line: str) -> str | None:
    """Returns the beginning by which a command is left to others, or None: it is typed here."""
    return next((start for start in ELSEWHERE if re.match(start, line)), None)


def trains(line: str) -> bool:
    """Says whether a command trains."""
    return line.startswith("python -m tfwsss.train ") and not re.search(r" --(settings|dry-run)", line)


def substituted(line: str) -> str:
    """Returns a command with other words."""
    return functools.reduce(lambda text, old: text.replace(old, WORDS[old]), WORDS, line)


def method_of(line: str) -> str:
    """Returns the method that a command trains."""
    named = re.search(r"--method (\w+)", line)
    config = re.search(r"--config (\S+\.yaml)", line)
    return named[1] if named else yaml.safe_load((ROOT / config[1]).read_text("utf-8"))["method"] if config else "icd"


def smaller(line: str) -> list[str]:
    """Returns the options that make a training small; what the command says itself comes after them and wins."""
    method = method_of(line)
    segmenter = {} if method == "cian" else {"segmenter": tiny_run.SEGMENTER}       # CIAN's own takes other settings
    sections = {**tiny_run.TINY[method], **segmenter, "rounds": 1}
    sections = {key: {**value, "epochs": 1} if isinstance(value, dict) and "epochs" in value else value
                for key, value in sections.items()}
    further = [setting for pattern, settings in FURTHER.items() if re.search(pattern, line) for setting in settings]
    texts = [f"{key}={json.dumps(value)}" for key, value in sections.items()] + further
    return [word for text in texts for word in ("--set", text)]


def write_world(root: Path) -> Path:
    """Draws what commands name: photographs, tags and labels, masks, weights, VOC's folders, configs/."""
    photos = tiny_run.draw_tiny_folder(root / "photos")
    names = (photos / "labels.csv").read_text("utf-8").split()[1:]
    names = [name.partition(",")[0] for name in names if "," in name]
    label_tiny_folder(photos, names)
    shutil.copyfile(photos / "splits" / "train.txt", photos / "splits" / "train_mini.txt")
    (photos / "try.txt").write_text("".join(f"images/{name}\n" for name in names[:2]), "utf-8")
    _coco(root, photos)
    for folder, of in (("new_photos", "images"), ("my_masks", "masks")):
        shutil.copytree(photos / of, root / folder)
    shutil.copyfile(next((photos / "images").iterdir()), root / "photo.jpg")
    rows = (photos / "labels.csv").read_text("utf-8").splitlines()
    (root / "labels.csv").write_text("\n".join([rows[0], *(f"images/{row}" for row in rows[1:])]), "utf-8")
    (root / "FOLDER").symlink_to(photos)
    (root / "RUN").symlink_to(root / RUN)
    (root / "configs").symlink_to(ROOT / "configs")
    for name, recorded in (("FILE", "torch_zip.pth"), ("vgg16_20M.caffemodel", "caffe_v1.caffemodel")):
        shutil.copyfile(ROOT / "tests" / "recorded" / recorded, root / name)
    voc = draw_tiny_voc(root / "VOCdevkit" / "VOC2012")
    lists = voc / "ImageSets" / "Segmentation"
    shutil.copyfile(lists / "train.txt", lists / "train_aug.txt")
    write_salient(voc / "SegmentationClass", root / "saliency")
    return root


def _coco(root: Path, photos: Path) -> None:
    """Writes the true masks as COCO's JSON: as the tags of annotations/mine.json, and as corrections."""
    import numpy as np
    from PIL import Image

    from tfwsss.annotations.coco import coco_head, coco_image, coco_objects

    classes, document = ("background", *tiny_run.CLASSES), {"images": [], "annotations": []}
    for number, path in enumerate(sorted((photos / "masks").glob("*.png")), 1):
        mask = np.array(Image.open(path))
        document["images"].append(coco_image(number, f"{path.stem}.jpg", mask.shape))
        document["annotations"] += coco_objects(mask, number, len(document["annotations"]) + 1)
    for path in (photos / "annotations" / "mine.json", root / "export.json"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(coco_head(classes) | document), "utf-8")


def write_weights(root: Path) -> None:
    """Writes the weights that commands name, of networks of the widths that `smaller` sets."""
    from tests.support.clip import listed_merges
    from tfwsss.backbones.build import build_backbone
    from tfwsss.backbones.vit import FORMS
    from tfwsss.models.clip import TextForm, clip

    build_backbone("dinov2_small", width=0.25).save_weights(root / "dinov2_small.weights.h5")
    whole = clip(FORMS["clip_b16"].narrowed(1 / 64), TextForm().narrowed(1 / 64), 8)
    whole.save_weights(root / "clip.weights.h5")
    (root / "merges.txt").write_text("\n".join(["#version: 0.2", *listed_merges()]), "utf-8")
