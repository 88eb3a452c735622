"""Images and their mirror images as one batch, and the means of their maps."""

from collections.abc import Mapping

from keras import ops

_HALF = 65504.0     # the largest number of half precision


def both_ways(images, mirror: bool):
    """Adds to a batch its mirror images.

    Args:
        images: `(batch, row, column, channel)`.
        mirror: whether to; else the batch stays as it is.

    Returns:
        `(2 batch, row, column, channel)`, the images first.

    Example:

    >>> both_ways(ops.array([[[[1.0], [2.0]]]]), True)[:, 0, :, 0].numpy().tolist()
    [[1.0, 2.0], [2.0, 1.0]]
    """
    return ops.concatenate([images, ops.flip(images, axis=2)], axis=0) if mirror else images


def by_way(maps, mirror: bool) -> list:
    """Takes maps of `both_ways` apart, those of the mirror images turned back.

    Args:
        maps: `(2 batch, row, column, channel)`, or `(batch, ...)` where there are no mirror images.
        mirror: whether there are.

    Returns:
        One or two `(batch, row, column, channel)`.
    """
    if not mirror:
        return [maps]
    half = ops.shape(maps)[0] // 2
    return [maps[:half], ops.flip(maps[half:], axis=2)]


def mean_of_ways(found: Mapping, mirror: bool) -> dict:
    """Averages the maps of images and of their mirror images, turned back.

    Args:
        found: maps `(2 batch, row, column, channel)` by key.
        mirror: whether there are mirror images among them.

    Returns:
        Maps `(batch, row, column, channel)` by key.
    """
    return {key: sum(ways) / len(ways) for key, ways in ((key, by_way(maps, mirror)) for key, maps in found.items())}


def as_kept(maps):
    """Rounds maps to half precision, in which stages keep them: a rule decides alike on kept maps and on fresh ones.

    Args:
        maps: float32, any shape.

    Returns:
        float32, of the same shape; within 0.05 % of each value, and inside the range of half precision.

    Example:

    >>> as_kept(ops.array([1.0, 0.1, 1e6])).numpy().tolist()
    [1.0, 0.0999755859375, 65504.0]
    """
    return ops.cast(ops.cast(ops.clip(maps, -_HALF, _HALF), "float16"), "float32")
