"""How likely a class must be for an image to show anything: chosen on images with and without tags."""

import numpy as np

from tfwsss.errors import UserError


def least_likely(likely: np.ndarray, shown: np.ndarray) -> float:
    """Chooses the cut that tells images with tags from images without best.

    Balanced accuracy, so that many images of one kind do not outvote the other:

        accuracy(t) = (share of {likely >= t} among those with tags + share of {likely < t} among those without) / 2

    Cuts lie midway between neighbouring values. Of equally good ones that in the widest gap is taken, the first of
    equal gaps.

    Cost: sorting.

    Args:
        likely: floats `(image,)` in 0–1, of the likeliest class of each image.
        shown: booleans `(image,)`, whether it has a tag.

    Returns:
        Float in 0–1; an image shows nothing where its likeliest class is less likely.

    Raises:
        UserError: all images have tags, or none.

    Example:

    >>> least_likely(np.array([0.9, 0.7, 0.2, 0.3]), np.array([True, True, False, False]))
    0.5
    """
    likely, shown = np.asarray(likely, np.float64), np.asarray(shown, bool)
    if not shown.any() or shown.all():
        raise UserError(f"{int(shown.sum())} of {shown.size} images have tags; expected some with and some without")
    values = np.unique(likely)
    if values.size < 2:
        return 0.0                                          # nothing can be told: every image shows what is likeliest
    gaps, cuts = np.diff(values), (values[1:] + values[:-1]) / 2
    found = np.searchsorted(np.sort(likely[shown]), cuts), np.searchsorted(np.sort(likely[~shown]), cuts)
    accuracy = (1 - found[0] / shown.sum() + found[1] / (~shown).sum()) / 2
    if accuracy.max() <= 0.5:
        return 0.0
    best = np.flatnonzero(accuracy >= accuracy.max() - 1e-12)
    return float(cuts[best[np.argmax(gaps[best])]])
