"""Dropout whose every decision hangs on a key, an epoch and a place alone: the same in any batch and on any grid."""

import tensorflow as tf

_PARTS = 2**16          # rates are whole multiples of one over this
_ROWS, _COLUMNS = 2**21, 2**10      # between the counters of neighbouring rows and columns


def place_dropout(keys, epoch, rows, columns, channels: int, rate: float = 0.5):
    """Draws what dropout multiplies maps by.

        factor = 0 where hash(key, epoch, row, column, channel) < rate, else 1 / (1 - rate)

    Neither the other images of a batch nor the size of the grid changes what is drawn at a place. Two rounds of a
    32-bit hash give 16 bits to each of two channels; maps up to 2048 x 2048 positions and 2048 channels repeat nothing.

    Args:
        keys: int32 `(batch, 2)`, 64 random bits for each image.
        epoch: integer scalar.
        rows: int or integer scalar. Of the grid.
        columns: int or integer scalar. Of the grid.
        channels: int.
        rate: float in `[0, 1)`. Share of zeros, to 1/65536.

    Returns:
        float32 `(batch, rows, columns, channels)`.

    Example:

    >>> factors = place_dropout([[1, 2], [3, 4]], 0, 30, 40, 16)
    >>> sorted(set(factors.numpy().ravel().tolist())), abs(float(tf.reduce_mean(factors)) - 1) < 0.05
    ([0.0, 2.0], True)
    >>> bool(tf.reduce_all(place_dropout([[3, 4]], 0, 5, 50, 16)[0, :, :40] == factors[1, :5]))
    True
    """
    words = -(-channels // 2)
    counter = (_number(tf.range(rows))[:, None, None] * _number(_ROWS) + _number(tf.range(columns))[:, None]
               * _number(_COLUMNS) + _number(tf.range(words)))               # (row, column, word)
    keys = tf.bitcast(tf.cast(keys, tf.int32), tf.uint32)
    first = _mixed(keys[:, 0] + _number(epoch) * _number(0x9E3779B9))
    second = _mixed(tf.bitwise.bitwise_xor(keys[:, 1], first))
    first, second = (tf.reshape(key, (-1, 1, 1, 1)) for key in (first, second))
    drawn = _mixed(_mixed(tf.bitwise.bitwise_xor(counter, first)) + second)
    halves = tf.reshape(tf.bitcast(drawn, tf.uint16), (tf.shape(keys)[0], rows, columns, 2 * words))[..., :channels]
    kept = halves >= tf.constant(round(rate * _PARTS), tf.uint16)
    return tf.cast(kept, tf.float32) / (1.0 - rate)


def _number(value):
    return tf.cast(tf.convert_to_tensor(value, tf.int64 if isinstance(value, int) else None), tf.uint32)


def _mixed(value):
    """A hash of 32 bits to 32 bits that loses none (the constants of Wellons' lowbias32)."""
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        value = tf.bitwise.bitwise_xor(value, tf.bitwise.right_shift(value, _number(shift))) * _number(factor)
    return tf.bitwise.bitwise_xor(value, tf.bitwise.right_shift(value, _number(16)))
