"""ICD's seeds of one image from the two scores artefacts of its run."""

import numpy as np

from tests.support.oracles.seeds import decide_icd, icd_seeds
from tests.support.oracles.upsample import upsample


def seeds_of_scores(scores, cam, saliency: np.ndarray | None = None, *, corners_aligned: bool = False) -> np.ndarray:
    """Makes ICD's seed mask from stored scores and class maps.

    The published program resizes the network's grid, whose corners lie on the
    canvas' corners, by OpenCV's half-pixel rule; at stride 8 that moves borders by
    up to 4 pixels, at stride 16 by up to 8.

    Args:
        scores: `artefacts.scores.Scores`, raw logits of the intra-class discriminator.
        cam: `artefacts.scores.Scores` of the same classes, raw class maps.
        saliency: uint8 `(row, column)`, or none.
        corners_aligned: resize corners on corners instead of as published.

    Returns:
        uint8 mask `(row, column)`: 0 background, label + 1 object, 255 ignore.

    Example:

    >>> from tfwsss.artefacts.scores import Scores
    >>> one = Scores(np.array([2]), np.array([[[1.0, -1.0]]]), (1, 2), (1, 2))
    >>> seeds_of_scores(one, one).tolist()
    [[3, 0]]

    Reference: Fan et al., CVPR 2020.
    """
    size, covers = scores.size, scores.covers or scores.size
    if not corners_aligned:
        return icd_seeds(scores.scores, cam.scores, scores.classes, size, covers, saliency)
    maps = (upsample(each.scores, size, each.covers) for each in (scores, cam))
    return decide_icd(*maps, scores.classes, saliency)
