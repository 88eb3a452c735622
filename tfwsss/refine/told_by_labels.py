"""What weak labels tell of the classes' probabilities: seeds their own pixels, boxes where a class can be."""

from collections.abc import Sequence

import numpy as np

from tfwsss.palette import IGNORE
from tfwsss.refine.box_seeds import Corners, clipped


def mixed_with_seeds(probabilities: np.ndarray, ids: np.ndarray, seeds: np.ndarray, weight: float) -> np.ndarray:
    """Moves the probabilities of known pixels towards their seeds.

        (1 - weight) p[c] + weight [seed = c]    where a seed is known, else p[c]

    Args:
        probabilities: float `(row, column, plane)`, of sum 1.
        ids: `(plane,)`, ascending mask id of each plane; those of all seeds are among them.
        seeds: uint8 `(row, column)`, mask ids, 255 unknown.
        weight: of a seed, 0 to 1.

    Returns:
        float32, same shape, of sum 1.

    Example:

    >>> ids, seeds = np.array([0, 7]), np.array([[7, 255]], np.uint8)
    >>> mixed_with_seeds(np.array([[[0.5, 0.5], [0.5, 0.5]]]), ids, seeds, 0.5).tolist()
    [[[0.25, 0.75], [0.5, 0.5]]]
    """
    known = seeds != IGNORE
    told = seeds[..., None] == ids
    return np.where(known[..., None], (1 - weight) * probabilities + weight * told, probabilities).astype(np.float32)


def inside_boxes(probabilities: np.ndarray, ids: np.ndarray, boxes: Sequence[Corners]) -> np.ndarray:
    """Leaves to a class that has boxes what lies inside of them; other classes share what it loses.

    A box bounds its object, and whoever draws boxes of a class draws them around all of its objects.

    Args:
        probabilities: float `(row, column, plane)`, of sum 1.
        ids: `(plane,)`, mask id of each plane, 0 (background) first. Classes without a box may be everywhere.
        boxes: of the image.

    Returns:
        float32, same shape, of sum 1; where nothing is left, all is background.

    Example:

    >>> shares = np.array([[[0.25, 0.25, 0.5], [0.0, 0.0, 1.0]]])
    >>> inside_boxes(shares, np.array([0, 3, 7]), [(7, 5, 5, 6, 6)]).tolist()
    [[[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]]
    >>> inside_boxes(shares, np.array([0, 3, 7]), [(7, 0, 0, 1, 1)]).tolist()
    [[[0.25, 0.25, 0.5], [1.0, 0.0, 0.0]]]
    """
    left = np.array(probabilities, np.float32)
    for plane, mask_id in enumerate(ids):
        own = [clipped(box, left.shape) for box in boxes if box[0] == mask_id]
        outside = np.full(left.shape[:2], bool(own))
        for place in own:
            outside[place] = False
        left[outside, plane] = 0.0
    total = left.sum(axis=-1, keepdims=True)
    left[..., :1] = np.where(total > 0, left[..., :1], 1.0)
    return left / np.where(total > 0, total, 1.0)
