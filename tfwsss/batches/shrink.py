"""Label maps on the grid of a network: the commonest label of each cell, or by the two rules of CIAN's releases."""

import tensorflow as tf

from tfwsss.errors import UserError
from tfwsss.palette import IGNORE

RULES = ("stride", "bilinear_ids")
"""How a position's label is found."""


def reduce_ids(ids, block: int, num_ids: int):
    """Reduces masks to the commonest id of each cell, the lower of equals; ids beyond the last and the border are 255.

    Args:
        ids: int32 `(batch, row, column)`, 0 to num_ids - 1, or 255.
        block: side of a cell in pixels.
        num_ids: number of ids.

    Returns:
        int32 `(batch, ceil(row / block), ceil(column / block))`.

    Example:
    >>> reduce_ids(tf.constant([[[1, 1, 0], [1, 2, 255]]]), 2, 3).numpy().tolist()
    [[[1, 255]]]
    """
    rows, columns = ids.shape[1] or tf.shape(ids)[1], ids.shape[2] or tf.shape(ids)[2]
    full = tf.pad(tf.minimum(ids, num_ids), [[0, 0], [0, -rows % block], [0, -columns % block]],
                  constant_values=num_ids)
    counts = tf.nn.avg_pool2d(tf.one_hot(full, num_ids + 1), block, block, "VALID")       # of each id
    common = tf.argmax(counts, axis=-1, output_type=tf.int32)
    return tf.where(common == num_ids, IGNORE, common)


def shrink_ids(ids, stride: int, rule: str = "stride"):
    """Reduces label maps to one label for each position of a network's grid.

    "stride" takes the pixel that lies under the position: the first public release,
    at sides 8k + 1 and stride 8. "bilinear_ids" is the later one: class numbers are
    resized as if they were grey values, in OpenCV's whole-number arithmetic, so that
    between two classes stands the number of a third. For comparisons only.

    Args:
        ids: int32 `(..., row, column)`, 0 to 255.
        stride: pixels between positions.
        rule: "stride" or "bilinear_ids".

    Returns:
        int32 `(..., ceil(row / stride), ceil(column / stride))`.

    Raises:
        UserError: an unknown rule.

    Example:
    >>> ids = tf.constant([[0, 0, 15, 15, 15, 15, 15, 15]])
    >>> shrink_ids(ids, 4).numpy().tolist(), shrink_ids(ids, 4, "bilinear_ids").numpy().tolist()
    ([[0, 15]], [[8, 15]])
    """
    if rule not in RULES:
        raise UserError(f"label_shrink is {rule!r}; expected {' or '.join(map(repr, RULES))}")
    ids = tf.convert_to_tensor(ids)
    if rule == "stride":
        return ids[..., ::stride, ::stride]
    upper, lower = _shares(ids, stride, -2)
    left, right = _shares(ids, stride, -1)
    along = tf.gather(ids, left[0], axis=-1) * left[1] + tf.gather(ids, right[0], axis=-1) * right[1]
    parts = [share[:, None] * (tf.gather(along, place, axis=-2) // 16) // 65536 for place, share in (upper, lower)]
    return (parts[0] + parts[1] + 2) // 4


def _shares(ids, stride: int, axis: int):
    """Returns the places of the two pixels that a position reads along an axis, each with its share of 2048."""
    source = tf.shape(ids)[axis]
    target = -(-source // stride)
    step = tf.cast(source, tf.float64) / tf.cast(target, tf.float64)
    place = tf.cast((tf.range(tf.cast(target, tf.float64), dtype=tf.float64) + 0.5) * step - 0.5, tf.float32)
    first = tf.cast(tf.floor(place), tf.int32)
    share = tf.where((first < 0) | (first >= source - 1), 0.0, place - tf.floor(place))
    first = tf.clip_by_value(first, 0, source - 1)
    second = tf.minimum(first + 1, source - 1)
    return [(pixel, tf.cast(tf.round(part * 2048), tf.int32)) for pixel, part in ((first, 1 - share), (second, share))]
