"""How the labels of a graph network become a mask: with class maps spread along its graph, and by the dense CRF."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from keras import ops

from tfwsss.artefacts.scores import Scores
from tfwsss.inference.decide.threshold import enlarged
from tfwsss.inference.kept import channels_last
from tfwsss.inference.views import Picture
from tfwsss.ops.cam import cell_means, normalise_by_class, with_background
from tfwsss.ops.offsets import half_window
from tfwsss.ops.random_walk import random_walk
from tfwsss.ops.resize import resize
from tfwsss.ops.tiles import radius_of


class GraphWalk(NamedTuple):
    """The random walk of class maps along a graph, and how much it says.

    Args:
        power: of the background, (1 - strongest class map)^power.
        sharpness: power of the affinities.
        steps: of the walk.
        weight: of the walked maps beside the network's probabilities.
    """

    power: float = 6.0
    sharpness: float = 8.0
    steps: int = 64
    weight: float = 3.0


def walked_planes(planes, affinity, stride: int, sharpness: float = 8.0, steps: int = 64):
    """Spreads planes along the affinities of a graph, and enlarges them to the image again.

    The planes' means over cells of `stride` pixels, filled up with 0, walk; cells beyond the image take part.

    Args:
        planes: float, `(Row, Column, plane)`, of the image's size.
        affinity: float, `(row, column, offset)`, offsets as `half_window(radius)`, of the cells.
        stride: int. Side of a cell in pixels.
        sharpness: power of the affinities.
        steps: of the walk.

    Returns:
        float32 `(Row, Column, plane)`.

    Example:

    >>> planes, affinity = ops.ones((3, 4, 2)), ops.ones((2, 2, 4))
    >>> walked_planes(planes, affinity, 2)[0, 0].numpy().round(4).tolist()        # a quarter of all cells is padding
    [0.75, 0.75]

    Reference: Zhang et al., A2GNN, TPAMI 2021.
    """
    rows, columns, _ = ops.shape(planes)
    height, width, pairs = ops.shape(affinity)
    cells = cell_means(ops.cast(planes, "float32"), stride)
    spread = random_walk(cells[None], affinity[None], half_window(radius_of(pairs)), sharpness, steps)
    return resize(spread, height * stride, width * stride)[0, :rows, :columns]


def mixed(probabilities, walked, weight: float = 3.0):
    """Adds walked planes to probabilities.

        output = (probability + weight walked) / sum over the classes

    Args:
        probabilities: float, `(row, column, id)`, of sum 1.
        walked: float, same shape, at least 0.
        weight: float.

    Returns:
        float32, same shape, of sum 1.

    Example:

    >>> mixed(ops.array([[[0.5, 0.5]]]), ops.array([[[0.0, 0.5]]])).numpy().tolist()
    [[[0.20000000298023224, 0.800000011920929]]]

    Reference: Zhang et al., A2GNN, TPAMI 2021.
    """
    total = probabilities + weight * walked
    return total / ops.sum(total, axis=-1, keepdims=True)


def mix_with_walk(walk: GraphWalk, probabilities: np.ndarray, maps: Scores, affinity: np.ndarray,
                  stride: int) -> np.ndarray:
    """Adds the walk of an image's class maps to the probabilities that its graph network gives.

    Class maps are divided by their largest values; classes without a map have planes of zeros.

    Args:
        walk: its settings.
        probabilities: float32 `(row, column, id)`, of sum 1.
        maps: class maps of the same image.
        affinity: float32 `(row', column', offset)`.
        stride: side of a cell in pixels.

    Returns:
        float32 `(row, column, id)`, of sum 1.
    """
    work = _compiled(walk, stride, affinity.shape[-1])
    covers = np.int32(maps.covers or maps.size)
    return work(probabilities, channels_last(maps), maps.classes, np.int32(maps.size), covers, affinity).numpy()


@functools.lru_cache(maxsize=8)
def _compiled(walk: GraphWalk, stride: int, pairs: int) -> Callable:
    def work(probabilities, maps, classes, size, covers, affinity):
        picture = Picture((size[0], size[1]), (covers[0], covers[1]))
        planes = enlarged(maps, picture, tf.range(tf.size(classes)))
        planes = with_background(normalise_by_class(planes), walk.power)
        spread = walked_planes(planes, affinity, stride, walk.sharpness, walk.steps)
        ids = tf.concat([[0], classes + 1], axis=0)
        onto = tf.one_hot(ids, tf.shape(probabilities)[-1])                  # (plane, id)
        return mixed(probabilities, tf.einsum("rcp,pi->rci", spread, onto), walk.weight)

    number, pair = tf.TensorSpec((None, None, None)), tf.TensorSpec((2,), tf.int32)
    signature = [number, number, tf.TensorSpec((None,), tf.int32), pair, pair, tf.TensorSpec((None, None, pairs))]
    return tf.function(work, autograph=False, input_signature=signature)
