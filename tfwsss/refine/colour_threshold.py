"""The threshold of one image's class maps that parts its colours best; no mask is looked at."""

import numpy as np

SIDE = 160
"""Images are reduced to this longer side: what parts colours shows at any size, and a photograph takes 5 ms."""

SMOOTHING, WINDOW = 1.0, 3.0
"""Deviations in pixels of two Gaussians: of that which smooths colours, and of the window in which texture is felt."""

TEXTURE = 1.0
"""Weight of texture, the deviation of lightness inside the window, beside colour."""

BALANCE = 0.75
"""Power of w (1 - w); Otsu's is 1. A little less does not press objects, which are the smaller side, towards half."""

STEPS = 100
"""Thresholds that are tried: 1 / STEPS, 2 / STEPS, ..., below 1."""

LEAST_VARIANCE = 1.0
"""Of the features, in CIELab's units squared, below which an image is plain; an eye just sees a difference of 2.3."""


def parted_colours(strength: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Measures how well each threshold of the class maps parts an image's colours.

    Otsu's criterion, on the colours of the pixels instead of on the strengths
    that cut them: the variance between both sides in parts of the whole,

        parted(t) = (w (1 - w))^0.75 |mean{x(p): s(p) > t} - mean{x(p): s(p) <= t}|^2 / var x,    w = share of s(p) > t

    where x(p) is the pixel's colour (CIELab, smoothed) and its texture (the
    deviation of lightness around it). A threshold too high leaves parts of the
    object to the background, one too low the reverse, and both lessen the
    difference of the means. It is Chan and Vese's two-region model where the
    curve may only be a level of the class map.

    Cost: the pixels of the reduced image once, for all thresholds together.

    Args:
        strength: float array `(row, column)` in 0–1, as `inference.kept.strongest` gives it.
        image: uint8 array `(row, column, 3)`, red, green, blue.

    Returns:
        float64 array `(99,)`, at least 0, for the thresholds 0.01, 0.02, ..., 0.99; all 0 where the image is plain.

    Raises:
        ValueError: image and strengths of different sizes.

    Example:

    >>> image = np.zeros((40, 40, 3), np.uint8)
    >>> image[:, 20:] = 200
    >>> strength = np.tile(np.linspace(0, 1, 40), (40, 1))      # it rises from left to right
    >>> bool(0.4 < (1 + parted_colours(strength, image).argmax()) / 100 < 0.6)
    True

    References: Otsu, A Threshold Selection Method from Gray-Level Histograms, 1979; Chan and Vese, Active Contours
    Without Edges, IEEE TIP 2001.
    """
    if strength.shape != image.shape[:2]:
        raise ValueError(f"strengths of {strength.shape} and an image of {image.shape} differ in size")
    centred = _features(image)
    centred -= centred.mean(axis=0)
    variance, pixels = np.square(centred).sum() / len(centred), len(centred)
    if variance < LEAST_VARIANCE:
        return np.zeros(STEPS - 1)
    # a strength exceeds the thresholds below its place; the small constant forgives the rounding of float32
    place = np.ceil(_reduced(np.asarray(strength, np.float32)).ravel() * STEPS - 1e-3).astype(np.int64).clip(0, STEPS)
    counts = [np.bincount(place, weights, STEPS + 1) for weights in (np.ones(pixels), *centred.T)]
    share, *sums = np.array(counts)[:, :1:-1].cumsum(axis=1)[:, ::-1] / pixels      # of s(p) > t, for each t
    both = share * (1 - share)                                                      # 0 where a side is empty
    # the means of both sides differ by sums / (w (1 - w)), since the mean of all is 0
    moved = np.square(sums).sum(axis=0) / np.maximum(both, 1 / pixels) ** (2 - BALANCE) / variance
    return np.where(both > 0.5 / pixels, moved, 0.0)


def _features(image: np.ndarray) -> np.ndarray:
    """Colour and texture of the reduced image's pixels, float64 `(pixel, 4)`."""
    import cv2

    lab = cv2.cvtColor(_reduced(image).astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lightness = lab[..., 0]
    mean, square = (cv2.GaussianBlur(plane, (0, 0), WINDOW) for plane in (lightness, lightness * lightness))
    texture = TEXTURE * np.sqrt(np.maximum(square - mean * mean, 0))
    smooth = cv2.GaussianBlur(lab, (0, 0), SMOOTHING)
    return np.concatenate([smooth, texture[..., None]], axis=-1).reshape(-1, 4).astype(np.float64)


def _reduced(plane: np.ndarray) -> np.ndarray:
    """The plane with a longer side of at most `SIDE`, by means over areas."""
    import cv2

    rows, columns = plane.shape[:2]
    factor = SIDE / max(rows, columns, SIDE)
    size = max(1, round(columns * factor)), max(1, round(rows * factor))
    return cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
