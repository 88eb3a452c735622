"""Masks by a rule on maps that earlier stages have kept, one image at a time."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from tfwsss.artefacts.scores import read_scores
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.inference.kept import KeptRule


def kept_masks(decide: KeptRule, images: ImageSet, salient: bool, folders: Mapping[str, Path],
               names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
    """Makes masks of kept maps.

    Args:
        decide: the rule.
        images: the data set.
        salient: whether the rule looks at their saliency maps.
        folders: the stages' folders by the keys under which the rule reads their maps.
        names: what to make.

    Yields:
        Name and mask uint8 `(row, column)`, or a fault.
    """
    for name in names:
        try:
            kept = {key: read_scores(folder, name) for key, folder in folders.items()}
            size = tuple(next(iter(kept.values())).size)
            yield name, decide(kept, saliency=saliency_of(images, name, size) if salient else None)
        except ImageFault as fault:
            yield name, fault


def saliency_of(images: ImageSet, name: str, size: tuple[int, int]) -> np.ndarray:
    """Reads an image's saliency map, which must be of the image's size.

    Args:
        images: the data set.
        name: of the image.
        size: rows and columns of the image.

    Returns:
        uint8 `(row, column)`, 255 = salient.

    Raises:
        ImageFault: there is no map, or it is broken, or of another size.
    """
    saliency = images.read_saliency(name)
    if saliency.shape != size:
        raise ImageFault(f"{images.saliency[name]}: a saliency map of {saliency.shape}; expected a grey 8-bit "
                         f"image of {size}, as its photograph")
    return saliency
