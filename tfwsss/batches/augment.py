"""Random scale, colours, mirror image and crop of one training element, inside a TensorFlow graph."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from tfwsss.batches.jitter import jitter
from tfwsss.data import images as graph
from tfwsss.data.pillow_resize import resize_as_pillow
from tfwsss.palette import IGNORE

DRAWS = 14
"""Uniform numbers for an element: scale, mirror, crop (row, column), padding (the same), four colours, their order."""


class Augmentation(NamedTuple):
    """How training elements are changed.

    Args:
        rows, columns: of what the network sees.
        scales: factors, one of which is drawn for each image.
        longer_side: smallest and largest length in pixels to which the longer side is brought, in place of `scales`.
        mirror: whether half of the images are flipped left and right.
        jitter: largest changes of brightness, contrast and saturation (shares) and of hue (turns); () for none.
        pad_value: grey 0-255, or red, green, blue, round images smaller than the crop.
        scatter: whether small images lie anywhere in the crop, and not at its upper left.
        mirror_first: whether images are flipped before they are scaled; the nearest pixel then is another.
        pad_id: id round small masks.
    """

    rows: int
    columns: int
    scales: Sequence[float] = (1.0,)
    longer_side: tuple[int, int] | None = None
    mirror: bool = True
    jitter: Sequence[float] = ()
    pad_value: float | Sequence[float] = 127.0
    scatter: bool = False
    mirror_first: bool = False
    pad_id: int = IGNORE


def augment(x: dict, draws, how: Augmentation) -> dict:
    """Scales, mirrors (or first mirrors), recolours, pads and crops an element, in this order.

    Args:
        x: "image" uint8 `(row, column, 3)`, and optionally "mask" and "regions", int32 `(row, column)`, and
            "marginals", float32 `(row, column, plane)`.
        draws: float32 `(DRAWS,)` in [0, 1).
        how: what to do.

    Returns:
        The same keys, of the crop's size; the image is float32.
    """
    if how.mirror and how.mirror_first:
        x = _mirrored(x, draws[1])
    size = _size(tf.shape(x["image"])[:2], draws[0], how)
    scale = functools.partial(resize_as_pillow, kernel="cubic") if how.longer_side else graph.scale_image
    rules = {"image": scale, "marginals": lambda planes, size: tf.image.resize(planes, size, method="bilinear")}
    x = {key: rules.get(key, graph.scale_ids)(value, size) for key, value in x.items()}
    if how.mirror and not how.mirror_first:
        x = _mirrored(x, draws[1])
    x["image"] = tf.cast(x["image"], tf.float32)
    if how.jitter:
        x["image"] = jitter(x["image"], draws[6:10], draws[10:14], how.jitter)
    fills = {"image": colour(how.pad_value), "mask": how.pad_id, "marginals": 0.0,
             "regions": graph.next_id(x["regions"]) if "regions" in x else 0}
    corner = draws[4:6] if how.scatter else tf.zeros(2)
    x = {key: graph.pad(value, how.rows, how.columns, fills[key], corner) for key, value in x.items()}
    offsets = graph.crop_offsets(tf.shape(x["image"])[:2], how.rows, how.columns, draws[2:4])
    return {key: graph.crop(value, offsets, how.rows, how.columns) for key, value in x.items()}


def colour(value: float | Sequence[float]):
    """Returns a grey, or red, green and blue, as a tensor.

    Args:
        value: one number or three, 0-255.

    Returns:
        float32 `(3,)`.
    """
    return tf.broadcast_to(tf.constant(value, tf.float32), (3,))


def _mirrored(x: dict, draw) -> dict:
    return {key: graph.mirror(value, draw < 0.5) for key, value in x.items()}


def _size(size, draw, how: Augmentation):
    """Returns rows and columns after scaling."""
    if how.longer_side is None:
        number = tf.minimum(tf.cast(draw * len(how.scales), tf.int32), len(how.scales) - 1)
        return tf.maximum(graph.scaled_size(size, tf.gather(tf.constant(how.scales, tf.float64), number)), 1)
    low, high = how.longer_side
    target = low + tf.minimum(tf.cast(tf.cast(draw, tf.float64) * (high - low + 1), tf.int32), high - low)
    length = tf.cast(size, tf.float64)
    return tf.maximum(tf.cast(tf.round(length * tf.cast(target, tf.float64) / tf.reduce_max(length)), tf.int32), 1)
