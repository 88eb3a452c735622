"""Class maps: their positive part, their scale, several views of one image, the background."""

from collections.abc import Sequence

from keras import ops

from tfwsss.ops.resize import resize


def normalise_by_class(maps, smallest: float = 1e-5):
    """Divides the positive part of every class map by its maximum over the image.

    A class whose map is nowhere above `smallest` keeps small values: nothing is
    blown up to 1.

        output = max(map, 0) / max(max_p map, smallest)

    Args:
        maps: float, `(batch, row, column, class)`, raw.
        smallest: float above 0. Least divisor.

    Returns:
        Same shape, in `[0, 1]`. Scaling a map (with a maximum above `smallest`) changes nothing.

    Example:

    >>> maps = ops.array([[[[4.0, 0.0], [2.0, -1.0]]]])
    >>> ops.convert_to_numpy(normalise_by_class(maps)).tolist()
    [[[[1.0, 0.0], [0.5, 0.0]]]]
    """
    positive = ops.relu(maps)
    return positive / ops.maximum(ops.max(positive, axis=(1, 2), keepdims=True), smallest)


def merge_views(views: Sequence, flipped: Sequence[bool], rows, columns, align_corners: bool = False):
    """Averages maps of the same images seen at several scales and mirrored.

        output = mean over views of resize(unflip(view))

    Args:
        views: list of float `(batch, row, column, class)`, sizes may differ.
        flipped: list of bool, as long: which views are of the image mirrored left to right.
        rows: int or integer scalar. Rows of the result.
        columns: int or integer scalar. Columns of the result.
        align_corners: bool. As in `resize`.

    Returns:
        `(batch, rows, columns, class)`, within the range of the views. Their order does not matter.

    Raises:
        ValueError: no view, or not one flag for each.

    Example:

    >>> view = ops.array([[[[1.0], [2.0]]]])
    >>> ops.convert_to_numpy(merge_views([view, view], [False, True], 1, 2)).ravel().tolist()
    [1.5, 1.5]
    """
    if not views or len(views) != len(flipped):
        raise ValueError(f"merge_views: {len(views)} views and {len(flipped)} flags; expected one flag for each")
    total = 0.0
    for view, mirrored in zip(views, flipped, strict=True):
        view = ops.flip(view, axis=2) if mirrored else view
        total = total + resize(view, rows, columns, align_corners)
    return total / len(views)


def background_score(maps, power: float = 1.0):
    """Scores the background where no class is strong.

        output = (1 - max_c map)^power

    Args:
        maps: float in `[0, 1]`, `(batch, row, column, class)`, at least one class.
        power: float above 0. A larger one leaves less background.

    Returns:
        `(batch, row, column, 1)` in `[0, 1]`; never rises where a class map rises.

    Example:

    >>> float(background_score(ops.array([[[[0.5, 0.25]]]]), power=2.0)[0, 0, 0, 0])
    0.25
    """
    return (1.0 - ops.max(maps, axis=-1, keepdims=True)) ** power
