"""What a rule decides of one image, in the data set's ids, and the classes that count where no tags are given."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import tensorflow as tf
from keras import ops

from tfwsss.inference.views import Picture
from tfwsss.ops.resize import part_means


class Decision(NamedTuple):
    """What a rule decides of one image.

    Args:
        scores: float32 `(row, column, 1 + kept class)`, 0 to 1, the background first.
        ids: int32 `(row, column)`: 0 background, 1 for the first kept class and so on, 255 undecided.
        certainty: float32 `(row, column)`, the largest score of each pixel, where a rule finds it without making
            all scores; None: their maximum.
    """

    scores: Any
    ids: Any
    certainty: Any = None


def likely_by_logits(key: str, maps: Mapping, picture: Picture) -> tuple:
    """Finds the classes likelier than not, or else the likeliest, by the mean of raw class maps over the image.

    Args:
        key: of those maps, one channel a class.
        maps: of one image, `(row', column', class)`.
        picture: the image.

    Returns:
        Probabilities and which classes count, both `(class,)`.
    """
    logits = part_means(maps[key], picture.size, picture.covers, align_corners=True)
    return ops.sigmoid(logits), logits >= ops.minimum(ops.max(logits), 0.0)


def likely_somewhere(maps: Mapping, picture: Picture) -> tuple:
    """Lets all classes count; each is as likely as it is at its best position.

    Args:
        maps: "probabilities" of all ids, of one image.
        picture: the image.

    Returns:
        Probabilities and which classes count, both `(class,)`.
    """
    best = ops.max(maps["probabilities"], axis=(0, 1))[1:]
    return best, ops.ones_like(best, dtype="bool")


def scores_of_all(decision: Decision, kept, num_ids: int):
    """Spreads the scores of the kept classes over all ids; the others get 0.

    Args:
        decision: of a rule.
        kept: boolean `(class,)`.
        num_ids: classes with background.

    Returns:
        float32 `(row, column, id)`.
    """
    count = tf.cast(kept, tf.int32)
    place = tf.where(kept, tf.cumsum(count), tf.reduce_sum(count) + 1)              # the last is a plane of zeros
    place = tf.concat([[0], place], axis=0)
    scores = tf.gather(tf.pad(decision.scores, [[0, 0], [0, 0], [0, 1]]), place, axis=2)
    return tf.ensure_shape(scores, (None, None, num_ids))
