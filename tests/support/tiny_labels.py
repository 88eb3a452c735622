"""Boxes, clicks, scribbles and full masks of the pictures of `tiny_run.draw_tiny_folder`, of their true masks."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tests.support.tiny_voc import CLASSES, SIDE

FILES = {"boxes": "boxes.json", "points": "points.json", "scribbles": "scribbles.json", "full_masks": "full masks"}
"""What `data` of a config names."""


def label_tiny_folder(root: Path, names: Sequence[str]) -> dict[str, str]:
    """Writes labels of a folder's images; returns which supervises each: two of a kind, one mask, tags the others.

    The image of the first box has clicks too, that of the second scribble a box.
    """
    kinds = dict(zip(names, ("point", "point", "box", "box", "scribble", "scribble", "mask"), strict=False))
    found: dict[str, dict[str, list]] = {"boxes": {}, "points": {}, "scribbles": {}}
    both = {names[2]: "points", names[5]: "boxes"}
    for name, kind in kinds.items():
        mask = np.array(Image.open(root / "masks" / f"{name}.png"))
        wanted = {"point": "points", "box": "boxes", "scribble": "scribbles"}.get(kind)
        for field in {wanted, both.get(name)} - {None}:
            found[field][name] = [_label(field, mask, number) for number in np.unique(mask) if 0 < number < 255]
            if field != "boxes":
                found[field][name].append(_label(field, mask, 0))
        if kind == "mask":
            target = root / FILES["full_masks"] / f"{name}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / "masks" / f"{name}.png", target)
    for field, labels in found.items():
        (root / FILES[field]).write_text(json.dumps(labels, ensure_ascii=False), "utf-8")
    return {name: kinds.get(name, "image") for name in names}


def write_salient(masks: Path, folder: Path) -> Path:
    """Writes the objects of a folder's masks as saliency maps of the same names; returns their folder."""
    for path in masks.rglob("*.png"):
        target = folder / path.relative_to(masks)
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.where(np.array(Image.open(path)) > 0, 255, 0).astype(np.uint8)).save(target)
    return folder


def _label(field: str, mask: np.ndarray, number: int) -> dict:
    """Returns a label of one class: its box, its deepest row's middle, or a line along that."""
    y, x = np.nonzero(mask == number)
    row = int(np.bincount(y).argmax())
    across = np.sort(x[y == row])
    name = ("background", *CLASSES)[number]
    if field == "boxes":
        return {"name": name, "box": [x.min() / SIDE, y.min() / SIDE, (x.max() + 1) / SIDE, (y.max() + 1) / SIDE]}
    middle = across[len(across) // 4:3 * len(across) // 4 + 1] if number else across[:4]
    if field == "points":
        return {"name": name, "x": (middle[len(middle) // 2] + 0.5) / SIDE, "y": (row + 0.5) / SIDE}
    return {"name": name, "points": [[(end + 0.5) / SIDE, (row + 0.5) / SIDE] for end in (middle[0], middle[-1])]}
