"""Class maps to labels by one threshold."""

from collections.abc import Mapping

from keras import ops

from tfwsss.inference.decide.decision import Decision
from tfwsss.inference.views import Picture
from tfwsss.ops.cam import LEAST_DIVISOR, largest_of, normalise_by_class, strongest_class
from tfwsss.ops.resize import resize_part


def enlarged(maps, picture: Picture, classes):
    """Enlarges class maps to the image, corners on corners.

    Args:
        maps: `(row', column', class)`.
        picture: the image.
        classes: int32 `(kept class,)`, which of the maps.

    Returns:
        float32 `(row, column, kept class)`.
    """
    return resize_part(ops.take(maps, classes, axis=-1), picture.size, picture.covers, align_corners=True)


def decide_by_threshold(threshold, maps: Mapping, picture: Picture, classes) -> Decision:
    """Takes the strongest class of each pixel where it exceeds the threshold, else the background.

    Args:
        threshold: in parts of each map's maximum, 0 to 1.
        maps: "cam" `(row', column', class)` of one image.
        picture: the image.
        classes: int32 `(kept class,)`.

    Returns:
        Decision; a score is a class map in parts of its maximum, the background's what the strongest leaves.
    """
    planes = enlarged(maps["cam"], picture, classes)
    place, strength = strongest_class(planes)
    parts = normalise_by_class(planes, LEAST_DIVISOR)
    return Decision(ops.concatenate([1 - largest_of(parts), parts], axis=-1), ops.where(strength > threshold, place, 0))
