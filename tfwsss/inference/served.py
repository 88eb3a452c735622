"""What a finished run's networks do to one photograph, told so that a graph can be made of it."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
from keras import ops

from tfwsss.ops.resize import part_means, resize_part

OVERLAP = 3
"""Neighbouring windows share this part of their side at least: one in so many."""


class Picture(NamedTuple):
    """One image beside its maps.

    Args:
        image: uint8 `(row, column, 3)`.
        covers: rows and columns of the canvas that the maps cover, in the image's pixels; the image is its upper left.
    """

    image: Any
    covers: Any

    @property
    def size(self):
        """Rows and columns of the image."""
        return ops.shape(self.image)[:2]


class Decision(NamedTuple):
    """What a method decides of one image.

    Args:
        scores: float32 `(row, column, 1 + kept class)`, 0 to 1, the background first.
        ids: int32 `(row, column)`: 0 background, 1 for the first kept class and so on, 255 undecided.
    """

    scores: Any
    ids: Any


class Canvas(NamedTuple):
    """Images lie at the upper left of a square canvas, larger ones are reduced to fit: see `steps.class_maps`.

    Args:
        side: of the canvas in pixels.
        scales: factors at which the network sees each image; its maps are averaged.
        mirror: also see each image mirrored.
        pad_value: grey 0-255, or red, green, blue of the rest of the canvas.
    """

    side: int
    scales: tuple[float, ...] = (1.0,)
    mirror: bool = False
    pad_value: float | tuple[float, float, float] = 127.0


class Windows(NamedTuple):
    """Images keep their size, large ones are seen in overlapping windows: see `steps.viewing`.

    Args:
        side: of the largest window in pixels.
        scales: factors at which the network sees each image.
        mirror: also see each image mirrored.
        colour: red, green, blue round images that do not fill the grid.
        average: of `probabilities`, `logits` or `logits_and_maximum`.
    """

    side: int
    scales: tuple[float, ...] = (1.0,)
    mirror: bool = False
    colour: tuple[float, float, float] = (127.0, 127.0, 127.0)
    average: str = "probabilities"


class Served(NamedTuple):
    """How a finished run makes masks.

    Args:
        network: image `(batch, row, column, 3)`, 0-255, to a dictionary of maps `(batch, row', column', channel)`;
            under `Windows` to "logits" of all ids, of which `presence` and `decide` get "probabilities".
        stride: pixels between positions of the maps.
        look: how the network sees an image.
        presence: maps of one image `(row', column', channel)` and its Picture to two vectors `(class,)`: how likely
            the image shows each class, 0 to 1, and which classes count where no tags are given.
        decide: maps of one image, its Picture and the labels int32 `(kept class,)` that count, to a Decision.
        crf: parameters of `layers.dense_crf.DenseCRF`; 0 iterations for none.
        certainty: of the ids, from which the CRF starts; None lets it start from the scores.
        unsure: largest marginal below which the CRF leaves a pixel undecided.
        others: networks that `decide` calls.
    """

    network: keras.Model
    stride: int
    look: Canvas | Windows
    presence: Callable
    decide: Callable
    crf: Mapping[str, Any]
    certainty: float | None = None
    unsure: float = 0.0
    others: tuple[keras.Model, ...] = ()


def likely_by_logits(key: str, maps: Mapping, picture: Picture) -> tuple:
    """Finds the classes likelier than not, or else the likeliest, by the mean of raw class maps over the image.

    Args:
        key: of those maps, one channel a class.
        maps: of one image.
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


def decide_by_probability(maps: Mapping, picture: Picture, classes) -> Decision:
    """Takes the likeliest of background and the classes that count.

    Args:
        maps: "probabilities" of all ids, of one image.
        picture: the image.
        classes: int32 `(kept class,)`, labels.

    Returns:
        Decision; the scores are the probabilities, of these ids only.
    """
    ids = ops.concatenate([ops.zeros((1,), classes.dtype), classes + 1], axis=0)
    planes = ops.take(maps["probabilities"], ids, axis=-1)
    planes = planes / ops.maximum(ops.sum(planes, axis=-1, keepdims=True), 1e-30)
    scores = resize_part(planes, picture.size, picture.covers, align_corners=True)
    return Decision(scores, ops.cast(ops.argmax(scores, axis=-1), "int32"))
