"""Class maps stretched from their least value to their largest, before another rule decides (SEAM)."""

from collections.abc import Callable, Mapping

from keras import ops

from tfwsss.inference.decide.decision import Decision
from tfwsss.inference.decide.threshold import enlarged
from tfwsss.inference.mirrored import as_kept
from tfwsss.inference.views import Picture
from tfwsss.ops.cam import stretch_by_class

FLOOR = 1e-5
"""Of maps that are the sum of all views; a mean of n views takes the n-th part."""


def stretched_maps(views: int, own_size: bool, maps, picture: Picture, classes):
    """Stretches the mean class maps of several views over the image as the published program does their sum.

    The least and the largest value are those of the image's pixels. At their own size
    maps lose their least values before, as published; on a canvas they keep them, for the positions round a pixel
    count there.

    Args:
        views: scales times mirror images whose mean the maps are.
        own_size: whether maps are as large as the image.
        maps: raw, `(row', column', class)`.
        picture: the image.
        classes: int32 `(kept class,)`, which of the maps.

    Returns:
        float32 `(row', column', kept class)`, below 1, as they are kept.

    Reference: Wang et al., SEAM, CVPR 2020 (released code).
    """
    pixels = ops.relu(enlarged(maps, picture, classes))
    low = ops.min(pixels, axis=(0, 1), initial=float("inf"))                 # without it no class would be an error
    high = ops.max(pixels, axis=(0, 1), initial=0.0)
    planes = ops.take(maps, classes, axis=-1)
    return as_kept(stretch_by_class(planes, low, high, FLOOR / views, drop_lowest=own_size))


def decide_by_stretched(rule: Callable, views: int, own_size: bool, key: str, maps: Mapping, picture: Picture,
                        classes) -> Decision:
    """Stretches raw class maps, and lets a rule of such maps decide.

    Args:
        rule: of "cam", such as `decide_by_threshold`.
        views: as in `stretched_maps`.
        own_size: as in `stretched_maps`.
        key: of the raw maps.
        maps: those of one image, `(row', column', class)`.
        picture: the image.
        classes: int32 `(kept class,)`.

    Returns:
        The rule's Decision, its scores at least 0: lowest values of stretched maps lie below.
    """
    planes = stretched_maps(views, own_size, maps[key], picture, classes)
    decision = rule({"cam": planes}, picture, ops.arange(ops.shape(classes)[0], dtype="int32"))
    return decision._replace(scores=ops.relu(decision.scores))
