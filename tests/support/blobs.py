"""Masks of round shapes with holes, as networks make them."""

import cv2
import numpy as np


def blobs(seed: int = 0, size: tuple[int, int] = (120, 160), classes: int = 3, ignore: bool = True) -> np.ndarray:
    """Returns uint8 `(row, column)`: ids 0 to `classes`, and a band of 255 where `ignore`."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(size, np.uint8)
    for class_id in range(1, classes + 1):
        field = cv2.GaussianBlur(rng.random(size), (0, 0), 6)
        mask[field > np.quantile(field, 0.8)] = class_id
        fine = cv2.GaussianBlur(rng.random(size), (0, 0), 2)
        mask[(mask == class_id) & (fine > np.quantile(fine, 0.9))] = 0          # holes
    if ignore:
        mask[size[0] // 2:size[0] // 2 + 3] = 255
    return mask


def iou(found: np.ndarray, true: np.ndarray) -> float:
    """Returns the intersection of two boolean masks over their union, 1 where both are empty."""
    union = np.count_nonzero(found | true)
    return np.count_nonzero(found & true) / union if union else 1.0
