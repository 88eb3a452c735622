"""A whole image at the upper left of a square canvas; class maps are made of such canvases, in batches and served."""

import tensorflow as tf

from tfwsss.data import images as graph


def on_canvas(image, side: int, base: int, grey):
    """Lays an image on a canvas.

    An image whose longer side exceeds `base` is reduced to it; then it is scaled
    by (side - 1) / (base - 1), so that canvases of several sides show the same scene.

    Args:
        image: uint8 `(row, column, 3)`.
        side: pixels of the canvas.
        base: pixels of the canvas at scale 1.
        grey: colour of the rest of the canvas, one number for each channel.

    Returns:
        float32 `(side, side, 3)` in 0-255.

    Example:
    >>> on_canvas(tf.fill([1, 2, 3], tf.constant(9, tf.uint8)), 3, 3, [0, 0, 0]).numpy()[..., 0].tolist()
    [[9.0, 9.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    factor = (side - 1) / (base - 1) if side != base else 1.0
    longer = tf.cast(tf.reduce_max(tf.shape(image)[:2]), tf.float64)
    scale = factor * tf.minimum(tf.constant(1.0, tf.float64), base / longer)
    size = tf.clip_by_value(graph.scaled_size(tf.shape(image)[:2], scale), 1, side)
    image = tf.cast(graph.scale_image(image, size), tf.float32)
    return tf.ensure_shape(graph.pad(image, side, side, grey), (side, side, 3))
