"""Pillow's resizing inside a TensorFlow graph, to the last grey level, as the published programs use it."""

import numpy as np
import tensorflow as tf

_BITS = 22
"""Of the fraction of a weight: whole numbers, so that sums are the same in any order."""


def _bilinear(x):
    return tf.maximum(1.0 - x, 0.0)


def _cubic(x):
    near, far = (1.5 * x - 2.5) * x * x + 1, -0.5 * (((x - 5) * x + 8) * x - 4)
    return tf.where(x < 1, near, tf.where(x < 2, far, 0.0))


_KERNELS = {"bilinear": (_bilinear, 1), "cubic": (_cubic, 2)}        # of a distance, and where it ends


def resize_as_pillow(image, size, kernel: str = "bilinear"):
    """Resizes an image by weights that widen with the reduction, in Pillow's own whole-number arithmetic.

    First along the rows, then along the columns, cut to bytes in between, as in the
    Pillow of the published programs (recent ones choose). Of n pixels made from m, at step s = m / n:

        weight of pixel x for i = k(|x + 1/2 - (i + 1/2) s| / max(s, 1)),  divided by their sum,
        rounded to 22 bits;   byte = floor(1/2 + sum of weights times pixels), 0 to 255
        k(d) = max(0, 1 - d), or Keys' cubic with a = -1/2

    Args:
        image: uint8 `(row, column, channel)`, or a batch of them.
        size: int32 `(2,)`, rows and columns of the result.
        kernel: "bilinear" or "cubic".

    Returns:
        uint8 `(rows, columns, channel)`, or a batch of them; the same size changes nothing.

    Example:
    >>> resize_as_pillow(tf.constant([[[0], [90]]], tf.uint8), (1, 4))[0, :, 0].numpy().tolist()
    [0, 23, 68, 90]
    >>> resize_as_pillow(tf.constant([[[0], [90]]], tf.uint8), (1, 4), "cubic")[0, :, 0].numpy().tolist()
    [0, 19, 71, 98]
    """
    image = tf.convert_to_tensor(image)
    known = (*image.shape[:-3], None, None, image.shape[-1])
    for axis in (-2, -3):
        image = _resize_axis(image, axis, tf.cast(size[axis + 3], tf.int32), kernel)
    return tf.ensure_shape(image, known)


def _resize_axis(image, axis: int, new, kernel: str):
    """Resizes rows (axis -3) or columns (axis -2); in doubles, which hold these whole numbers exactly on any device."""
    places = list(range(image.shape.rank))
    order = [places[axis], *(place for place in places if place != places[axis])]
    shape = tf.gather(tf.shape(image), order)
    flat = tf.reshape(tf.cast(tf.transpose(image, order), tf.float64), [shape[0], -1])           # (old, all the rest)
    total = tf.sparse.sparse_dense_matmul(_weights(shape[0], new, *_KERNELS[kernel]), flat)
    grey = tf.floor((total + 2.0**(_BITS - 1)) / 2.0**_BITS)
    grey = tf.cast(tf.clip_by_value(grey, 0.0, 255.0), tf.uint8)
    return tf.transpose(tf.reshape(grey, tf.concat([[new], shape[1:]], axis=0)), np.argsort(order))


def _weights(old, new, kernel, support: int):
    """Returns what each new pixel takes of each old one, in 2^-22: sparse float64 `(new, old)`."""
    step = tf.cast(old, tf.float64) / tf.cast(new, tf.float64)
    wide = tf.maximum(step, 1.0)
    centre = (tf.range(tf.cast(new, tf.float64), dtype=tf.float64) + 0.5) * step
    first = tf.cast(tf.maximum(tf.floor(centre - support * wide + 0.5), 0.0), tf.int32)
    last = tf.minimum(tf.cast(tf.floor(centre + support * wide + 0.5), tf.int32), old)
    place = first[:, None] + tf.range(tf.reduce_max(last - first))[None]                                # (new, tap)
    weights = kernel(tf.abs((tf.cast(place, tf.float64) - centre[:, None] + 0.5) * (1 / wide)))
    weights = tf.where(place < last[:, None], weights, 0.0)
    weights = weights / tf.reduce_sum(weights, axis=1, keepdims=True)
    whole = tf.sign(weights) * tf.floor(tf.abs(weights) * 2.0**_BITS + 0.5)
    where = tf.where(whole != 0)                                                                         # row, tap
    columns = tf.cast(tf.gather_nd(place, where), tf.int64)
    size = tf.cast(tf.stack([new, old]), tf.int64)
    return tf.SparseTensor(tf.stack([where[:, 0], columns], axis=1), tf.gather_nd(whole, where), size)
