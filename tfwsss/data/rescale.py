"""Scaling of whole images inside a graph to the last grey level as Pillow does it, for the published programs."""

import numpy as np
import tensorflow as tf


def scale_image_smoothly(image, size):
    """Resizes an image by cubic weights that widen with the reduction, to the last grey level as Pillow.

        out = sum_p w[p] in[p],   w: Keys' cubic (a = -1/2) over 4 max(1, old / new) pixels, sum 1

    Weights are rounded to 22 binary digits. Columns come first, as in the Pillow of the published programs (recent
    ones choose), then rows; both results are rounded to bytes.

    Args:
        image: uint8 `(row, column, channel)`, or a batch of them.
        size: int32 `(2,)`, rows and columns of the result.

    Returns:
        uint8 `(rows, columns, channel)`, or a batch of them; the same size changes nothing.

    Example:
    >>> scale_image_smoothly(tf.constant([[[0], [90]]], tf.uint8), (1, 4))[0, :, 0].numpy().tolist()
    [0, 19, 71, 98]
    """
    image = tf.convert_to_tensor(image)
    scaled = _scale_axis(_scale_axis(image, -2, size[1]), -3, size[0])
    return tf.ensure_shape(scaled, (*image.shape[:-3], None, None, image.shape[-1]))


def _scale_axis(image, axis: int, new):
    """Resizes rows (axis -3) or columns (axis -2); in doubles, which hold these whole numbers exactly on any device."""
    places = list(range(image.shape.rank))
    order = [places[axis], *(place for place in places if place != places[axis])]
    shape = tf.gather(tf.shape(image), order)
    flat = tf.reshape(tf.cast(tf.transpose(image, order), tf.float64), [shape[0], -1])           # (old, all the rest)
    total = tf.sparse.sparse_dense_matmul(_cubic_weights(shape[0], new), flat)
    grey = tf.cast(tf.clip_by_value(tf.floor((total + 2.0**21) / 2.0**22), 0.0, 255.0), tf.uint8)
    return tf.transpose(tf.reshape(grey, tf.concat([[new], shape[1:]], axis=0)), np.argsort(order))


def _cubic_weights(old, new):
    """Returns what each new pixel takes of each old one, in 2^-22: sparse float64 `(new, old)`."""
    step = tf.cast(old, tf.float64) / tf.cast(new, tf.float64)
    wide = tf.maximum(step, 1.0)
    centre = (tf.range(tf.cast(new, tf.float64), dtype=tf.float64) + 0.5) * step
    first = tf.cast(tf.maximum(tf.floor(centre - 2 * wide + 0.5), 0.0), tf.int32)
    last = tf.minimum(tf.cast(tf.floor(centre + 2 * wide + 0.5), tf.int32), old)
    place = first[:, None] + tf.range(tf.reduce_max(last - first))[None]                                # (new, tap)
    x = tf.abs((tf.cast(place, tf.float64) - centre[:, None] + 0.5) * (1 / wide))
    near, far = (1.5 * x - 2.5) * x * x + 1, -0.5 * (((x - 5) * x + 8) * x - 4)
    weights = tf.where(x < 1, near, tf.where(x < 2, far, 0.0))
    weights = tf.where(place < last[:, None], weights, 0.0)
    weights = weights / tf.reduce_sum(weights, axis=1, keepdims=True)
    whole = tf.sign(weights) * tf.floor(tf.abs(weights) * 2.0**22 + 0.5)
    where = tf.where(whole != 0)                                                                         # row, tap
    columns = tf.cast(tf.gather_nd(place, where), tf.int64)
    size = tf.cast(tf.stack([new, old]), tf.int64)
    return tf.SparseTensor(tf.stack([where[:, 0], columns], axis=1), tf.gather_nd(whole, where), size)
