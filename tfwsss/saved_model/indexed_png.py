"""Writes an indexed PNG inside a TensorFlow graph; TensorFlow itself writes grey and colours only."""

import zlib

import numpy as np
import tensorflow as tf

_HEADER, _PALETTE_KIND = 33, 3      # bytes before the second chunk; the colour type of indices


def encode_indexed(ids, palette: np.ndarray):
    """Encodes a mask as the artefacts hold it: ids for programs, colours for people.

    The grey PNG that TensorFlow writes gets another colour type, the checksum of
    its header anew, and the palette as second chunk.

    Args:
        ids: uint8 `(row, column)`.
        palette: uint8 `(256, 3)`.

    Returns:
        Scalar string, the bytes of the file.

    Example:
    >>> import io
    >>> from PIL import Image
    >>> palette = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    >>> picture = Image.open(io.BytesIO(encode_indexed(tf.constant([[4, 255]], tf.uint8), palette).numpy()))
    >>> picture.mode, np.array(picture).tolist()
    ('P', [[4, 255]])
    """
    grey = tf.io.encode_png(ids[..., None])
    named = tf.concat([tf.io.decode_raw(tf.strings.substr(grey, 12, 13), tf.uint8), [_PALETTE_KIND],
                       tf.io.decode_raw(tf.strings.substr(grey, 26, 3), tf.uint8)], axis=0)     # IHDR and its contents
    body = b"PLTE" + np.ascontiguousarray(palette, np.uint8).tobytes()
    colours = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    checksum = _checksum(tf.cast(named, tf.int64), 17)
    return tf.strings.join([tf.strings.substr(grey, 0, 12), _text(named), _text(checksum), tf.constant(colours),
                            tf.strings.substr(grey, _HEADER, -1)])


def _checksum(data, count: int):
    """Returns the CRC-32 of int64 `(count,)` bytes as four bytes, the highest first."""
    table = np.arange(256, dtype=np.int64)
    for _ in range(8):
        table = np.where(table & 1, 0xEDB88320 ^ (table >> 1), table >> 1)
    crc = tf.constant(0xFFFFFFFF, tf.int64)
    for place in range(count):
        crc = tf.bitwise.bitwise_xor(tf.gather(table, tf.bitwise.bitwise_xor(crc, data[place]) % 256), crc // 256)
    crc = tf.bitwise.bitwise_xor(crc, tf.constant(0xFFFFFFFF, tf.int64))
    return tf.cast(crc // tf.constant([1 << 24, 1 << 16, 1 << 8, 1], tf.int64) % 256, tf.uint8)


def _text(data):
    """Turns uint8 `(byte,)` into a string."""
    letters = tf.constant([bytes([value]) for value in range(256)])
    return tf.strings.reduce_join(tf.gather(letters, tf.cast(data, tf.int32)))
