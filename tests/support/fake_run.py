"""A small run folder as the runner leaves it, for the tests of evaluation and reports."""

import json
import types
from pathlib import Path

import numpy as np
from PIL import Image

from tfwsss.artefacts.masks import write_mask
from tfwsss.artefacts.scores import Scores, write_scores
from tfwsss.data.image_set import ImageSet
from tfwsss.palette import voc_palette

CLASSES = ("background", "cat", "<script>alert('x')</script>", "жук")
SIZE = (24, 32)
STAGES = {"regions": "regions", "icd": "model", "cam": "scores", "scores": "scores", "pseudo": "masks"}
KINDS = {**STAGES, "relabel": "masks", "masks": "masks", "masks_2": "masks", "saliency": "saliency"}
CONFIG = {"method": "icd", "classes": list(CLASSES), "images": {"training": 5, "pseudo": 5},
          "versions": {"python": "3.11.7", "keras": "3.15.1"},
          "config": {"method": "icd", "data": {"kind": "folder", "root": "my photos", "saliency": None}, "seed": 0,
                     "icd": {"epochs": 3, "batch_size": 4}, "given": {}}}


def image_set(root: Path, count: int = 5, with_masks: bool = True) -> ImageSet:
    """Draws images of one or two rectangles on noise; the last image never has a mask."""
    rng, names = np.random.default_rng(0), tuple(f"image {place}" for place in range(count))
    images, masks, labels = {}, {}, {}
    for place, name in enumerate(names):
        mask = np.zeros(SIZE, np.uint8)
        shown = sorted({place % 3, (place + place // 3) % 3})
        for step, label in enumerate(shown):
            mask[4 + 8 * step:12 + 8 * step, 5:20] = label + 1
        mask[0, :3] = 255
        image = rng.integers(0, 90, (*SIZE, 3)).astype(np.uint8) + (mask[..., None] % 4 * 40).astype(np.uint8)
        images[name], labels[name] = root / "images" / f"{name}.png", tuple(shown)
        images[name].parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(images[name])
        if with_masks and place < count - 1:
            write_mask(root / "masks", name, mask, voc_palette())
            masks[name] = root / "masks" / f"{name}.png"
    return ImageSet(names, root, CLASSES, voc_palette(), images, labels, masks)


def write_pseudo(folder: Path, images: ImageSet) -> Path:
    """Writes masks that are the rectangles, one column too far left, with an ignored row; returns the folder."""
    for name in images.names:
        mask = np.zeros(SIZE, np.uint8)
        for step, label in enumerate(images.labels[name]):
            mask[4 + 8 * step:12 + 8 * step, 4:19] = label + 1
        mask[2] = 255
        write_mask(folder, name, mask, images.palette)
    return folder


def write_maps(folder: Path, images: ImageSet) -> None:
    """Writes score maps at stride 4: blurred versions of the rectangles."""
    for name in images.names:
        planes = np.full((len(images.labels[name]), SIZE[0] // 4, SIZE[1] // 4), -0.5, np.float32)
        for step in range(len(planes)):
            planes[step, 1 + 2 * step:3 + 2 * step, 1:5] = (2.0, 3.0, 4.0, 1.0)
        write_scores(folder, name, Scores(np.array(images.labels[name], np.int32), planes, SIZE))


def kept_maps(run: Path, images: ImageSet) -> dict[str, Path]:
    """Writes what the stages of class maps leave, the masks' threshold among it; returns their folders by name."""
    write_maps(run / "cam", images)
    (run / "cam_masks").mkdir()
    (run / "cam_masks" / "threshold.json").write_text('{"threshold": 0.25}')
    return {name: run / name for name in ("cam", "cam_masks")}


def write_stage(run: Path, name: str, minute: int, **further) -> None:
    """Writes the record that makes a stage a finished one; as older versions did, it does not name the split."""
    record = {"name": name, "kind": KINDS[name], "needs": {}, "settings": {"scales": [0.5, 1]}, "seconds": 61.5,
              "fingerprint": f"{minute:02d}" * 32, "finished": f"2026-11-20T20:{minute:02d}:00+00:00", "faults": {},
              **further}
    (run / name).mkdir(parents=True, exist_ok=True)
    (run / name / "stage.json").write_text(json.dumps(record), encoding="utf-8")


def scored(*arguments, **options) -> dict:
    """Returns what the runner notes of a stage."""
    from tfwsss.runs.scoring import evaluate

    return dict(evaluate(*arguments, **options))


def fake_run(root: Path, with_masks: bool = True) -> tuple[Path, ImageSet]:
    """Makes a finished run of five stages; its metrics come from the scorers, as the runner's do."""
    images, run = image_set(root / "data", with_masks=with_masks), root / "run 1"
    write_maps(run / "cam", images)
    write_maps(run / "scores", images)
    write_pseudo(run / "pseudo", images)
    # later stages come first in the alphabet: order must come from the dates
    for minute, name in enumerate(STAGES):
        write_stage(run, name, minute + 1)
    history = [{"loss": 2.0 / epoch, "classification_loss": 1.0 / epoch, "bottom_up_loss": 0.5 / epoch,
                "learning_rate": 1e-3} for epoch in (1, 2, 3)]
    (run / "icd" / "history.json").write_text(json.dumps(history), encoding="utf-8")
    (run / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    metrics = {} if not with_masks else {
        "cam": scored("scores", run / "cam", images, chosen=0.3), "scores": scored("scores", run / "scores", images),
        "pseudo": scored("masks", run / "pseudo", images)}
    (run / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    (run / "faults.json").write_text(json.dumps({"broken <b>": "no image & no cure"}), encoding="utf-8")
    return run, images


def add_ending(run: Path, images: ImageSet) -> ImageSet:
    """Adds an ending's masks, of the second round those without tags; returns the images that these were made of."""
    others = image_set(run.parent / "others", 3)
    write_pseudo(run / "relabel", images)
    write_stage(run, "relabel", 21, split="pseudo")
    metrics = json.loads((run / "metrics.json").read_text()) | {"relabel": scored("masks", run / "relabel", images)}
    for place, name in enumerate(("masks", "masks_2")):
        write_pseudo(run / name, others)
        for image in list(others.masks)[:place]:                         # the second round is better
            write_mask(run / name, image, others.read_mask(image), others.palette)
        write_stage(run, name, 22 + place, split="val")
        metrics[name] = scored("masks", run / name, others)
    (run / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    return others


def loads(monkeypatch, images: ImageSet, **others: ImageSet) -> None:
    """Lets `load_run` give these images, and other ones by their use."""
    found = {"pseudo": images, **others}
    monkeypatch.setattr("tfwsss.methods.opened.load_run", lambda run: types.SimpleNamespace(
        images=lambda split="pseudo": found[split]))
