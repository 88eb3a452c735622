"""The background threshold of class activation maps, chosen without masks."""

import dataclasses
from collections.abc import Iterable

import numpy as np

from tfwsss.errors import UserError
from tfwsss.refine.colour_threshold import parted_colours

VERSION = 2
"""Counts changes of what is chosen from the same maps and images. The second asks the images' colours first."""

BINS = 256
SMOOTHING = 0.02  # deviation of the curve's Gaussian, in units of strength
DEPTH = 0.2  # a valley counts if it is this part of its lower bank deep,
LEAST_DEPTH = 0.05  # and this deep, where strengths spread evenly over 0–1 lie at 1,
LEAST_SHARE = 0.02  # its banks too with this part of all pixels on either side


@dataclasses.dataclass(frozen=True)
class Choice:
    """A threshold and why it was chosen.

    Args:
        threshold: the choice, 0–1: `colours` where there are any, else `stable` where there is a valley, else `otsu`.
        colours: what parts the colours of the images best, the median over images; None: no image is known.
        otsu: the threshold that best parts the strengths into two compact groups.
        stable: the threshold deepest in a valley of the curve, where labels change least.
        valley: whether the curve really has a valley there.
        thresholds: float64 `(bin - 1,)`: the curve's thresholds, the borders between the histogram's bins.
        change: float64 `(bin - 1,)`: the curve: share of all pixels that change label per unit of threshold.
        foreground: float64 `(bin - 1,)`: share of pixels that are not background at each threshold, exact.
    """

    threshold: float
    colours: float | None
    otsu: float
    stable: float
    valley: bool
    thresholds: np.ndarray
    change: np.ndarray
    foreground: np.ndarray


class ThresholdSearch:
    """Collects the maps of many images, one at a time, and chooses one threshold for all of them.

    The threshold is the median of those that part the colours of single images
    best: see `refine.colour_threshold`. Without images, or where all are plain,
    it is that of `choose_threshold`, which knows the strengths alone.

    Memory: one histogram, and one number an image.

    Args:
        bins: of the histogram.

    Example:

    >>> search = ThresholdSearch()
    >>> for _ in range(3):
    ...     search.add(np.array([[0.0, 0.0, 0.1, 1.0]]))
    >>> 0.1 < search.threshold() < 1
    True
    """

    def __init__(self, bins: int = BINS):
        self._total = np.zeros(bins)
        self._best: list[float] = []                # of each image

    def add(self, strength: np.ndarray, image: np.ndarray | None = None) -> None:
        """Adds one image; leave out those without classes, which say nothing of the threshold.

        Args:
            strength: float array `(row, column)` in 0–1, as `inference.kept.strongest` gives it.
            image: uint8 array `(row, column, 3)`; None: its strengths count, and its colours are not asked.
        """
        self._total += strength_histogram(strength, self._total.size)
        if image is not None and (parted := parted_colours(strength, image)).any():
            best = _middle(np.flatnonzero(parted >= parted.max() * (1 - 1e-9)))
            self._best.append((1 + best) / (parted.size + 1))

    def choice(self) -> Choice:
        """Returns the choice for the images added so far."""
        choice = choose_threshold([self._total])
        if not self._best:
            return choice
        colours = float(np.median(self._best))
        return dataclasses.replace(choice, threshold=colours, colours=colours)

    def threshold(self) -> float:
        """Returns the chosen threshold, 0–1."""
        return self.choice().threshold

    def summary(self) -> dict[str, float | bool | list[list[float]]]:
        """Returns the choice as JSON values; `curve` holds triples of threshold, change and foreground."""
        choice = self.choice()
        curve = np.stack((choice.thresholds, choice.change, choice.foreground), axis=1)
        return {
            "threshold": choice.threshold,
            "colours": choice.colours,
            "images": len(self._best),
            "otsu": choice.otsu,
            "stable": choice.stable,
            "valley": choice.valley,
            "curve": curve.tolist(),
        }


def strength_histogram(strength: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Counts one image's strengths in shares of its pixels, so that large images weigh no more than small ones.

    Histograms of images, on whatever machine, are simply added.

    Args:
        strength: float array `(row, column)` in 0–1: the largest normalised score of each pixel, as
            `inference.kept.strongest` gives it.
        bins: how many equal bins 0–1 is cut into; 1 falls into the last.

    Returns:
        float64 array `(bin,)` with sum 1.

    Raises:
        UserError: strengths outside 0–1 or not numbers.

    Example:

    >>> strength_histogram(np.array([[0.0, 0.1, 0.6, 1.0]]), bins=2).tolist()
    [0.5, 0.5]
    """
    if not (strength.min() >= 0 and strength.max() <= 1):  # also refuses not-a-number
        raise UserError(f"strengths must lie in 0–1, received {strength.min()}–{strength.max()}; normalise the scores")
    numbers = np.minimum((strength.ravel() * bins).astype(np.int64), bins - 1)
    return np.bincount(numbers, minlength=bins) / strength.size


def choose_threshold(histograms: Iterable[np.ndarray]) -> Choice:
    """Chooses a background threshold from the histograms of many images' strengths; no mask, no image is looked at.

    Otsu's threshold maximises the variance between background and foreground.
    It always exists, but follows the shares of the two groups. Where the
    strengths have a valley, a threshold in it is better: moved a little, it
    changes few labels. A pixel changes label exactly when the threshold passes
    its strength, so the share of pixels that change per unit of threshold is
    the density of the strengths,

        change(t) = -d foreground(t) / dt,

    smoothed by a Gaussian. Its deepest valley is where it lies farthest below
    the lower of the highest points to its left and right; it counts if it is
    at least 20 % of that bank and 0.05 deep, else Otsu's threshold stands; ends of
    the curve beyond which fewer than 2 % of the pixels lie are not looked at. Of
    equally good thresholds the one in the middle is taken.

    The histograms are read once, one at a time.

    Args:
        histograms: float arrays `(bin,)`, all of one length, of `strength_histogram`.

    Returns:
        `Choice`: threshold, both candidates and the curves.

    Raises:
        UserError: no histograms, or all strengths equal (no image has a class).

    Example:

    >>> weak, strong = np.full((10, 10), 0.1), np.full((10, 10), 0.9)
    >>> choice = choose_threshold(strength_histogram(part) for part in (weak, weak, strong))
    >>> choice.valley, 0.2 < choice.threshold < 0.8
    (True, True)

    Reference: Otsu, A Threshold Selection Method from Gray-Level Histograms, 1979.
    """
    from scipy.ndimage import gaussian_filter1d  # here, because it takes 0.3 s to import

    total: np.ndarray | None = None
    for histogram in histograms:
        total = histogram.astype(np.float64) if total is None else total + histogram
    if total is None or np.count_nonzero(total) < 2:
        raise UserError("no two different strengths to put a threshold between: have these images labels and scores?")
    share = total / total.sum()
    bins = share.size
    below = np.cumsum(share)[:-1]  # at the border after each bin but the last
    cut = _otsu(share, below)
    # Mirrored at the ends, so that the many exact zeros neither leave 0–1 nor count twice.
    smooth = gaussian_filter1d(share * bins, SMOOTHING * bins, mode="reflect")
    change = (smooth[1:] + smooth[:-1]) / 2
    stable, valley = _valley(change, below)
    thresholds = np.arange(1, bins) / bins
    chosen = stable if valley else cut
    return Choice(
        float(thresholds[chosen]), None, float(thresholds[cut]), float(thresholds[stable]), valley, thresholds, change,
        1 - below
    )


def _otsu(share: np.ndarray, below: np.ndarray) -> int:
    """The border between bins with the largest variance between both sides; the middle of equal ones."""
    moments = np.cumsum(share * np.arange(share.size))
    gap = below * moments[-1] - moments[:-1]  # below · (1 - below) · difference of the means
    spread = np.maximum(below * (1 - below), np.finfo(np.float64).tiny)
    variance = np.where((below > 0) & (below < 1), np.square(gap) / spread, 0)
    return _middle(np.flatnonzero(variance >= variance.max() * (1 - 1e-9)))


def _valley(change: np.ndarray, below: np.ndarray) -> tuple[int, bool]:
    """The border farthest below the lower of its banks, the middle of equal ones, and whether it lies in a valley."""
    # Every class has a pixel of strength 1: the rise towards it is no bank.
    inside = np.minimum(below, 1 - below) >= LEAST_SHARE
    inner = np.where(inside, change, 0)
    bank = np.minimum(np.maximum.accumulate(inner), np.maximum.accumulate(inner[::-1])[::-1])
    depth = np.where(inside, bank - inner, 0)
    stable = _middle(np.flatnonzero(depth >= depth.max() * (1 - 1e-9)))
    return stable, bool(depth[stable] > max(DEPTH * bank[stable], LEAST_DEPTH))


def _middle(numbers: np.ndarray) -> int:
    return int(numbers[(numbers.size - 1) // 2])
