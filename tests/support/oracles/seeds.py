"""Maps of one image to seeds, on arrays: ICD's rule, the threshold of class maps, and OpenCV's way to resize maps.

`tests/ops/test_seeds.py` and `tests/inference/decide/` compare them with rules applied pixel by pixel.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from tfwsss.palette import IGNORE

SCORE_FLOOR = np.float32(1e-5)  # ICD's: a maximum below it does not normalise, a score below it is no score
SALIENT_BYTE = 3  # byte / 255 >= 0.01
SALIENT_SHARE = 0.01


def decide_icd(
    icd: np.ndarray, cam: np.ndarray, classes: Sequence[int], saliency: np.ndarray | None = None
) -> np.ndarray:
    """Decides ICD's seeds from maps of the image's size; for the rule see `ops.seeds.icd_seeds`.

    Args:
        icd: float array `(class, row, column)`, raw scores.
        cam: float array `(class, row, column)`, raw class maps.
        classes: labels of the maps, without background.
        saliency: uint8 array `(row, column)`, or none.

    Returns:
        uint8 mask `(row, column)`: 0 background, label + 1 object, 255 undecided.
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
        dark = saliency < SALIENT_BYTE
        background = dark & background if np.mean(~dark) < SALIENT_SHARE else dark
    undefined = objects == background
    if len(classes) > 1:
        combined = _activation(cam) * positive
        winner = np.where(claims.sum(axis=0) > 1, combined.argmax(axis=0), winner)
        undefined |= objects & (combined.max(axis=0) - combined.min(axis=0) <= SCORE_FLOOR)
    seeds = _mask_ids(classes)[winner]
    seeds[background] = 0
    seeds[undefined] = IGNORE
    return seeds


def decide_cam(maps: np.ndarray, classes: Sequence[int], threshold: float) -> np.ndarray:
    """Takes the strongest class of each pixel where it exceeds the threshold.

    Args:
        maps: float array `(class, row, column)` of the image's size; values below 0 count as 0.
        classes: labels of the maps, without background; may be empty.
        threshold: 0-1, in parts of each class' largest value.

    Returns:
        uint8 mask `(row, column)`: 0 background, else label + 1.
    """
    winner, strength = strongest_class(maps, classes)
    return np.where(strength > threshold, winner, np.uint8(0))


def strongest_class(maps: np.ndarray, classes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Finds the strongest class of every pixel and how strong it is.

    Args:
        maps: float array `(class, row, column)`; values below 0 count as 0.
        classes: labels of the maps, without background; may be empty.

    Returns:
        uint8 `(row, column)`: label + 1 (the first of equals), and float32 `(row, column)`: its score in parts of its
        class' largest value, 0-1. Both are 0 for an image without classes; a class that is 0 everywhere has strength 0.
    """
    if len(classes) == 0:
        return np.zeros(maps.shape[1:], np.uint8), np.zeros(maps.shape[1:], np.float32)
    positive = np.maximum(maps.astype(np.float32), 0)
    largest = positive.max(axis=(1, 2), keepdims=True)
    positive /= np.where(largest > 0, largest, 1)
    return _mask_ids(classes)[positive.argmax(axis=0)], positive.max(axis=0)


def resize_maps(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes maps by the originals' rule: bilinear, half-pixel centres, borders repeated (OpenCV).

    Args:
        maps: float array `(class, row', column')`, float16 too.
        size: rows and columns wanted.

    Returns:
        float32 array `(class, row, column)`, within the range of `maps`.
    """
    resized = np.empty((len(maps), *size), np.float32)
    for one, target in zip(maps, resized, strict=True):
        target[...] = cv2.resize(one.astype(np.float32), (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return resized


def _activation(cam: np.ndarray) -> np.ndarray:
    """ICD's scaling of class maps, over classes and pixels together."""
    positive = np.maximum(cam.astype(np.float32), 0)
    positive -= positive.min()
    return positive / np.maximum(positive.max(), SCORE_FLOOR)


def _mask_ids(classes: Sequence[int]) -> np.ndarray:
    """Labels count from the first class after background, masks from background."""
    return (np.asarray(classes) + 1).astype(np.uint8)
