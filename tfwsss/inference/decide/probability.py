"""A segmentation network's probabilities to labels."""

from collections.abc import Mapping

from keras import ops

from tfwsss.inference.decide.decision import Decision
from tfwsss.inference.views import Picture
from tfwsss.ops.cam import LEAST_DIVISOR
from tfwsss.ops.mask_ids import ids_of
from tfwsss.ops.resize import resize_part, strongest_part


def decide_by_probability(maps: Mapping, picture: Picture, classes) -> Decision:
    """Takes the likeliest of background and the classes that count.

    Args:
        maps: "probabilities" `(row', column', id)` of all ids, of one image.
        picture: the image.
        classes: int32 `(kept class,)`, labels.

    Returns:
        Decision; the scores are the probabilities, of these ids only; in a graph, nobody pays for what is not read.
    """
    planes = kept_probabilities(maps["probabilities"], classes)
    ids, certainty = strongest_part(planes, picture.size, picture.covers, align_corners=True)
    return Decision(resize_part(planes, picture.size, picture.covers, align_corners=True), ids, certainty)


def kept_probabilities(probabilities, classes):
    """Leaves probability to background and the classes that count.

    Args:
        probabilities: `(row, column, id)`, sum 1.
        classes: int32 `(kept class,)`, labels.

    Returns:
        `(row, column, 1 + kept class)`, sum 1.

    Example:

    >>> kept_probabilities(ops.array([[[0.25, 0.5, 0.25]]]), ops.array([1])).numpy().tolist()
    [[[0.5, 0.5]]]
    """
    planes = ops.take(probabilities, ids_of(classes), axis=-1)
    return planes / ops.maximum(ops.sum(planes, axis=-1, keepdims=True), LEAST_DIVISOR)
