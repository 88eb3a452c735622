"""How often a network that was never trained on the images finds by itself what they are tagged with."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfwsss.runs import journal

LEAST_KNOWN = 0.5
"""Share of a class' images below which its words are doubtful."""

FEW = 3
"""A class of fewer images is not judged."""


def ranked(likely: np.ndarray, count: int) -> list[int]:
    """Returns the likeliest classes, as many as an image has tags.

    Args:
        likely: float `(class,)`, how likely each class is.
        count: of tags.

    Example:

    >>> ranked(np.array([0.1, 0.9, 0.5]), 2)
    [1, 2]
    """
    return [int(label) for label in np.argsort(-likely, kind="stable")[:count]]


def recognised(folder: Path, classes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Counts on how many images each tagged class is found.

    A class is found where it is among the likeliest classes, of which as many are taken as the image has tags.

    Args:
        folder: of a stage that keeps `journal.SHOWN`; of others nothing is found.
        classes: names, without background.

    Returns:
        Class to "images" that are tagged with it, and the "share" of them on which it is found.
    """
    records, found = journal.read(folder / journal.SHOWN).values(), {}
    for label, name in enumerate(classes):
        hits = [label in record["likely"] for record in records if label in record["tags"]]
        if hits:
            found[name] = {"images": len(hits), "share": sum(hits) / len(hits)}
    return found


def unknown(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Says which classes are not found on most of their images.

    Args:
        found: of `recognised`.

    Returns:
        A sentence, or nothing.

    Example:

    >>> unknown({"cat": {"images": 9, "share": 0.9}}), unknown({"cat": {"images": 4, "share": 0.25}})[0][:39]
    ([], 'CLIP does not find cat (25 % of 4) on m')
    """
    doubtful = [f"{name} ({100 * each['share']:.0f} % of {each['images']})" for name, each in found.items()
                if each["images"] >= FEW and each["share"] < LEAST_KNOWN]
    return [f"CLIP does not find {', '.join(doubtful)} on most images that are tagged with it: expect poor masks of "
            "such classes, or say in other words what they look like, by --set clip.words.CLASS=WORDS"] \
        if doubtful else []
