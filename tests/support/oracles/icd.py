"""ICD's seeds of one image from the two kept maps of its run."""

import numpy as np

from tests.support.oracles.seeds import decide_icd, resize_maps
from tests.support.oracles.upsample import upsample


def seeds_of_scores(scores, cam, saliency: np.ndarray | None = None, *, corners_aligned: bool = False) -> np.ndarray:
    """Makes ICD's seed mask from kept scores and class maps.

    Args:
        scores: `artefacts.scores.Scores`, raw logits of the intra-class discriminator.
        cam: `artefacts.scores.Scores` of the same classes, raw class maps.
        saliency: uint8 `(row, column)`, or none.
        corners_aligned: resize corners on corners instead of as published.

    Returns:
        uint8 mask `(row, column)`: 0 background, label + 1 object, 255 undecided.
    """
    (rows, columns), covers = scores.size, scores.covers or scores.size
    maps = [upsample(each.scores, scores.size, covers) if corners_aligned
            else resize_maps(each.scores, covers)[:, :rows, :columns] for each in (scores, cam)]
    return decide_icd(*maps, scores.classes, saliency)
