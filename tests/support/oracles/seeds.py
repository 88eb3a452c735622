"""Scores of one image → seed mask: ICD's rule and the plain threshold of class activation maps."""

from collections.abc import Sequence

import cv2
import numpy as np

from tfwsss.errors import ImageFault, UserError
from tfwsss.palette import IGNORE

SCORE_FLOOR = np.float32(1e-5)  # ICD's: a maximum below it does not normalise, a score below it is no score
SALIENT_BYTE = 3  # byte / 255 >= 0.01
SALIENT_SHARE = 0.01


def icd_seeds(
    icd: np.ndarray,
    cam: np.ndarray,
    classes: Sequence[int],
    size: tuple[int, int],
    canvas: tuple[int, int] = (513, 513),
    saliency: np.ndarray | None = None,
) -> np.ndarray:
    """Makes ICD's seed mask of one image, before the dense CRF.

    The maps are resized to the canvas that the network saw and cropped to the
    image; then `decide_icd` rules.

    Args:
        icd: float array `(class, row', column')`, raw scores of the intra-class discriminator: positive is object.
        cam: float array `(class, row', column')`, raw class activation maps.
        classes: labels of the maps, without background, rising.
        size: rows and columns of the image.
        canvas: rows and columns of the padded image that the maps cover; the image is its top left.
        saliency: uint8 array `(row, column)` of the image's size, or none.

    Returns:
        uint8 mask `(row, column)`: 0 background, label + 1 object, 255 ignore. No other class than `classes` occurs.

    Raises:
        UserError: an image larger than the canvas, or maps and classes that do not go together.
        ImageFault: a saliency map of another size than the image.

    Example:

    >>> icd = np.array([[[1.0, -1.0]]], np.float32)
    >>> icd_seeds(icd, icd, [4], size=(1, 2), canvas=(1, 2)).tolist()
    [[5, 0]]

    Reference: Fan et al., Learning Integral Objects with Intra-Class Discriminator, CVPR 2020.
    """
    if size[0] > canvas[0] or size[1] > canvas[1]:
        raise UserError(f"an image of {size} pixels does not fit into the canvas of {canvas} that its scores cover")
    _check_maps(icd, classes)
    _check_maps(cam, classes)
    return decide_icd(
        resize_maps(icd, canvas)[:, : size[0], : size[1]],
        resize_maps(cam, canvas)[:, : size[0], : size[1]],
        classes,
        saliency,
    )


def decide_icd(
    icd: np.ndarray, cam: np.ndarray, classes: Sequence[int], saliency: np.ndarray | None = None
) -> np.ndarray:
    """Decides ICD's seeds from maps of the image's size.

        f_c  = positive(icd_c) / its maximum          claims: f_c > 1e-5
        b_c  = negative(icd_c) / its minimum          background: b_c > 1e-5 for all classes
        m    = positive(cam), scaled to 0–1 over classes and pixels together
        seed = the claiming class; of several claims that of the largest m_c f_c

    Undefined, hence 255: pixels both or neither object and background, and with
    several classes object pixels where m_c f_c is the same for all classes to
    1e-5 (so also where the only claim has no class activation). With a
    saliency map, background is what is not salient; where less than 1 % of the
    image is salient, ICD must agree. O(classes · pixels) time and memory.

    Args:
        icd: float array `(class, row, column)`, raw scores.
        cam: float array `(class, row, column)`, raw scores.
        classes: labels of the maps, without background.
        saliency: uint8 array `(row, column)`, or none.

    Returns:
        uint8 mask `(row, column)`: 0 background, label + 1 object, 255 ignore.

    Raises:
        ImageFault: a saliency map of another size or type.

    Example:

    >>> icd = np.array([[[2, -1, 0.5, -1]], [[-1, 1, 1, -2]]], np.float32)
    >>> cam = np.array([[[0.75, 0, 0.25, 0]], [[0, 0.5, 1, 0.25]]], np.float32)
    >>> decide_icd(icd, cam, [3, 8]).tolist()
    [[4, 9, 9, 0]]

    Reference: Fan et al., CVPR 2020.
    """
    if len(classes) == 0:
        return np.zeros(icd.shape[1:], np.uint8)
    icd = icd.astype(np.float32)
    positive = np.maximum(icd, 0)
    positive /= np.maximum(positive.max(axis=(1, 2), keepdims=True), SCORE_FLOOR)
    claims = positive > SCORE_FLOOR
    winner = claims.argmax(axis=0)
    objects = claims.any(axis=0)
    negative = np.minimum(icd, 0) / np.minimum(icd.min(axis=(1, 2), keepdims=True), -SCORE_FLOOR)
    background = (negative > SCORE_FLOOR).all(axis=0)
    if saliency is not None:
        background = _not_salient(saliency, background)
    undefined = objects == background
    if len(classes) > 1:
        combined = _activation(cam) * positive
        winner = np.where(claims.sum(axis=0) > 1, combined.argmax(axis=0), winner)
        undefined |= objects & (combined.max(axis=0) - combined.min(axis=0) <= SCORE_FLOOR)
    seeds = _mask_ids(classes)[winner]
    seeds[background] = 0
    seeds[undefined] = IGNORE
    return seeds


def cam_seeds(scores: np.ndarray, classes: Sequence[int], size: tuple[int, int], threshold: float) -> np.ndarray:
    """Makes the plain mask of class activation maps: the strongest class where it exceeds a threshold.

    Args:
        scores: float array `(class, row', column')`; values below 0 count as 0.
        classes: labels of the maps, without background; may be empty.
        size: rows and columns of the image; the maps cover it from border to border and are resized by `resize_maps`.
        threshold: 0–1, in parts of each class' largest value in this image.

    Returns:
        uint8 mask `(row, column)`: 0 background, else label + 1. A higher threshold only adds background.

    Raises:
        UserError: maps and classes that do not go together.

    Example:

    >>> scores = np.array([[[4.0, 1.0]], [[0.0, 0.5]]])
    >>> cam_seeds(scores, [2, 7], size=(1, 2), threshold=0.5).tolist()
    [[3, 8]]
    """
    _check_maps(scores, classes)
    return decide_cam(resize_maps(scores, size), classes, threshold)


def decide_cam(maps: np.ndarray, classes: Sequence[int], threshold: float) -> np.ndarray:
    """`cam_seeds` from maps of the image's size.

    Args:
        maps: float array `(class, row, column)`; values below 0 count as 0.
        classes: labels of the maps, without background; may be empty.
        threshold: 0–1, in parts of each class' largest value.

    Returns:
        uint8 mask `(row, column)`: 0 background, else label + 1.

    Example:

    >>> decide_cam(np.array([[[4.0, 1.0, 3.0]]]), [2], threshold=0.5).tolist()
    [[3, 0, 3]]
    """
    winner, strength = strongest_class(maps, classes)
    return np.where(strength > threshold, winner, np.uint8(0))


def strongest_class(maps: np.ndarray, classes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Finds the strongest class of every pixel and how strong it is.

    Any threshold's mask is one comparison of the two:
    `np.where(strength > threshold, winner, 0)`.

    Args:
        maps: float array `(class, row, column)`; values below 0 count as 0.
        classes: labels of the maps, without background; may be empty.

    Returns:
        uint8 `(row, column)`: label + 1 (the first of equals), and float32 `(row, column)`: its score in parts of its
        class' largest value, 0–1. Both are 0 for an image without classes; a class that is 0 everywhere has strength 0.

    Example:

    >>> winner, strength = strongest_class(np.array([[[4.0, 1.0]], [[0.0, 2.0]]]), [2, 7])
    >>> winner.tolist(), strength.tolist()
    ([[3, 8]], [[1.0, 1.0]])
    """
    if len(classes) == 0:
        return np.zeros(maps.shape[1:], np.uint8), np.zeros(maps.shape[1:], np.float32)
    positive = np.maximum(maps.astype(np.float32), 0)
    largest = positive.max(axis=(1, 2), keepdims=True)
    positive /= np.where(largest > 0, largest, 1)
    return _mask_ids(classes)[positive.argmax(axis=0)], positive.max(axis=0)


def resize_maps(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes score maps by the originals' rule: bilinear, half-pixel centres, borders repeated (OpenCV).

    Args:
        maps: float array `(class, row', column')`, float16 too.
        size: rows and columns wanted.

    Returns:
        float32 array `(class, row, column)`, within the range of `maps`.

    Example:

    >>> resize_maps(np.array([[[0.0, 1.0]]]), (1, 4)).tolist()
    [[[0.0, 0.25, 0.75, 1.0]]]
    """
    resized = np.empty((len(maps), *size), np.float32)
    for one, target in zip(maps, resized, strict=True):
        target[...] = cv2.resize(one.astype(np.float32), (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return resized


def _activation(cam: np.ndarray) -> np.ndarray:
    """ICD's scaling of class activation maps, over classes and pixels together."""
    positive = np.maximum(cam.astype(np.float32), 0)
    positive -= positive.min()
    return positive / np.maximum(positive.max(), SCORE_FLOOR)


def _not_salient(saliency: np.ndarray, background: np.ndarray) -> np.ndarray:
    if saliency.shape != background.shape or saliency.dtype != np.uint8:
        raise ImageFault(
            f"saliency map {saliency.shape} of {saliency.dtype}: expected a grey 8-bit image of {background.shape}"
        )
    dark = saliency < SALIENT_BYTE
    return dark & background if np.mean(~dark) < SALIENT_SHARE else dark


def _mask_ids(classes: Sequence[int]) -> np.ndarray:
    """Labels count from the first class after background, masks from background."""
    return (np.asarray(classes) + 1).astype(np.uint8)


def _check_maps(maps: np.ndarray, classes: Sequence[int]) -> None:
    if maps.ndim != 3 or len(maps) != len(classes) or 0 in maps.shape[1:]:
        raise UserError(f"{len(classes)} classes need maps ({len(classes)}, row, column), received {maps.shape}")
