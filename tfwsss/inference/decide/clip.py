"""Class maps of an image by words (CLIP-ES): what speaks for each word, spread by attention."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import ops

from tfwsss.inference.decide.decision import Decision
from tfwsss.inference.mirrored import as_kept
from tfwsss.inference.views import Picture
from tfwsss.ops.balanced_affinity import balanced_affinity
from tfwsss.ops.cam import stretched, with_background
from tfwsss.ops.part_boxes import part_boxes
from tfwsss.ops.resize import resize_part

VERSION = 1
"""Raised whenever class maps change."""


class WordRule(NamedTuple):
    """What makes class maps by words.

    Args:
        last_block: of `models.clip_maps.ClipMaps`.
        num_classes: how many of its texts are classes; the others are backgrounds.
        averaged: blocks of which the attention is the mean.
        share: of a map's largest value, above which boxes are drawn round it.
        rounds: of the balance of attention.
    """

    last_block: keras.Model
    num_classes: int
    averaged: int = 8
    share: float = 0.4
    rounds: int = 3


class WordMaps(NamedTuple):
    """What is found of one image.

    Args:
        plain: class maps before they are spread, float32 `(row, column, kept class)`, 0 to 1.
        spread: those spread by attention, the same.
        shown: how likely each class is beside the backgrounds alone, `(class,)`.
        parts: what the tests look into: "weights" `(kept class, channel)`, "probability" `(kept class,)`, "raw"
            `(patch, kept class)`, "attention" `(patch, patch)`, "boxes" and "refined", as the maps.
    """

    plain: Any
    spread: Any
    shown: Any
    parts: Mapping[str, Any]


def word_maps(rule: WordRule, seen: Mapping, classes) -> WordMaps:
    """Makes class maps of one image by words.

    Among the words of its classes and of the backgrounds,

        p = softmax(similarity),   w_c = mean over patches of dp_c / dA,   plain_c = stretched(max(A w_c, 0)), twice
        spread_c = stretched(R (box_c plain_c)),   R = `balanced_affinity` of the mean attention

    with A the patches that the last block reads. Cost: one pass through the last block, one back for each class.

    Args:
        rule: what makes them.
        seen: of `ClipMaps.trunk`, without the batch's axis.
        classes: int32 `(kept class,)`.

    Returns:
        WordMaps; maps of a class whose weights are nowhere positive are 0.

    Reference: Lin et al., CLIP is also an efficient segmenter, CVPR 2023 (released code).
    """
    patches = tf.convert_to_tensor(seen["patches"])
    rows, columns, width = tf.shape(patches)[0], tf.shape(patches)[1], patches.shape[-1]
    tokens = tf.concat([tf.reshape(seen["class"], (1, 1, width)), tf.reshape(patches, (1, -1, width))], axis=1)
    weights, probability, found = _weights(rule, tokens, classes)
    raw = tf.matmul(found["activations"][0], weights, transpose_b=True)
    plain = stretched(stretched(tf.nn.relu(tf.reshape(raw, (rows, columns, -1)))))
    count = rows * columns
    attention = (tf.reshape(seen["attention"], (count, count)) + found["attention"][0]) / rule.averaged
    boxes = part_boxes(plain, rule.share)
    flat = tf.matmul(balanced_affinity(attention, rule.rounds), tf.reshape(boxes * plain, (count, -1)))
    refined = tf.reshape(flat, (rows, columns, -1))
    return WordMaps(plain, stretched(refined), _beside_backgrounds(rule, found["shown"][0]),
                    {"weights": weights, "probability": probability, "raw": raw, "attention": attention,
                     "boxes": boxes, "refined": refined})


def _weights(rule: WordRule, tokens, classes):
    """Returns the classes' weights `(kept class, channel)`, their probabilities, and what the last block gives."""
    backgrounds = tf.range(rule.num_classes, rule.last_block.output["similarity"].shape[-1])
    kept = tf.size(classes)
    asked = tf.concat([classes, backgrounds], axis=0)
    shift = tf.zeros((1, tokens.shape[-1]))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(shift)
        found = rule.last_block({"tokens": tokens, "shift": shift}, training=False)
        probability = tf.nn.softmax(tf.gather(found["similarity"][0], asked))[:kept]
    nothing = tf.zeros((0, tokens.shape[-1]))                                # a loop of no turns knows no shape
    gradients = tf.cond(kept > 0, lambda: tape.jacobian(probability, shift)[:, 0], lambda: nothing)
    return gradients / tf.cast(tf.shape(tokens)[1] - 1, tf.float32), probability, found


def _beside_backgrounds(rule: WordRule, similarity):
    """Returns each class' probability if only itself and the backgrounds could be, `(class,)`."""
    own, others = similarity[:rule.num_classes], similarity[rule.num_classes:]
    return tf.sigmoid(own - tf.reduce_logsumexp(others))


def words_shown(rule: WordRule, maps: Mapping, picture: Picture) -> tuple:
    """Finds the classes whose words fit an image better than all backgrounds, or else the one that fits best.

    Args:
        rule: what makes class maps.
        maps: of `ClipMaps.trunk`, of one image.
        picture: not read.

    Returns:
        Probabilities and which classes count, both `(class,)`.
    """
    patches = tf.convert_to_tensor(maps["patches"])
    width = patches.shape[-1]
    tokens = tf.concat([tf.reshape(maps["class"], (1, 1, width)), tf.reshape(patches, (1, -1, width))], axis=1)
    found = rule.last_block({"tokens": tokens, "shift": tf.zeros((1, width))}, training=False)
    likely = _beside_backgrounds(rule, found["shown"][0])
    return likely, likely >= tf.minimum(tf.reduce_max(likely), 0.5)


def decide_by_spread_maps(power, maps: Mapping, picture: Picture, classes) -> Decision:
    """Takes the strongest of background and kept class maps.

    Args:
        power: of the background, (1 - strongest class map)^power.
        maps: "cam" `(row', column', class)`, 0 to 1, of one image.
        picture: the image.
        classes: int32 `(kept class,)`, which of the maps.

    Returns:
        Decision.
    """
    planes = resize_part(ops.take(maps["cam"], classes, axis=-1), picture.size, picture.covers)
    scores = with_background(planes, power)
    return Decision(scores, ops.cast(ops.argmax(scores, axis=-1), "int32"))


def decide_by_words(rule: WordRule, power, maps: Mapping, picture: Picture, classes) -> Decision:
    """Makes class maps by words, and takes the strongest of them and the background.

    Args:
        rule: what makes class maps.
        power: of the background.
        maps: of `ClipMaps.trunk`, of one image.
        picture: the image.
        classes: int32 `(kept class,)`.

    Returns:
        Decision.

    Reference: Lin et al., CLIP is also an efficient segmenter, CVPR 2023.
    """
    spread = as_kept(word_maps(rule, maps, classes).spread)
    return decide_by_spread_maps(power, {"cam": spread}, picture, tf.range(tf.size(classes)))
