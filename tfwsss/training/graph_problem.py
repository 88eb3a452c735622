"""What the graph network of one image is given, and what is made of it once, before the network learns."""

from typing import NamedTuple

import numpy as np

from tfwsss.errors import ImageFault
from tfwsss.models.graph_network import GraphWeights, initial_weights
from tfwsss.ops.tiles import SIDE
from tfwsss.palette import IGNORE

CHANNELS = 512
"""Channels by which features that share a shape are rounded up."""

PIXELS = 64
"""Pixels with a label by which an image's list of them is rounded up."""

NO_LABEL = -1
"""Id of the entries that fill such a list up."""


class GraphProblem(NamedTuple):
    """One image as its graph network sees it.

    Args:
        name: of the image, from which its random numbers follow.
        features: float, at least 0, `(row, column, channel)`: maps of a network at every position.
        affinity: float32 `(row, column, offset)`, in (0, 1], offsets as `ops.offsets.half_window(radius)`: one of each
            opposite pair.
        seeds: integers `(Row, Column)`: ids of pixels, 255 unknown.
        colours: float32 `(row, column, 3)`: the normalised image at every position.
        boxes: `(box, 4)` numbers left, top, right, bottom in pixels, both ends inside; fractions are cut off.
        labels: integers `(box,)`: id of each box.
    """

    name: str
    features: np.ndarray
    affinity: np.ndarray
    seeds: np.ndarray
    colours: np.ndarray
    boxes: np.ndarray = np.zeros((0, 4))
    labels: np.ndarray = np.zeros(0, int)


class Prepared(NamedTuple):
    """One image on its own grid, with all that is made once: see `prepare`.

    Args:
        name: of the image.
        size: rows and columns of the image.
        features: float32 `(row, column, kept channel)`, each position's sum 1.
        affinity: float32 `(row, column, offset)`.
        colours: float32 `(row, column, 3)`.
        weights: drawn for this image, the rows of dropped channels left out.
        key: int32 `(2,)`, of its dropout.
        pixels: int32 `(pixel, 2)`: row and column in the padded image of every pixel that has a label, filled up.
        ids: int32 `(pixel,)`, `NO_LABEL` where filled up.
        boxes: int32 `(box, 4)`, clipped to the padded image.
        labels: int32 `(box,)`.
    """

    name: str
    size: tuple[int, int]
    features: np.ndarray
    affinity: np.ndarray
    colours: np.ndarray
    weights: GraphWeights
    key: np.ndarray
    pixels: np.ndarray
    ids: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the image's own grid."""
        return self.features.shape[:2]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Rows, columns, channels and boxes of the shape that the image shares with others: its own, rounded up.

        Rows and columns are those of whole tiles, which the layers of attention fill up to all the same.
        Numbers are added up in an order that hangs on the shape, so it must be the image's own.
        """
        rows, columns, channels = self.features.shape
        boxes = 1 << max(0, len(self.labels) - 1).bit_length()
        return -(-rows // SIDE) * SIDE, -(-columns // SIDE) * SIDE, -(-channels // CHANNELS) * CHANNELS, boxes


def prepare(problem: GraphProblem, num_ids: int, stride: int, width: int, layers: int, pad_label: int,
            seed: int) -> Prepared:
    """Makes everything of an image that does not change while its network learns.

    Each position's features are divided by their sum; channels that are 0 everywhere are left out, together with their
    weights, which could never reach the result. All random numbers hang on the seed and the image's name alone.

    Args:
        problem: the image.
        num_ids: classes with background.
        stride: pixels between positions; the grid covers the image, padded on the right and below.
        width: hidden channels.
        layers: of attention.
        pad_label: id of the pixels that are padding, 255 for none.
        seed: start of all random choices.

    Returns:
        `Prepared`.

    Raises:
        ImageFault: arrays that do not fit each other, seeds or boxes of unknown classes, features below 0.
    """
    _check(problem, num_ids, stride)
    rows, columns, channels = problem.features.shape
    random = np.random.default_rng([seed, *problem.name.encode()])
    drawn = initial_weights(random, channels, width, num_ids, layers)
    key = random.integers(-2**31, 2**31, 2).astype(np.int32)
    features = np.asarray(problem.features, np.float32)
    sums = features.sum(axis=-1, keepdims=True)
    used = features.any(axis=(0, 1))
    features = features[..., used] / np.where(sums == 0, 1, sums)
    padded = np.full((rows * stride, columns * stride), pad_label, np.int32)
    padded[:problem.seeds.shape[0], :problem.seeds.shape[1]] = problem.seeds
    pixels = np.argwhere(padded != IGNORE).astype(np.int32)
    filled = -len(pixels) % PIXELS
    boxes, labels = clipped_boxes(problem.boxes, problem.labels, padded.shape)
    return Prepared(problem.name, problem.seeds.shape, features, np.asarray(problem.affinity, np.float32),
                    np.asarray(problem.colours, np.float32), drawn._replace(embedding=drawn.embedding[used]), key,
                    np.pad(pixels, ((0, filled), (0, 0))),
                    np.pad(padded[tuple(pixels.T)], (0, filled), constant_values=NO_LABEL), boxes, labels)


def clipped_boxes(boxes, labels, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Clips boxes to an image, and leaves out those that have nothing in it.

    Args:
        boxes: `(box, 4)` numbers left, top, right, bottom; fractions are cut off.
        labels: integers `(box,)`.
        size: rows and columns of the image.

    Returns:
        int32 `(kept, 4)` and int32 `(kept,)`.

    Example:

    >>> clipped_boxes([[1.9, 0, 9, 3], [7, 0, 9, 3]], [2, 5], (3, 6))
    (array([[1, 0, 5, 2]], dtype=int32), array([2], dtype=int32))
    """
    ends = np.trunc(np.reshape(np.asarray(boxes, float), (-1, 4))).astype(np.int32)
    start = np.maximum(ends[:, :2], 0)
    stop = np.minimum(ends[:, 2:], np.array(size[::-1]) - 1)
    some = (start <= stop).all(axis=1)
    return np.concatenate([start, stop], axis=1)[some].astype(np.int32), np.asarray(labels, np.int32)[some]


def _check(problem: GraphProblem, num_ids: int, stride: int) -> None:
    """Refuses an image whose arrays do not fit each other."""
    rows, columns = grid = problem.features.shape[:2]
    expected = tuple(-(-side // stride) for side in problem.seeds.shape)
    if grid != expected or problem.affinity.shape[:2] != grid or problem.colours.shape != (*grid, 3):
        raise ImageFault(f"{problem.name}: features of {rows} x {columns} positions, affinities of "
                         f"{problem.affinity.shape[:2]}, colours of {problem.colours.shape[:2]} and seeds of "
                         f"{problem.seeds.shape} pixels; expected {expected[0]} x {expected[1]} positions of {stride} "
                         "pixels each: make them again from this image")
    ids = np.unique(problem.seeds)
    labels = np.asarray(problem.labels)
    if ids[(ids != IGNORE) & ((ids < 0) | (ids >= num_ids))].size or ((labels < 1) | (labels >= num_ids)).any():
        raise ImageFault(f"{problem.name}: seeds of the ids {ids.tolist()} and boxes of {labels.tolist()}; expected 0 "
                         f"to {num_ids - 1} or {IGNORE}, boxes without 0")
    if len(labels) != len(problem.boxes):
        raise ImageFault(f"{problem.name}: {len(problem.boxes)} boxes and {len(labels)} ids; expected one for each")
    if not problem.features.size or not np.isfinite(problem.features).all() or problem.features.min() < 0:
        raise ImageFault(f"{problem.name}: features below 0 or that are no numbers; expected those after a ReLU")
