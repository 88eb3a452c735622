"""What the headers of a JPEG or PNG say, read inside a TensorFlow graph: pixels, orientation, transparency."""

from typing import NamedTuple

import tensorflow as tf

_MOST_PARTS = 2000          # segments or runs of chunks that are passed: many more than photographs have
_WINDOW = 1024              # bytes in which the next marker is looked for at once
_RUN = 256                  # chunks of one name and length that are passed at once: encoders write pixels in such
_EXIF = (69, 120, 105, 102, 0, 0)
_ORIENTATION, _SHORT, _LONG = 0x0112, 3, 4     # the tag, and the types that hold its number
_AFTER = 2 * _WINDOW        # zeros behind the file, so that nothing is read beyond it


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
        data = tf.pad(tf.io.decode_raw(contents, tf.uint8), [[0, _AFTER]])
    return Header(*tf.cond(is_jpeg, lambda: _of_jpeg(contents, data), lambda: _of_png(data)))


def _of_jpeg(contents, data):
    """Passes the segments before the pixels; the first with EXIF counts."""
    end = tf.size(data) - _AFTER

    def look(at, exif, ended):
        window = tf.ensure_shape(data[at:at + _WINDOW + 1], [_WINDOW + 1])
        marks = (window[:-1] == 0xFF) & (window[1:] != 0xFF) & (window[1:] != 0)    # others fill up, or are junk
        first = tf.argmax(tf.cast(marks, tf.uint8), output_type=tf.int32)
        found, start = marks[first], at + first
        segment = _bytes(data, start, 10)
        kind, length = segment[1], segment[2] * 256 + segment[3]
        with_exif = found & (kind == 0xE1) & tf.reduce_all(segment[4:] == _EXIF)
        last = found & ((kind == 0xDA) | (kind == 0xD9))
        bare = (kind == 0x01) | ((kind >= 0xD0) & (kind <= 0xD8))                  # these have no length
        following = tf.where(found, start + tf.where(bare, 2, 2 + tf.maximum(length, 2)), at + _WINDOW)
        return [following, tf.where(with_exif, start + 10, exif), with_exif | last | (following >= end)]

    exif = _passed(look, [tf.constant(2), tf.constant(-1), end <= 2])[1]
    size = tf.cast(tf.image.extract_jpeg_shape(contents)[:2], tf.int64)
    return size, _orientation_at(data, exif), tf.constant(False)


def _of_png(data):
    """Passes all chunks, those of a run at once."""
    end = tf.size(data) - _AFTER
    turns = tf.range(_RUN, dtype=tf.int64)[:, None]

    def look(at, exif, clear, ended):
        chunk = _bytes(data, at, 8)
        name, step = _number(chunk[4:]), 12 + tf.minimum(_number(chunk[:4]), tf.cast(end, tf.int64))
        heads = tf.cast(at, tf.int64) + turns * step + tf.range(8, dtype=tf.int64)             # (_RUN, 8)
        heads = tf.gather(data, tf.minimum(heads, tf.cast(end, tf.int64)))
        alike = tf.reduce_all(tf.cast(heads, tf.int32) == chunk, axis=1)
        run = tf.maximum(tf.reduce_sum(tf.math.cumprod(tf.cast(alike, tf.int64))), 1)
        following = tf.cast(tf.minimum(tf.cast(at, tf.int64) + run * step, tf.cast(end, tf.int64)), tf.int32)
        exif = tf.where((name == _name("eXIf")) & (exif < 0), at + 8, exif)
        return [following, exif, clear | (name == _name("tRNS")), (name == _name("IEND")) | (following + 8 > end)]

    _, exif, clear, _ = _passed(look, [tf.constant(8), tf.constant(-1), tf.constant(False), end < 16])
    head = _bytes(data, 16, 10)
    size = tf.stack([_number(head[4:8]), _number(head[:4])])                    # columns come first
    # its transparency comes with the pixels only where these have 8 bits or more
    clear &= ((head[9] == 0) | (head[9] == 2)) & (head[8] >= 8)
    return size, _orientation_at(data, exif), clear


def _passed(look, start):
    """Repeats `look` until the last of its values is true; files of very many parts are refused."""
    values = tf.while_loop(lambda *values: ~values[-1], look, start, maximum_iterations=_MOST_PARTS)
    few = tf.debugging.Assert(values[-1], ["an image file of more than", _MOST_PARTS,
                                           "segments or chunks: save it again with another program"])
    with tf.control_dependencies([few]):
        return [tf.identity(value) for value in values]


def _orientation_at(data, start):
    """Reads the first directory of a TIFF structure; whatever is not as it should be, or below 0, gives 1."""
    return tf.cond(start < 0, lambda: tf.constant(1), lambda: _orientation(data, start))


def _orientation(data, start):
    end = tf.cast(tf.size(data) - _AFTER, tf.int64)
    head = _bytes(data, start, 8)
    little = (head[0] == 0x49) & (head[1] == 0x49)

    def number(values):
        """Of bytes along the last axis, in the structure's own order."""
        return _number(tf.where(little, tf.reverse(values, [-1]), values))

    valid = (little | ((head[0] == 0x4D) & (head[1] == 0x4D))) & (number(head[2:4]) == 42)
    directory = tf.minimum(tf.cast(start, tf.int64) + number(head[4:]), end)
    count = tf.minimum(number(_bytes(data, directory, 2)), (end - directory) // 12)
    entries = tf.reshape(data[directory + 2:directory + 2 + 12 * count], [-1, 12])
    entries = tf.cast(entries, tf.int32)
    here = tf.boolean_mask(entries, number(entries[:, :2]) == _ORIENTATION)
    entry = tf.concat([here, tf.zeros([1, 12], tf.int32)], axis=0)[0]                         # of several the first
    kind, plain = number(entry[2:4]), number(entry[4:8]) == 1
    value = tf.where(kind == _SHORT, number(entry[8:10]), tf.where(kind == _LONG, number(entry[8:]), 0))
    return tf.cast(tf.where(valid & plain & (value >= 1) & (value <= 8), value, 1), tf.int32)


def _bytes(data, at, count: int):
    """Returns int32 `(count,)`, of the zeros behind the file where it is beyond."""
    at = tf.minimum(at, tf.cast(tf.size(data) - count, at.dtype) if tf.is_tensor(at) else tf.size(data) - count)
    return tf.ensure_shape(tf.cast(data[at:at + count], tf.int32), [count])


def _number(values):
    """Returns the unsigned numbers of bytes along the last axis, the highest first, as int64."""
    weights = [256**place for place in reversed(range(values.shape[-1]))]
    return tf.reduce_sum(tf.cast(values, tf.int64) * tf.constant(weights, tf.int64), axis=-1)


def _name(chunk: str) -> int:
    return int.from_bytes(chunk.encode(), "big")
