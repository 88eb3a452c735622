"""Counts what the images of a set are supervised by, and how many labels of each kind their classes have."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from tfwsss.data.image_set import ImageSet
from tfwsss.data.weak_labels import FIELDS, SUPERVISION

WORDS = {"mask": "full masks", "scribble": "scribbles", "box": "boxes", "point": "points", "image": "tags only"}
"""What an image is supervised by at most, in words."""


def count_labels(images: ImageSet) -> dict[str, Any]:
    """Counts the labels of a data set.

    Args:
        images: the set.

    Returns:
        "supervision": images by the strongest label that each has, see `ImageSet.supervision`; "classes": class name
        -> "images" (whose tags name the class), "boxes", "points" and "scribbles" of the class, those of drawn files
        not counted; "none": images without any class. What does not occur is left out.
    """
    without = sum(not images.labels[name] for name in images.names)
    strongest = Counter(images.supervision(name) for name in images.names)
    classes: dict[int, Counter[str]] = {class_id: Counter() for class_id in range(len(images.classes))}
    for name in images.names:
        for label in images.labels[name]:
            classes[label + 1]["images"] += 1
        for kind in FIELDS:
            for label in getattr(images, kind).get(name, ()):
                classes[label.class_id][kind] += 1
    return {"supervision": {kind: strongest[kind] for kind in SUPERVISION if strongest[kind]},
            "classes": {images.classes[class_id]: {key: counts[key] for key in ("images", *FIELDS) if counts[key]}
                        for class_id, counts in classes.items() if counts},
            **({"none": without} if without else {})}


def in_words(counts: dict[str, Any]) -> str:
    """Returns counts for people: a line of what images are supervised by, and a table of classes.

    Args:
        counts: what `count_labels` returns.

    Example:
    >>> print(in_words({"supervision": {"box": 2, "image": 1}, "classes": {"polar bear": {"images": 3, "boxes": 14}}}))
    2 images by boxes, 1 by tags only
      class       images  boxes
      polar bear       3     14
    """
    first, *others = [f"{count}{{}} by {WORDS[kind]}" for kind, count in counts["supervision"].items()] or ["none"]
    kinds = [key for key in ("images", *FIELDS) if any(key in of for of in counts["classes"].values())]
    rows = [["class", *kinds], *([name, *(str(of.get(key, 0)) for key in kinds)]
                                 for name, of in counts["classes"].items())]
    widths = [max(len(row[place]) for row in rows) for place in range(len(kinds) + 1)]
    table = ["  " + "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in
                                                          zip(row[1:], widths[1:], strict=True))]) for row in rows]
    without = [f"{counts['none']} show no class"] if "none" in counts else []
    return "\n".join([", ".join([first.format(" images"), *(other.format("") for other in others), *without]),
                      *(table if kinds else [])])


def in_tables(splits: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Returns counts for a table: images by words, and by class the labels of each kind.

    Args:
        splits: use of images -> what `count_labels` returns.

    Returns:
        Use of images -> "supervision", words -> images; "kinds", the columns; "classes", name -> kind -> count;
        "none", images without any class. Of uses with equal counts the first only.
    """
    found: dict[str, dict[str, Any]] = {}
    for split, counts in splits.items():
        table = {"supervision": {WORDS[kind]: count for kind, count in counts["supervision"].items()},
                 "kinds": [key for key in ("images", *FIELDS) if any(key in of for of in counts["classes"].values())],
                 "classes": counts["classes"], "none": counts.get("none", 0)}
        found |= {} if table in found.values() else {split: table}
    return found
