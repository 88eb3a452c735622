"""AffinityNet's random walk: class maps spread along learned affinities."""

from collections.abc import Mapping
from typing import NamedTuple

import keras
from keras import ops

from tfwsss.data.images import fill
from tfwsss.inference.decide.decision import Decision
from tfwsss.inference.decide.threshold import enlarged
from tfwsss.inference.views import Picture
from tfwsss.ops.cam import cell_means, normalise_by_class, with_background
from tfwsss.ops.resize import resize

VERSION = 2
"""Raised whenever the labels change; 1 took the whole constant below for the mean of several views."""

FLOOR = 1e-5
"""Added to the maximum of a class map that is the sum of all views; a mean of n views takes the n-th part."""


class Walker(NamedTuple):
    """An affinity network with the walk along its affinities.

    Args:
        network: "image" `(batch, row, column, 3)` and "planes" on the network's grid to the walked planes.
        stride: pixels between positions of the grid.
        colour: red, green, blue round images that do not fill the grid.
    """

    network: keras.Model
    stride: int
    colour: tuple[float, float, float]


def cam_with_background(cam, power, views: int | None):
    """Normalises the mean class maps of several views as the published program does their sum, and adds the background.

        n[c] = max(m[c], 0) / (max_p m[c, p] + 1e-5 / views),   background = (1 - max_c n[c])^power

    Args:
        cam: mean class maps, `(row, column, class)`.
        power: of the background.
        views: scales times mirror images whose mean the maps are; None: they are normalised already.

    Returns:
        float32 `(row, column, 1 + class)`, 0 to 1 (normalised maps as they are).

    Example:

    >>> cam_with_background(ops.array([[[1e-5]]]), 1.0, views=8)[0, 0].numpy().astype(float).round(4).tolist()
    [0.1111, 0.8889]

    Reference: Ahn and Kwak, AffinityNet, CVPR 2018 (released code).
    """
    return with_background(cam if views is None else normalise_by_class(cam, FLOOR / views, added=True), power)


def decide_by_walk(walker: Walker, power, views: int | None, maps: Mapping, picture: Picture, classes) -> Decision:
    """Spreads class maps along affinities; the strongest plane of each pixel wins.

    Args:
        walker: the affinity network with its walk.
        power: of the background.
        views: as in `cam_with_background`.
        maps: "cam" `(row', column', class)` of one image.
        picture: the image, with its pixels.
        classes: int32 `(kept class,)`.

    Returns:
        Decision by the walked planes.

    Reference: Ahn and Kwak, AffinityNet, CVPR 2018.
    """
    planes = cam_with_background(enlarged(maps["cam"], picture, classes), power, views)
    spread = walk_planes(walker, picture.image, cell_means(planes, walker.stride))
    return Decision(spread, ops.cast(ops.argmax(spread, axis=-1), "int32"))


def walk_planes(walker: Walker, image, cells):
    """Spreads planes on the network's grid, and enlarges them to the image.

    Args:
        walker: the affinity network with its walk.
        image: uint8 `(row, column, 3)`.
        cells: `(row', column', plane)`, one cell for each `stride` pixels, the last ones perhaps half outside.

    Returns:
        float32 `(row, column, plane)`, within each plane's range.
    """
    rows, columns, _ = ops.shape(image)
    down, across, _ = ops.shape(cells)
    height, width = down * walker.stride, across * walker.stride
    full = fill(ops.cast(image, "float32"), height, width, walker.colour)
    spread = walker.network({"image": full[None], "planes": cells[None]}, training=False)
    return resize(spread, height, width)[0, :rows, :columns]
