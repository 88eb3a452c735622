"""What TensorFlow's PNG decoder does not do itself: indices of palettes, pixels of few bits, transparency."""

import numpy as np
import tensorflow as tf

_GREY_KIND, _PALETTE_KIND, _FIRST_ALPHA_KIND = 0, 3, 4     # colour types of PNG
_HEADER = 33        # bytes of a PNG before its second chunk: signature 8, IHDR 4 + 4 + 13 + 4


def decode_rgb(contents):
    """Decodes a PNG of any kind as viewers show it on white paper.

    TensorFlow makes up a wrong alpha channel for pixels of fewer than 8 bits,
    so it is asked for one only where the file has it. One thing is not seen: a
    single transparent colour of a grey or RGB file (`survey` converts those).

    Args:
        contents: scalar string, the bytes of the file.

    Returns:
        uint8 `(row, column, 3)`.
    """
    _, kind = _header(contents)

    def indexed():
        colours = tf.io.decode_png(contents, channels=0)        # four channels where colours are transparent
        return tf.cond(tf.shape(colours)[-1] == 4, lambda: on_white(colours), lambda: colours)

    return tf.case([(kind == _PALETTE_KIND, indexed),
                    (kind >= _FIRST_ALPHA_KIND, lambda: on_white(tf.io.decode_png(contents, channels=4)))],
                   default=lambda: tf.io.decode_png(contents, channels=3))


def decode_ids(contents, palette: np.ndarray):
    """Decodes a PNG mask to class ids: grey values, indices, or colours of a given palette.

    TensorFlow expands indices to colours; they are looked up in the file's own
    palette, where of equal colours the first counts.

    Args:
        contents: scalar string, the bytes of the file.
        palette: uint8 `(colour, 3)`, all rows different, for colour PNGs.

    Returns:
        int32 `(row, column)`.
    """
    depth, kind = _header(contents)
    mask = tf.cond(kind == _GREY_KIND, lambda: _grey_ids(contents, depth),
                   lambda: _colour_ids(contents, tf.cond(kind == _PALETTE_KIND, lambda: _own_palette(contents),
                                                         lambda: tf.constant(palette))))
    return tf.ensure_shape(mask, (None, None))


def _header(contents):
    """Returns bit depth and colour type of a PNG."""
    header = tf.cast(tf.io.decode_raw(tf.strings.substr(contents, 0, _HEADER), tf.uint8), tf.int32)
    return header[24], header[25]


def on_white(colours):
    """Lays transparent pixels on white.

    Args:
        colours: uint8 `(row, column, 4)`.

    Returns:
        uint8 `(row, column, 3)`.
    """
    colours = tf.cast(colours, tf.int32)
    alpha = colours[..., 3:]
    return tf.cast((colours[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255, tf.uint8)


def _grey_ids(contents, depth):
    values = tf.cast(tf.io.decode_png(contents, channels=1)[..., 0], tf.int32)
    narrow = 255 // (tf.bitwise.left_shift(1, tf.minimum(depth, 8)) - 1)   # 1, 2 and 4 bits come scaled to 0-255
    return values // narrow


def _own_palette(contents):
    """Walks the chunks of an indexed PNG up to its palette: uint8 `(colour, 3)`."""
    def field(start, size):
        return tf.cast(tf.io.decode_raw(tf.strings.substr(contents, start, size), tf.uint8), tf.int32)

    def length(start):
        return tf.tensordot(field(start, 4), tf.constant([1 << 24, 1 << 16, 1 << 8, 1]), 1)

    start, = tf.while_loop(lambda start: tf.strings.substr(contents, start + 4, 4) != b"PLTE",
                           lambda start: [start + 12 + length(start)], [tf.constant(_HEADER)], maximum_iterations=1000)
    return tf.reshape(tf.io.decode_raw(tf.strings.substr(contents, start + 8, length(start)), tf.uint8), (-1, 3))


def _colour_ids(contents, palette):
    """Looks colours up in a palette `(colour, 3)`; of equal colours the first counts."""
    weights = tf.constant([65536, 256, 1])
    known = tf.tensordot(tf.cast(palette, tf.int32), weights, 1)
    keys = tf.tensordot(tf.cast(tf.io.decode_png(contents, channels=3), tf.int32), weights, 1)
    order = tf.argsort(known, stable=True)
    colours, place = tf.unique(tf.reshape(keys, [-1]))             # a mask has few: each is looked up once
    found = tf.searchsorted(tf.gather(known, order), colours)
    found = tf.gather(order, tf.minimum(found, tf.shape(known)[0] - 1))
    right = tf.reduce_all(tf.gather(known, found) == colours)
    with tf.control_dependencies([tf.debugging.Assert(right, ["a mask has a colour that is not in its palette"])]):
        return tf.reshape(tf.gather(found, place), tf.shape(keys))
