"""Seeds of an image whose objects have boxes: GrabCut inside each box, and what class maps confirm of it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfwsss.palette import IGNORE
from tfwsss.refine.grabcut import grabcut_box

NOBODY = -1
"""Owner of pixels that belong to no object."""

Corners = tuple[int, int, int, int, int]
"""A box: mask id, first column, first row, column and row behind the last."""


class Objects(NamedTuple):
    """The objects of an image, one for each box.

    Args:
        owner: int32 `(row, column)`, number of the object that a pixel shows, `NOBODY` where none.
        ids: mask id of each.
        places: rows and columns of each box, within the image.
    """

    owner: np.ndarray
    ids: tuple[int, ...]
    places: tuple[tuple[slice, slice], ...]


def clipped(box: Corners, size: Sequence[int]) -> tuple[slice, slice]:
    """Returns the part of a box that lies in the image.

    As in the published program, the last row and column that an annotation names lie outside, and its numbers, which
    count from 1, are taken as if they counted from 0.

    Args:
        box: mask id and corners, such as a `data.weak_labels.Box`.
        size: rows and columns of the image.

    Returns:
        Slices of rows and of columns; empty where no pixel is left.

    Example:

    >>> clipped((1, -2, 3, 5, 12), (10, 20))
    (slice(3, 10, None), slice(0, 5, None))
    """
    _, x0, y0, x1, y1 = box
    (top, bottom), (left, right) = ((min(max(first, 0), length), min(max(last, 0), length))
                                    for first, last, length in ((y0, y1, size[0]), (x0, x1, size[1])))
    return slice(top, max(top, bottom)), slice(left, max(left, right))


def box_objects(image: np.ndarray, boxes: Sequence[Corners], rounds: int = 3, least: float = 0.15) -> Objects:
    """Finds the object of each box by GrabCut; a smaller object lies on top of a larger one.

    Boxes do not depend on each other. Cost: GrabCut of the whole image for each, about a second for 500 x 375 pixels.

    Args:
        image: uint8 array `(row, column, 3)`, red, green, blue.
        boxes: of the image, in their order.
        rounds: of GrabCut.
        least: share of a box below which the whole box is the object.

    Returns:
        `Objects`.

    Example:

    >>> image = np.full((20, 30, 3), 40, np.uint8)
    >>> image[5:15, 10:20] = 200
    >>> objects = box_objects(image, [(3, 8, 3, 22, 17)])
    >>> bool(((objects.owner == 0) == (image[..., 0] == 200)).all())
    True

    Reference: Khoreva et al., Simple Does It, CVPR 2017; Zhang et al., A2GNN, TPAMI 2021.
    """
    places = tuple(clipped(box, image.shape[:2]) for box in boxes)
    masks = [grabcut_box(image, *place, rounds, least) for place in places]
    return Objects(topmost(masks, image.shape[:2]), tuple(box[0] for box in boxes), places)


def topmost(masks: Sequence[np.ndarray], size: Sequence[int]) -> np.ndarray:
    """Says which object each pixel shows: the smallest of those that cover it, of equally large ones the last.

    Args:
        masks: bool `(row, column)` of each object.
        size: rows and columns.

    Returns:
        int32 `(row, column)`, numbers of the objects, `NOBODY` where none is.

    Example:

    >>> topmost([np.array([[True, False, False]]), np.array([[True, True, False]])], (1, 3)).tolist()
    [[0, 1, -1]]
    """
    owner = np.full(tuple(size), NOBODY, np.int32)
    for number in sorted(range(len(masks)), key=lambda number: -int(masks[number].sum())):     # equals keep their order
        owner[masks[number]] = number
    return owner


def object_seeds(objects: Objects, background: bool = True) -> np.ndarray:
    """Takes objects in boxes as they are.

    Args:
        objects: of the image.
        background: whether pixels of no object are background, inside of boxes too; else they are unknown.

    Returns:
        uint8 `(row, column)`, mask ids, 255 unknown.

    Example:

    >>> objects = Objects(np.array([[-1, -1, 0, 0, 0, -1]]), (12,), ((slice(0, 1), slice(1, 5)),))
    >>> object_seeds(objects).tolist(), object_seeds(objects, background=False).tolist()
    ([[0, 0, 12, 12, 12, 0]], [[255, 255, 12, 12, 12, 255]])
    """
    return np.array([*objects.ids, 0 if background else IGNORE], np.uint8)[objects.owner]      # NOBODY is the last


def box_seeds(objects: Objects, confident: np.ndarray, box_fallback: bool = True,
              box_background: bool = True) -> np.ndarray:
    """Keeps of the objects in boxes what class maps confirm; outside of all boxes is background.

        p outside every box                                                  -> 0
        p of an object of class c, and confident(p) = c                      -> c
        p of an object of class c in whose box confident is nowhere c        -> c
        else                                                                 -> 255

    The published text does not say the rule; this one is a reconstruction.

    Args:
        objects: of the image.
        confident: uint8 `(row, column)`, `confident_seeds` of the boxes' classes, 255 unknown.
        box_fallback: whether objects that class maps nowhere confirm are taken whole, so that none lacks seeds.
        box_background: whether pixels outside of all boxes are background; else they are unknown.

    Returns:
        uint8 `(row, column)`, mask ids, 255 unknown.

    Example:

    >>> owner = np.array([[-1, -1, 0, 0, 0, -1]])
    >>> objects = Objects(owner, (12,), ((slice(0, 1), slice(1, 5)),))
    >>> box_seeds(objects, np.array([[12, 255, 12, 0, 255, 255]])).tolist()
    [[0, 255, 12, 255, 255, 0]]

    Reference: Zhang et al., A2GNN, TPAMI 2021.
    """
    seeds = np.full(confident.shape, 0 if box_background else IGNORE, np.uint8)
    for place in objects.places:
        seeds[place] = IGNORE
    for number, (object_id, place) in enumerate(zip(objects.ids, objects.places, strict=True)):
        alone = box_fallback and not (confident[place] == object_id).any()
        taken = objects.owner == number if alone else (objects.owner == number) & (confident == object_id)
        seeds[taken] = object_id
    return seeds
