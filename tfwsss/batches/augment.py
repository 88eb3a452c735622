"""Random scale, colours, mirror image and crop of one training element, inside a TensorFlow graph."""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from tfwsss.data import images as graph
from tfwsss.data.rescale import scale_image_smoothly
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
    scale = scale_image_smoothly if how.longer_side else graph.scale_image
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


def jitter(image, amounts, order, most: Sequence[float]):
    """Changes brightness, contrast, saturation and hue in a random order, as torchvision does to 8-bit images.

        brightness: f x,  contrast: f x + (1 - f) mean(grey),  saturation: f x + (1 - f) grey,  f in 1 - m to 1 + m
        hue: turned by -m to m of a full turn

    Args:
        image: float32 `(row, column, 3)`, 0-255.
        amounts: float32 `(4,)` in [0, 1): how much of each.
        order: float32 `(4,)`; the changes are made from its smallest value to its largest.
        most: largest changes of brightness, contrast, saturation, hue.

    Returns:
        float32 `(row, column, 3)`, whole numbers 0-255.

    Example:

    >>> grey = tf.fill((1, 1, 3), 100.0)
    >>> jitter(grey, [1.0, 0.5, 0.5, 0.5], [0.0, 0.1, 0.2, 0.3], (0.5, 0.0, 0.0, 0.0))[0, 0].numpy().tolist()
    [150.0, 150.0, 150.0]
    """
    signed = 2 * tf.convert_to_tensor(amounts) - 1
    factor = 1 + signed * tf.constant(most, tf.float32)
    turn = signed[3] * most[3]
    changes = [lambda x: x * factor[0],
               lambda x: factor[1] * x + (1 - factor[1]) * tf.round(tf.reduce_mean(_grey(x))),
               lambda x: factor[2] * x + (1 - factor[2]) * _grey(x),
               lambda x: tf.image.adjust_hue(x / 255, turn) * 255]
    places = tf.argsort(order)
    for step in range(len(changes)):
        branches = [lambda x=image, change=change: _whole(change(x)) for change in changes]
        image = tf.switch_case(places[step], branches)
    return image


def _grey(image):
    """Returns the luma of an image, `(row, column, 1)`, whole numbers."""
    return tf.floor(tf.reduce_sum(image * [0.299, 0.587, 0.114], axis=-1, keepdims=True) + 0.5)


def _whole(image):
    return tf.clip_by_value(tf.floor(image + 0.5), 0.0, 255.0)
