"""Decoding and geometry of images, masks and regions inside a TensorFlow graph; training and serving share it."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfwsss.data import png


def decode_image(contents):
    """Decodes one JPEG or PNG, told apart by its contents.

    JPEG uses the accurate integer transform, which gives Pillow's pixels;
    transparent PNG pixels are laid on white, 16 bits reduced to the upper 8.

    Args:
        contents: scalar string, the bytes of the file.

    Returns:
        uint8 `(row, column, 3)`, red, green, blue.

    Raises:
        tf.errors.InvalidArgumentError: the bytes are neither JPEG nor PNG, or are cut off.

    Example:
    >>> blue = np.full((2, 3, 3), (0, 0, 255), np.uint8)
    >>> decode_image(tf.io.encode_png(blue)).numpy()[1, 2].tolist()
    [0, 0, 255]
    """
    image = tf.cond(tf.strings.substr(contents, 0, 2) == b"\xff\xd8",
                    lambda: tf.io.decode_jpeg(contents, channels=3, dct_method="INTEGER_ACCURATE"),
                    lambda: png.decode_rgb(contents))
    return tf.ensure_shape(image, (None, None, 3))


def decode_mask(contents, palette: np.ndarray | None = None):
    """Decodes a PNG mask to class ids, whatever way it holds them.

    Grey values are ids. TensorFlow expands an indexed PNG to colours; they are
    looked up in the file's own palette. Colours of a colour PNG are looked up
    in `palette`.

    Args:
        contents: scalar string, the bytes of the file.
        palette: uint8 `(256, 3)`, all rows different, for colour PNGs.

    Returns:
        int32 `(row, column)`: background 0, ignore 255.

    Raises:
        tf.errors.InvalidArgumentError: no PNG, or a colour that is not in the palette.

    Example:
    >>> decode_mask(tf.io.encode_png(np.array([[[0], [255]]], np.uint8))).numpy().tolist()
    [[0, 255]]
    """
    return png.decode_ids(contents, np.zeros((1, 3), np.uint8) if palette is None else palette)


def decode_regions(contents):
    """Decodes superpixel ids stored as a colour PNG, id = blue + 256 green + 65536 red.

    Args:
        contents: scalar string, the bytes of the file.

    Returns:
        int32 `(row, column)`.
    """
    colours = tf.cast(tf.io.decode_png(contents, channels=3), tf.int32)
    return colours[..., 0] * 65536 + colours[..., 1] * 256 + colours[..., 2]


def scaled_size(size, factor):
    """Scales rows and columns.

    Args:
        size: int32 `(2,)`.
        factor: scalar.

    Returns:
        int32 `(2,)`, int(side * factor + 0.5) of each side.
    """
    return tf.cast(tf.cast(size, tf.float64) * tf.cast(factor, tf.float64) + 0.5, tf.int32)


def scale_image(image, size):
    """Resizes an image by bilinear weights between pixel centres, the rule of OpenCV.

    Args:
        image: uint8 `(row, column, channel)`, or a batch of them.
        size: int32 `(2,)`, rows and columns of the result.

    Returns:
        uint8 `(rows, columns, channel)`, or a batch of them, rounded to the nearest; the same size changes nothing.
    """
    resized = tf.image.resize(image, size, method="bilinear", antialias=False)
    return tf.cast(tf.clip_by_value(tf.floor(resized + 0.5), 0.0, 255.0), tf.uint8)


def scale_ids(ids, size):
    """Resizes a mask or regions by taking the nearest pixel, the rule of OpenCV: floor(place * old / new).

    Args:
        ids: integers `(row, column)`.
        size: int32 `(2,)`, rows and columns of the result.

    Returns:
        Integers `(rows, columns)`; no value appears that was not there.
    """
    for axis in (0, 1):
        old = tf.shape(ids)[axis]
        new = tf.cast(size[axis], tf.float64)
        step = 1.0 / (new / tf.cast(old, tf.float64))     # in doubles and in this order, so that ties fall as there
        places = tf.cast(tf.floor(tf.range(new, dtype=tf.float64) * step), tf.int32)
        ids = tf.gather(ids, tf.minimum(places, old - 1), axis=axis)
    return ids


def mirror(x, mirrored):
    """Flips left and right where `mirrored` is true.

    Args:
        x: `(row, column)` or `(row, column, channel)`.
        mirrored: scalar boolean.

    Returns:
        Same shape and type as `x`.
    """
    return tf.cond(mirrored, lambda: tf.reverse(x, axis=[1]), lambda: x)


def pad(x, rows, columns, value, draws: Sequence[float] = (0.0, 0.0)):
    """Pads up to a size; larger sides stay as they are.

    Args:
        x: `(row, column)` or `(row, column, channel)`.
        rows: rows to reach.
        columns: columns to reach.
        value: scalar, or one number for each channel. For regions use `next_id`, for masks 255.
        draws: float `(2,)` in [0, 1), share of the padding above and on the left; all whole numbers of pixels are
            equally likely. 0 leaves `x` at the upper left.

    Returns:
        Same type and rank as `x`, at least `rows` by `columns`.

    Example:
    >>> pad(tf.constant([[7]]), 2, 2, 255).numpy().tolist()
    [[7, 255], [255, 255]]
    """
    shape = tf.shape(x)
    missing = tf.maximum(tf.stack([rows - shape[0], columns - shape[1]]), 0)
    before = tf.minimum(tf.cast(tf.cast(draws, tf.float32) * tf.cast(missing + 1, tf.float32), tf.int32), missing)
    margins = [[before[axis], missing[axis] - before[axis]] for axis in (0, 1)] + [[0, 0]] * (x.shape.rank - 2)
    return _padded(x, margins, value)


def fill(image, rows, columns, colour):
    """Adds a colour below and on the right of an image, up to a size.

    Args:
        image: `(row, column, channel)`, or a batch of them, no larger than that size.
        rows: of the result.
        columns: of the result.
        colour: one number for each channel.

    Returns:
        `(rows, columns, channel)`, or a batch of them, of the same type.

    Example:
    >>> fill(tf.constant([[[7]]]), 2, 1, [9]).numpy().ravel().tolist()
    [7, 9]
    """
    shape = tf.shape(image)
    margins = [[0, 0]] * (image.shape.rank - 3) + [[0, rows - shape[-3]], [0, columns - shape[-2]], [0, 0]]
    return _padded(image, margins, colour)


def _padded(x, margins, value):
    """Pads with one value, or one for each channel."""
    inside = tf.pad(tf.ones_like(x[..., :1] if x.shape.rank > 2 else x, tf.bool), margins)
    return tf.where(inside, tf.pad(x, margins), tf.cast(value, x.dtype))


def next_id(regions):
    """Returns the first free region id: the padding is a superpixel of its own.

    Args:
        regions: int32 `(row, column)`.
    """
    return tf.reduce_max(regions) + 1


def crop_offsets(size, rows: int, columns: int, draws):
    """Turns two uniform draws into the upper left corner of a crop, all positions being equally likely.

    Args:
        size: int32 `(2,)`, rows and columns of the padded image.
        rows: rows of the crop.
        columns: columns of the crop.
        draws: float `(2,)` in [0, 1): row first, then column.

    Returns:
        int32 `(2,)`.
    """
    positions = tf.maximum(size - tf.stack([rows, columns]) + 1, 1)
    offsets = tf.cast(tf.floor(draws * tf.cast(positions, draws.dtype)), tf.int32)
    return tf.minimum(offsets, positions - 1)      # float rounding may reach the end


def crop(x, offsets, rows: int, columns: int):
    """Cuts out a rectangle.

    Args:
        x: `(row, column)` or `(row, column, channel)`.
        offsets: int32 `(2,)`, upper left corner.
        rows: rows of the crop.
        columns: columns of the crop.

    Returns:
        `(rows, columns)` or `(rows, columns, channel)`.
    """
    cut = x[offsets[0]:offsets[0] + rows, offsets[1]:offsets[1] + columns]
    return tf.ensure_shape(cut, (rows, columns) + tuple(x.shape[2:]))
