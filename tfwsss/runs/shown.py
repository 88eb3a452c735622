"""Which images of a run are shown to people, and where a stage keeps what it is made of for them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfwsss.data.image_set import ImageSet

PICTURES = 12
"""Images shown of a split."""

PARTS = "parts"
"""Folder inside a stage's: one folder a part, with files of the images shown, of the stage's kind."""


def spread(names: Sequence[str], count: int) -> list[str]:
    """Picks names at equal distances, so that every part of the data is seen and a new run shows the same.

    Args:
        names: names in their order.
        count: how many to pick.

    Returns:
        At most `count` names in their order.

    Example:
    >>> spread(["a", "b", "c", "d", "e"], 3)
    ['a', 'c', 'e']
    """
    places = np.unique(np.linspace(0, len(names) - 1, min(count, len(names))).round().astype(int))
    return [names[place] for place in places] if names else []


def shown_names(images: ImageSet, names: Sequence[str]) -> list[str]:
    """Picks the images to show: of those with a true mask, where there are some.

    Args:
        images: of a split.
        names: those of which there is something to show, in their order.

    Returns:
        At most `PICTURES` names.
    """
    return spread([name for name in names if name in images.masks] or names, PICTURES)


def part_folders(stage: Path) -> dict[str, Path]:
    """Returns the folders of a stage's parts by title.

    Args:
        stage: folder of the stage.
    """
    return {folder.name: folder for folder in sorted((stage / PARTS).glob("*")) if folder.is_dir()}
