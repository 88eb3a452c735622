"""What the headers of a JPEG or PNG say, read inside a TensorFlow graph: pixels, orientation, transparency."""

from typing import NamedTuple

import tensorflow as tf

_MOST_PARTS = 20_000        # segments or chunks looked at: many more than photographs have
_EXIF = b"Exif\0\0"
_ORIENTATION, _SHORT, _LONG = 0x0112, 3, 4     # the tag, and the types that hold its number


class Header(NamedTuple):
    """What is known of an image before its pixels are decoded.

    Args:
        size: int64 `(2,)`, rows and columns as stored.
        orientation: int32 scalar, the EXIF value 1 to 8; 1 (upright) where there is none that is valid.
        clear_colour: boolean scalar, whether one colour of a grey or RGB PNG is transparent.
    """

    size: tf.Tensor
    orientation: tf.Tensor
    clear_colour: tf.Tensor


def read_header(contents):
    """Reads the header of a JPEG or PNG.

    Args:
        contents: scalar string, the bytes of the file.

    Returns:
        Header.

    Raises:
        tf.errors.InvalidArgumentError: the bytes are neither JPEG nor PNG.

    Example:
    >>> header = read_header(tf.io.encode_png(tf.zeros([2, 3, 1], tf.uint8)))
    >>> header.size.numpy().tolist(), int(header.orientation), bool(header.clear_colour)
    ([2, 3], 1, False)
    """
    is_jpeg = tf.strings.substr(contents, 0, 2) == b"\xff\xd8"
    is_png = tf.strings.substr(contents, 0, 8) == b"\x89PNG\r\n\x1a\n"
    known = tf.debugging.Assert(is_jpeg | is_png, ["not an image: expected the bytes of a JPEG or PNG file"])
    with tf.control_dependencies([known]):
        data = tf.io.decode_raw(contents, tf.uint8)
    return Header(*tf.cond(is_jpeg, lambda: _of_jpeg(contents, data), lambda: _of_png(data)))


def _of_jpeg(contents, data):
    """Walks the segments before the pixels; the first with EXIF counts."""
    def exif_at(at):
        return (_number(data, at + 1, 1) == 0xE1) & tf.reduce_all(_bytes(data, at + 4, 6) == tf.constant(list(_EXIF)))

    def more(at):
        kind = _number(data, at + 1, 1)
        return (_number(data, at, 1) == 0xFF) & (kind != 0xDA) & (kind != 0xD9) & ~exif_at(at)

    def following(at):
        kind = _number(data, at + 1, 1)
        bare = (kind == 0x01) | ((kind >= 0xD0) & (kind <= 0xD8))               # these have no length
        step = tf.where(bare, 2, 2 + tf.maximum(_number(data, at + 2, 2), 2))
        return [at + tf.where(kind == 0xFF, 1, step)]                           # bytes that fill up

    at, = tf.while_loop(more, following, [tf.constant(2)], maximum_iterations=_MOST_PARTS)
    size = tf.cast(tf.image.extract_jpeg_shape(contents)[:2], tf.int64)
    return size, tf.cond(exif_at(at), lambda: _orientation(data, at + 10), lambda: tf.constant(1)), tf.constant(False)


def _of_png(data):
    """Walks all chunks."""
    def look(at, exif, clear):
        name = _number(data, at + 4, 4)
        exif = tf.where((name == _name("eXIf")) & (exif < 0), at + 8, exif)
        step = 12 + tf.minimum(_number(data, at, 4), tf.size(data))
        return [at + step, exif, clear | (name == _name("tRNS"))]

    _, exif, clear = tf.while_loop(lambda at, *_: at + 8 <= tf.size(data), look,
                                   [tf.constant(8), tf.constant(-1), tf.constant(False)],
                                   maximum_iterations=_MOST_PARTS)
    size = tf.stack([_number(data, 16 + at, 4) for at in (4, 0)])              # columns come first
    kind = _number(data, 25, 1)
    # its transparency comes with the pixels only where these have 8 bits or more
    clear &= ((kind == 0) | (kind == 2)) & (_number(data, 24, 1) >= 8)
    return tf.cast(size, tf.int64), tf.cond(exif < 0, lambda: tf.constant(1), lambda: _orientation(data, exif)), clear


def _orientation(data, start):
    """Reads the first directory of a TIFF structure; whatever is not as it should be gives 1."""
    little = _number(data, start, 2) == 0x4949

    def number(at, count):
        plain, turned = _number(data, at, count), _number(data, at, count, little=True)
        return tf.where(little, turned, plain)

    valid = (little | (_number(data, start, 2) == 0x4D4D)) & (number(start + 2, 2) == 42)
    directory = start + tf.clip_by_value(number(start + 4, 4), 0, tf.size(data))
    entries = directory + 2 + 12 * tf.range(number(directory, 2))
    entries = tf.boolean_mask(entries, entries + 12 <= tf.size(data))
    here = tf.map_fn(lambda entry: number(entry, 2) == _ORIENTATION, entries, fn_output_signature=tf.bool)
    entry = tf.concat([tf.boolean_mask(entries, here), [tf.size(data)]], axis=0)[0]      # beyond the end all is 0
    kind = number(entry + 2, 2)
    value = tf.where(kind == _SHORT, number(entry + 8, 2), tf.where(kind == _LONG, number(entry + 8, 4), 0))
    return tf.where(valid & (number(entry + 4, 4) == 1) & (value >= 1) & (value <= 8), value, 1)


def _bytes(data, at, count: int):
    """Returns int32 `(count,)`; 0 beyond the end."""
    places = at + tf.range(count)
    inside = (places >= 0) & (places < tf.size(data))
    return tf.where(inside, tf.cast(tf.gather(data, tf.where(inside, places, 0)), tf.int32), 0)


def _number(data, at, count: int, little: bool = False):
    """Returns an unsigned number of up to four bytes; what does not fit into int32 becomes its largest."""
    weights = [256**k for k in range(count)]
    found = tf.cast(_bytes(data, at, count), tf.int64)
    total = tf.reduce_sum(found * tf.constant(weights if little else weights[::-1], tf.int64))
    return tf.cast(tf.minimum(total, 2**31 - 1), tf.int32)


def _name(chunk: str) -> int:
    return int.from_bytes(chunk.encode(), "big")
