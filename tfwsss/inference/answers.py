"""From a network's maps of an image to its mask, inside a graph: classes that count, rule, dense CRF."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfwsss.inference.served import Decision, Picture, Served
from tfwsss.layers.dense_crf import DenseCRF, unary_from_labels
from tfwsss.palette import IGNORE

_TINY = 1e-5


class Answer(NamedTuple):
    """What is said of one image; what nobody reads is not computed.

    Args:
        mask: uint8 `(row, column)`: 0 background, label + 1, 255 undecided.
        scores: float32 `(row, column, id)`, 0 to 1, background first: what the mask was decided by, before the CRF; 0
            for classes that do not count.
        likely: float32 `(class,)`: how likely the image shows each class, 0 to 1.
    """

    mask: tf.Tensor
    scores: tf.Tensor
    likely: tf.Tensor


def answer(served: Served, num_ids: int, maps, picture: Picture, tags=None) -> Answer:
    """Makes the mask of one image.

    Args:
        served: how the method makes masks.
        num_ids: number of classes with background.
        maps: of the network, `(row', column', channel)`.
        picture: the image and what the maps cover.
        tags: boolean `(class,)`, classes that the image shows; None lets the network decide.

    Returns:
        Answer.
    """
    likely, kept = served.presence(maps, picture)
    kept = kept if tags is None else tags
    classes = tf.cast(tf.reshape(tf.where(kept), [-1]), tf.int32)
    decision = served.decide(maps, picture, classes)
    ids = tf.concat([[0], classes + 1], axis=0)
    undecided = decision.ids == IGNORE
    mask = tf.where(undecided, IGNORE, tf.gather(ids, tf.where(undecided, 0, decision.ids)))
    place = tf.where(kept, tf.cumsum(tf.cast(kept, tf.int32)), tf.size(ids))        # the last is a plane of zeros
    place = tf.concat([[0], place], axis=0)
    scores = tf.gather(tf.pad(decision.scores, [[0, 0], [0, 0], [0, 1]]), place, axis=2)
    scores = tf.ensure_shape(scores, (None, None, num_ids))
    if served.crf["iterations"]:
        mask = _sharpened(served, Decision(scores, mask), picture.image)
    return Answer(tf.cast(mask, tf.uint8), scores, likely)


def _sharpened(served: Served, decision: Decision, image):
    """Runs the dense CRF from the ids, where they have a certainty, or else from the scores."""
    num_ids = decision.scores.shape[-1]
    if served.certainty is None:
        unary = -tf.math.log(tf.clip_by_value(decision.scores, _TINY, 1.0))
    else:
        known = np.append(np.arange(num_ids), IGNORE)[None]                         # a row for each value of a mask
        table = unary_from_labels(known, num_ids, served.certainty)[0]
        unary = tf.gather(table, tf.minimum(decision.ids, num_ids))
    marginals = DenseCRF(**served.crf)(unary[None], image[None])[0]
    sharpened = tf.argmax(marginals, axis=-1, output_type=tf.int32)
    return tf.where(tf.reduce_max(marginals, axis=-1) < served.unsure, IGNORE, sharpened)
