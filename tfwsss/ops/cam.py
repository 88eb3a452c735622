"""Class maps of one image: their positive part and scale, the strongest of them, the background, cells."""

from keras import ops

LEAST_DIVISOR = 1e-30
"""In place of a maximum or a sum of 0: it turns 0 / 0 into 0, and no map that says anything is as small."""


def normalise_by_class(maps, smallest: float = 1e-5, added: bool = False):
    """Divides the positive part of every class map by its maximum over the image.

    A class whose map is nowhere above `smallest` keeps small values: nothing is
    blown up to 1. AffinityNet's program adds the constant, others take it as the least divisor.

        output = max(map, 0) / max(max_p map, smallest)      or, added,      max(map, 0) / (max_p map + smallest)

    Args:
        maps: float, `(..., row, column, class)`, raw; the number of classes may be unknown, and 0.
        smallest: float above 0.
        added: bool. Whether it is added to the maximum.

    Returns:
        Same shape, in `[0, 1]`. Scaling a map (with a maximum far above `smallest`) changes nothing.

    Example:

    >>> maps = ops.array([[[4.0, 0.0], [2.0, -1.0]]])
    >>> ops.convert_to_numpy(normalise_by_class(maps)).tolist()
    [[[1.0, 0.0], [0.5, 0.0]]]
    """
    positive = ops.relu(maps)
    largest = ops.max(positive, axis=(-3, -2), keepdims=True, initial=0.0)
    return positive / (largest + smallest if added else ops.maximum(largest, smallest))


def stretched(maps, added: float = 1e-7):
    """Brings each class map to 0 to nearly 1.

        output = (map - min) / (max_p (map - min) + added)

    Args:
        maps: float, `(row, column, class)`; there may be no class.
        added: float above 0: a map of one value becomes 0, and one that hardly varies stays small.

    Returns:
        Same shape, in `[0, 1)`.

    Example:

    >>> ops.convert_to_numpy(stretched(ops.array([[[4.0, 2.0], [6.0, 2.0]]])))[0].round(3).tolist()
    [[0.0, 0.0], [1.0, 0.0]]

    Reference: Lin et al., CLIP is also an efficient segmenter, CVPR 2023 (released code).
    """
    if maps.shape[-1] == 0:
        return maps
    above = maps - ops.min(maps, axis=(0, 1), keepdims=True)
    return above / (added + ops.max(above, axis=(0, 1), keepdims=True))


def strongest_class(maps):
    """Finds the strongest class of every pixel, and how strong it is.

    Any threshold's mask is one comparison: the class where its strength exceeds it, else background.

    Args:
        maps: float, `(row, column, class)`, raw; the number of classes may be unknown, and 0.

    Returns:
        int32 `(row, column)`: 1 for the first class and so on, the first of equals, 0 where no class is positive;
        float32 `(row, column)`: its value in parts of its class' maximum, 0 to 1.

    Example:

    >>> place, strength = strongest_class(ops.array([[[4.0, 0.0], [1.0, 2.0], [0.0, -1.0]]]))
    >>> place.numpy().tolist(), strength.numpy().tolist()
    ([[1, 2, 0]], [[1.0, 1.0, 0.0]])
    """
    parts = normalise_by_class(ops.cast(maps, "float32"), LEAST_DIVISOR)
    strength = largest_of(parts)
    place = ops.argmax(ops.pad(parts, ((0, 0), (0, 0), (1, 0)), constant_values=0.0), axis=-1)
    return ops.cast(place, "int32"), strength[..., 0]


def largest_of(maps):
    """Returns the largest of all classes, 0 where there is none.

    Args:
        maps: float at least 0, `(..., class)`.

    Returns:
        `(..., 1)`.

    Example:

    >>> largest_of(ops.array([[[0.25, 0.5]]])).numpy().tolist(), largest_of(ops.ones((1, 1, 0))).numpy().tolist()
    ([[[0.5]]], [[[0.0]]])
    """
    return ops.max(maps, axis=-1, keepdims=True, initial=0.0)


def with_background(maps, power: float):
    """Puts the background before normalised class maps.

        background = max(1 - max_c map, 0)^power

    Args:
        maps: float in `[0, 1]`, `(..., class)`; there may be no class. Kept in half precision they may exceed 1 by a
            rounding, of which no fraction of a power can be taken.
        power: float above 0. A larger one leaves less background.

    Returns:
        `(..., 1 + class)`, 0 to 1; the planes need not sum to 1. The background never rises where a class map does.

    Example:

    >>> with_background(ops.array([[[0.5, 0.25]]]), power=2.0).numpy().tolist()
    [[[0.25, 0.5, 0.25]]]

    Reference: Ahn and Kwak, AffinityNet, CVPR 2018.
    """
    return ops.concatenate([ops.maximum(1.0 - largest_of(maps), 0.0) ** power, maps], axis=-1)


def keep_strongest(maps):
    """Leaves of the classes of each position only the strongest, with its value; equals stay together.

    Args:
        maps: float, `(..., 1 + class)`, the background first: it stays as it is.

    Returns:
        Same shape, 0 for the other classes.

    Example:

    >>> keep_strongest(ops.array([[0.75, 0.5, 0.25], [0.25, 0.5, 0.5]])).numpy().tolist()
    [[0.75, 0.5, 0.0], [0.25, 0.5, 0.5]]

    Reference: Wang et al., SEAM, CVPR 2020 (released code).
    """
    classes = maps[..., 1:]
    largest = ops.max(classes, axis=-1, keepdims=True)
    return ops.concatenate([maps[..., :1], ops.where(ops.equal(classes, largest), classes, 0.0)], axis=-1)


def stretch_by_class(maps, low, high, smallest: float, drop_lowest: bool = True):
    """Stretches the positive part of every class map from its least value to its largest, as SEAM's program does.

    Values that are all but the least become 0 before: afterwards they lie below 0
    by the least value's share, all others at about 0 or above.

        m = max(map, 0),   0 where m < low + smallest;      output = (m - low - smallest) / (high - low + smallest)

    Args:
        maps: float, `(..., class)`, raw.
        low: least value of the positive part over the image, `(..., class)` or what stretches to it.
        high: largest value.
        smallest: float above 0.
        drop_lowest: bool. Whether such values become 0 before.

    Returns:
        Same shape, below 1.

    Example:

    >>> maps = ops.array([[[-1.0], [2.0], [4.0]]])
    >>> ops.convert_to_numpy(stretch_by_class(maps, 0.0, 4.0, 1e-5)).ravel().round(4).tolist()
    [-0.0, 0.5, 1.0]
    >>> ops.convert_to_numpy(stretch_by_class(maps, 2.0, 4.0, 1e-5)).ravel().round(4).tolist()
    [-1.0, -1.0, 1.0]

    Reference: Wang et al., SEAM, CVPR 2020 (released code).
    """
    positive = ops.relu(maps)
    if drop_lowest:
        positive = ops.where(positive < low + smallest, 0.0, positive)
    return (positive - low - smallest) / (high - low + smallest)


def cell_means(planes, side: int):
    """Averages planes over square cells; cells that reach beyond the border are filled up with 0.

    Args:
        planes: float, `(row, column, plane)`, any sizes.
        side: int. Of a cell.

    Returns:
        `(ceil(row / side), ceil(column / side), plane)`.

    Example:

    >>> cell_means(ops.ones((3, 2, 1)), 2)[..., 0].numpy().tolist()
    [[1.0], [0.5]]
    """
    rows, columns, count = ops.shape(planes)
    down, across = -(-rows // side), -(-columns // side)
    full = ops.pad(planes, ((0, down * side - rows), (0, across * side - columns), (0, 0)))
    return ops.mean(ops.reshape(full, (down, side, across, side, count)), axis=(1, 3))
