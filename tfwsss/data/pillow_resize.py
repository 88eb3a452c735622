"""Pillow's bilinear resizing inside a TensorFlow graph, to the last grey level."""

import tensorflow as tf

_BITS = 22
"""Of the fraction of a weight: whole numbers, so that sums are the same in any order."""


def resize_as_pillow(image, size):
    """Resizes an image by bilinear weights that widen with the reduction, in Pillow's own whole-number arithmetic.

    First along the rows, then along the columns, cut to bytes in between. Of n
    pixels made from m, at step s = m / n:

        weight of pixel x for i = max(0, 1 - |x + 1/2 - (i + 1/2) s| / max(s, 1)),  divided by their sum,
        rounded to 22 bits;   byte = floor(1/2 + sum of weights times pixels), 0 to 255

    Args:
        image: uint8 `(row, column, channel)`, or a batch of them.
        size: int32 `(2,)`, rows and columns of the result.

    Returns:
        uint8 `(rows, columns, channel)`, or a batch of them; the same size changes nothing.

    Example:
    >>> resize_as_pillow(tf.constant([[[0], [90]]], tf.uint8), (1, 4))[..., 0].numpy().tolist()
    [[0, 23, 68, 90]]
    """
    for axis in (-2, -3):
        places, weights = _taps(tf.shape(image)[axis], tf.cast(size[axis + 3], tf.int32))
        taps = tf.gather(tf.cast(image, tf.int32), places, axis=axis)    # (..., row, n, tap, channel) or (n, tap, ...)
        shape = [-1, 1] if axis == -2 else [-1, 1, 1]
        weights = tf.reshape(weights, tf.concat([tf.shape(weights)[:1], [-1], shape[1:]], axis=0))
        total = tf.reduce_sum(taps * weights, axis=axis)
        image = tf.cast(tf.clip_by_value(tf.bitwise.right_shift(total + (1 << (_BITS - 1)), _BITS), 0, 255), tf.uint8)
    return image


def _taps(source, target):
    """Returns the pixels that each new pixel reads, and their weights of 22 bits, both int32 `(target, tap)`."""
    step = tf.cast(source, tf.float64) / tf.cast(target, tf.float64)
    reach = tf.maximum(step, 1.0)
    centre = (tf.range(tf.cast(target, tf.float64), dtype=tf.float64) + 0.5) * step
    first = tf.maximum(tf.cast(centre - reach + 0.5, tf.int32), 0)
    last = tf.minimum(tf.cast(centre + reach + 0.5, tf.int32), source)
    places = first[:, None] + tf.range(2 * tf.cast(tf.math.ceil(reach), tf.int32) + 1)
    away = (tf.cast(places, tf.float64) - centre[:, None] + 0.5) * (1.0 / reach)
    weights = tf.where(places < last[:, None], tf.maximum(1.0 - tf.abs(away), 0.0), 0.0)
    weights = weights / tf.reduce_sum(weights, axis=1, keepdims=True)
    return tf.minimum(places, source - 1), tf.cast(0.5 + weights * (1 << _BITS), tf.int32)
