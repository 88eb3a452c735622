"""Weak labels to measure A2GNN by, of photographs with masks; docs/results.md says which figures are by them.

    python benchmarks/mixed_labels.py PHOTOS --out FOLDER [--split train] [--seed 0]

PHOTOS holds boxes.json, points.json and scribbles.json beside the photographs; FOLDER gets

    boxes.json                              those of PHOTOS, and a box around each connected part of a person's mask
    mixed_{points,scribbles,boxes}.json     of each image labels of at most one kind: of 20 % of the images clicks, of
                                            10 % scribbles, of 10 % boxes, of 60 % none, that is tags alone

The kind of an image hangs on its name and the seed alone. They are given by data.points=FOLDER/mixed_points.json ...
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

from tfwsss.data.folder import read_folder
from tfwsss.data.image_set import ImageSet

SHARES = {"points": 0.2, "scribbles": 0.1, "boxes": 0.1}
LEAST = 0.001
"""Share of an image below which a part of a mask is no person."""


def person_boxes(images: ImageSet, name: str) -> list[dict]:
    """Returns a box around each part of a person's mask, as fractions of the size."""
    if "person" not in images.classes or images.classes.index("person") - 1 not in images.labels[name]:
        return []
    mask = images.read_mask(name)
    rows, columns = mask.shape
    parts = cv2.connectedComponentsWithStats(np.uint8(mask == images.classes.index("person")), connectivity=8)[2][1:]
    return [{"name": "person", "box": [left / columns, top / rows, (left + width) / columns, (top + height) / rows]}
            for left, top, width, height, area in parts.tolist() if area >= LEAST * mask.size]


def kind_of(name: str, seed: int) -> str | None:
    """Draws which kind of labels an image keeps; None: tags alone."""
    drawn = np.random.default_rng([seed, *name.encode()]).random()
    for kind, share in SHARES.items():
        if drawn < share:
            return kind
        drawn -= share
    return None


def main():
    """Writes the files and prints how many images each names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--split", default="train")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    images = read_folder(asked.photos, asked.split)
    labels = {kind: json.loads((asked.photos / f"{kind}.json").read_text(encoding="utf-8")) for kind in SHARES}
    labels["boxes"] = {name: found for name in images.names
                       if (found := labels["boxes"].get(name, []) + person_boxes(images, name))}
    kinds = {name: kind_of(name, asked.seed) for name in images.names}
    files = {"boxes": labels["boxes"], **{
        f"mixed_{kind}": {name: labels[kind][name] for name in images.names
                          if kinds[name] == kind and name in labels[kind]} for kind in SHARES}}
    asked.out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (asked.out / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
        print(f"{name}.json: {len(content)} of {len(images.names)} images")


if __name__ == "__main__":
    main()
