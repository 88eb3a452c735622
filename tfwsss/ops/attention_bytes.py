"""Class maps as bytes, as OAA's programs write those that a network makes of an image in one look."""

from keras import ops

_TINY = 1e-8


def attention_bytes(maps, from_zero: bool = False):
    """Stretches every class map of an image over the bytes.

    With R = max(map, 0), all of it float32, as published:

        output = floor(255 (R - min_p R) / (max_p R - min_p R + 1e-8))
        from zero:  round(255 R / (max_p R + 1e-8))

    Args:
        maps: float `(row, column, class)`, raw; there may be no class.
        from_zero: bool. The rule of the program for PyTorch, in place of that for Caffe.

    Returns:
        float32 `(row, column, class)`, whole numbers 0 to 255. A map that is nowhere above 0 stays 0.

    Example:

    >>> maps = ops.array([[[-1.0], [1.0], [4.0]]])
    >>> [ops.convert_to_numpy(attention_bytes(maps, zero)).ravel().tolist() for zero in (False, True)]
    [[0.0, 63.0, 255.0], [0.0, 64.0, 255.0]]

    Reference: Jiang et al., OAA, ICCV 2019.
    """
    positive = ops.relu(ops.cast(maps, "float32"))
    high = ops.max(positive, axis=(0, 1), keepdims=True, initial=0.0)
    if from_zero:
        return ops.round(positive / (high + _TINY) * 255.0)
    low = ops.min(positive, axis=(0, 1), keepdims=True, initial=float("inf"))
    return ops.floor((positive - low) / (high - low + _TINY) * 255.0)
