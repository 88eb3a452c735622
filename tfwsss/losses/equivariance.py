"""Losses of an image and a smaller copy of it, whose class maps must be the same (SEAM); one value an image each."""

from keras import ops

from tfwsss.ops.cam import keep_strongest, with_background
from tfwsss.ops.resize import resize

_ADDED = 1e-5
_QUARTER = 4        # the least values that minimum pooling takes: one position of so many


def normalise_maps(maps):
    """Stretches the positive part of every map of an image from 0 to 1, with a gradient through its extremes.

    The gradient of an extreme reaches the first of equal positions only, as in PyTorch.

        p = max(map, 0),    output = max(p - min p - 1e-5, 0) / (max p - min p + 1e-5)

    Args:
        maps: float `(batch, row, column, class)`, raw.

    Returns:
        Same shape, 0 to 1.

    Example:

    >>> maps = ops.reshape(ops.array([1.0, 3.0, 2.0, -1.0]), (1, 2, 2, 1))
    >>> ops.convert_to_numpy(normalise_maps(maps)).ravel().astype(float).round(6).tolist()
    [0.333329, 0.999993, 0.666661, 0.0]

    Reference: Wang et al., SEAM, CVPR 2020 (released code).
    """
    batch, rows, columns, channels = ops.shape(maps)
    positive = ops.relu(maps)
    cells = ops.reshape(positive, (batch, rows * columns, channels))
    high, low = (ops.take_along_axis(cells, find(cells, axis=1)[:, None], axis=1)[:, :, None]
                 for find in (ops.argmax, ops.argmin))                       # (batch, 1, 1, class)
    return ops.relu(positive - low - _ADDED) / (high - low + _ADDED)


def minimum_pooling(maps):
    """Mean of the least quarter of an image's positions, each with its strongest map: a background must remain.

        m_p = max_c map[p, c],    output = mean over the h w // 4 least m, at least one, of max(m, 0)

    The gradient reaches the first of equal maps only. It is of the released code, not of the paper.

    Args:
        maps: float `(batch, row, column, class)`, without background; 0 for classes that the image does not show.

    Returns:
        float `(batch,)`, at least 0.

    Example:

    >>> maps = ops.reshape(ops.array([0.75, 0.25, 0.5, 0.5, 0.125, 1.0, 0.5, 1.0]), (1, 2, 4, 1))
    >>> ops.convert_to_numpy(minimum_pooling(maps)).tolist()
    [0.1875]

    Reference: Wang et al., SEAM, CVPR 2020 (released code).
    """
    batch, rows, columns, _ = ops.shape(maps)
    strongest = ops.take_along_axis(maps, ops.argmax(maps, axis=-1)[..., None], axis=-1)
    least = _largest(-ops.reshape(strongest, (batch, rows * columns)), _some(rows * columns // _QUARTER))
    return ops.mean(ops.relu(-least), axis=-1)


def equivariance(maps, others):
    """Mean difference of the class maps of an image and of its copy, brought to one size.

        output = mean over positions and classes of |map - other|

    Args:
        maps: float `(batch, row, column, class)`, without background, 0 for classes that the image does not show: they
            count in the mean, for a small weight was wanted.
        others: same shape.

    Returns:
        float `(batch,)`, at least 0; 0 for equal maps.

    Example:

    >>> ops.convert_to_numpy(equivariance(ops.ones((1, 2, 2, 2)), ops.ones((1, 2, 2, 2)) / 4)).tolist()
    [0.75]

    Reference: Wang et al., SEAM, CVPR 2020.
    """
    return ops.mean(ops.abs(maps - others), axis=(1, 2, 3))


def cross_equivariance(maps, refined, share: float = 0.2):
    """Mean of the largest differences between the refined maps of one view and the class maps of the other.

    Of the class maps only the strongest class of each position counts, and they receive no gradient.

        output = mean over the largest `share` of |K(map) - refined|,   K = `ops.cam.keep_strongest`

    Args:
        maps: float `(batch, row, column, 1 + class)`, the background first.
        refined: same shape.
        share: float in (0, 1]. Of all positions and classes of an image.

    Returns:
        float `(batch,)`, at least 0. Equal differences may take each other's place.

    Example:

    >>> maps = ops.reshape(ops.array([0.25, 0.75, 0.5]), (1, 1, 1, 3))
    >>> round(float(cross_equivariance(maps, ops.zeros((1, 1, 1, 3)), share=0.4)[0]), 6)
    0.75

    Reference: Wang et al., SEAM, CVPR 2020.
    """
    batch, rows, columns, channels = ops.shape(maps)
    apart = ops.abs(ops.stop_gradient(keep_strongest(maps)) - refined)
    whole = rows * columns * channels
    most = int(whole * share) if isinstance(whole, int) else ops.cast(ops.cast(whole, "float32") * share, "int32")
    return ops.mean(_largest(ops.reshape(apart, (batch, whole)), _some(most)), axis=-1)


def two_view_terms(labels, maps, refined, small_maps, small_refined, share: float = 0.2):
    """Compares the maps of an image with those of a smaller copy: `equivariance`, and `cross_equivariance` both ways.

    All maps are normalised, the image's brought to the copy's size corners on corners,
    and classes that the image does not show set to 0. The class maps' background is
    then what the strongest class leaves; the refined maps keep their own.

    Args:
        labels: `(batch, class)`, 0 or 1, without background.
        maps: float `(batch, row, column, 1 + class)`, raw class maps of the image at its size, the background first.
        refined: refined maps of the image, same shape.
        small_maps: float `(batch, row', column', 1 + class)`, those of the copy at its size.
        small_refined: refined maps of the copy.
        share: float in (0, 1]. As in `cross_equivariance`.

    Returns:
        Two of float32 `(batch,)`, at least 0: the difference of the class maps, and the sum of the two between class
        maps and refined ones.

    Example:

    >>> one, small = ops.ones((1, 8, 8, 3)), ops.ones((1, 4, 4, 3))
    >>> [tuple(term.shape) for term in two_view_terms(ops.ones((1, 2)), one, one, small, small)]
    [(1,), (1,)]

    Reference: Wang et al., SEAM, CVPR 2020.
    """
    tags = ops.pad(ops.cast(labels, "float32"), ((0, 0), (1, 0)), constant_values=1.0)[:, None, None]
    rows, columns = ops.shape(small_maps)[1:3]
    large, read = (resize(normalise_maps(each), rows, columns, align_corners=True) * tags for each in (maps, refined))
    small, small_read = (normalise_maps(each) * tags for each in (small_maps, small_refined))
    same = equivariance(large[..., 1:], small[..., 1:])
    large, small = (with_background(each[..., 1:], 1.0) for each in (large, small))
    return same, cross_equivariance(small, read, share) + cross_equivariance(large, small_read, share)


def _some(count):
    """Returns a number, known or not, or 1 if it is less."""
    return max(count, 1) if isinstance(count, int) else ops.maximum(count, 1)


def _largest(values, count):
    """Returns the largest values of each row, in any order."""
    return ops.top_k(values, count, sorted=False)[0]
