"""From the bytes of a photograph to upright pixels, inside a TensorFlow graph."""

import tensorflow as tf

from tfwsss.data import png
from tfwsss.data.images import decode_image
from tfwsss.data.reading import MAX_SIDE
from tfwsss.saved_model.headers import read_header


def decode(contents, max_pixels: int):
    """Decodes a JPEG or PNG as `data.reading.read_rgb` shows it.

    EXIF orientation is applied, transparency laid on white, grey becomes RGB. The
    header decides whether the pixels are decoded at all.

    Args:
        contents: scalar string, the bytes of the file.
        max_pixels: larger images are refused.

    Returns:
        uint8 `(row, column, 3)`.

    Raises:
        tf.errors.InvalidArgumentError: neither JPEG nor PNG, cut off, larger than allowed, or longer than `MAX_SIDE`.

    Example:
    >>> decode(tf.io.encode_png(tf.fill([1, 2, 1], tf.constant(7, tf.uint8))), 100).numpy().tolist()
    [[[7, 7, 7], [7, 7, 7]]]
    """
    header = read_header(contents)
    rows, columns = header.size[0], header.size[1]
    small = tf.debugging.Assert(rows * columns <= max_pixels,
                                ["image of", columns, "x", rows, "pixels: more than the limit of", max_pixels])
    short = tf.debugging.Assert(tf.reduce_max(header.size) <= MAX_SIDE,
                                ["image of", columns, "x", rows, "pixels: a side of more than", MAX_SIDE])
    with tf.control_dependencies([small, short]):
        contents = tf.identity(contents)
    image = tf.cond(header.clear_colour, lambda: png.on_white(tf.io.decode_png(contents, channels=4)),
                    lambda: decode_image(contents))
    return tf.ensure_shape(_upright(image, header.orientation), (None, None, 3))


def _upright(image, orientation):
    """Turns an image by its EXIF orientation."""
    def one_of(*values):
        return tf.reduce_any(orientation == tf.constant(values))

    image = tf.cond(orientation >= 5, lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
    image = tf.cond(one_of(2, 3, 6, 7), lambda: tf.reverse(image, [1]), lambda: image)
    return tf.cond(one_of(3, 4, 7, 8), lambda: tf.reverse(image, [0]), lambda: image)
