"""The power of the background's score that belongs to a threshold of class maps."""

import math

from tfwsss.errors import UserError


def background_power(threshold: float) -> float:
    """Returns the power at which background and object are equal at a threshold of the normalised class map.

        (1 - t)^power = t,   power = log t / log(1 - t)

    Args:
        threshold: between 0 and 1.

    Returns:
        Positive power; 0.1228 gives the published 16.

    Raises:
        UserError: a threshold that leaves no background, or nothing else.

    Example:

    >>> round(background_power(0.122833), 2), background_power(0.5)
    (16.0, 1.0)
    """
    if not 0 < threshold < 1:
        raise UserError(f"background: a threshold of {threshold} parts nothing; expected one between 0 and 1: "
                        "set cam_masks.threshold, or the powers themselves")
    return math.log(threshold) / math.log1p(-threshold)
