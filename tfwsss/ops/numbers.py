"""Whole numbers that count rows and columns, of sides that are known or not, on any backend."""

import keras
from keras import ops


def numbers(count):
    """Counts from 0.

    A known count stays known: JAX makes no array of a size that it computes.

    Args:
        count: int or integer scalar, how many.

    Returns:
        int32 `(count,)`.

    Example:

    >>> ops.convert_to_numpy(numbers(3)).tolist()
    [0, 1, 2]
    """
    return ops.arange(count if isinstance(count, int) else ops.cast(count, "int32"), dtype="int32")


def wide(x):
    """Gives integers room for the product of two sides of an image.

    Args:
        x: int or integers.

    Returns:
        int64; under JAX, which has none by default, int32: sides up to 30,000.

    Example:

    >>> int(wide(60_000) * 60_000)
    3600000000
    """
    return ops.cast(x, "int32" if keras.backend.backend() == "jax" else "int64")
