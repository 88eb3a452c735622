"""ICD's rule from scores and class maps to seeds."""

from keras import ops

_INFINITY = float("inf")
FLOOR = 1e-5
"""A maximum below it does not normalise, a score below it is no score."""

SALIENT, SALIENT_SHARE = 3, 0.01
"""From which byte a pixel is salient (3 / 255 is over 0.01), and which share of the image must be."""


def icd_seeds(icd, cam, saliency=None, undecided: int = 255):
    """Decides ICD's seeds from maps of the image's size.

        f_c  = positive(icd_c) / its maximum          claims: f_c > 1e-5
        b_c  = negative(icd_c) / its minimum          background: b_c > 1e-5 for all classes
        m    = positive(cam), scaled to 0-1 over classes and pixels together
        seed = the claiming class; of several claims that of the largest m_c f_c

    Undecided are pixels both or neither object and background, and with several
    classes object pixels where m_c f_c is the same for all to 1e-5. With a saliency
    map, background is what is not salient; where less than 1 % of the image is
    salient, ICD must agree. Without classes all is background. Cost: O(classes · pixels).

    Args:
        icd: float `(row, column, class)`, raw scores; the number of classes may be unknown, and 0.
        cam: float, same shape, raw class maps.
        saliency: optional, bytes `(row, column)`, 255 = salient.
        undecided: int. Value of such pixels.

    Returns:
        int32 `(row, column)`: 0 background, 1 for the first class and so on. Swapping classes swaps their numbers.

    Example:

    >>> icd = ops.convert_to_tensor([[[2.0, -1.0], [-1.0, 1.0], [0.5, 1.0], [-1.0, -2.0]]])
    >>> cam = ops.convert_to_tensor([[[0.75, 0.0], [0.0, 0.5], [0.25, 1.0], [0.0, 0.25]]])
    >>> ops.convert_to_numpy(icd_seeds(icd, cam)).tolist()
    [[1, 2, 2, 0]]

    Reference: Fan et al., ICD, CVPR 2020.
    """
    positive = ops.maximum(icd, 0.0)
    positive = positive / ops.max(positive, axis=(0, 1), keepdims=True, initial=FLOOR)
    negative = ops.minimum(icd, 0.0) / ops.min(icd, axis=(0, 1), keepdims=True, initial=-FLOOR)
    claims = positive > FLOOR
    objects, background = ops.any(claims, axis=-1), ops.all(negative > FLOOR, axis=-1)
    if saliency is not None:
        background = ops.logical_or(_not_salient(saliency, background), ops.shape(icd)[-1] == 0)
    combined = _activation(cam) * positive
    count = ops.sum(ops.cast(claims, "int32"), axis=-1)
    chosen = ops.where(count > 1, _first_largest(combined), _first_largest(ops.cast(claims, "float32")))
    spread = ops.max(combined, axis=-1, initial=0.0) - ops.min(combined, axis=-1, initial=_INFINITY)
    unsure = objects & (spread <= FLOOR) & (ops.shape(icd)[-1] > 1)
    seeds = ops.where(background, 0, 1 + ops.cast(chosen, "int32"))
    return ops.where((objects == background) | unsure, undecided, seeds)


def _activation(cam):
    positive = ops.maximum(cam, 0.0)
    positive = positive - ops.min(positive, initial=_INFINITY)
    return positive / ops.max(positive, initial=FLOOR)


def _not_salient(saliency, background):
    salient = ops.cast(saliency, "int32") >= SALIENT
    counts = (ops.sum(ops.cast(salient, "int32")), ops.size(salient))        # so that just 1 % is 1 %
    share = ops.divide(*(ops.cast(count, "float32") for count in counts))
    return ~salient & (background | (share >= SALIENT_SHARE))


def _first_largest(maps):
    """Returns the place of the first largest class; a plane is added so that there is one."""
    return ops.argmax(ops.pad(maps, ((0, 0), (0, 0), (0, 1)), constant_values=-1.0), axis=-1)
