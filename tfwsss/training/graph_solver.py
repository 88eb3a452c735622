"""Trains a graph network anew for every image, several images at once, and gives the classes that it finds."""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfwsss.logs import LOG
from tfwsss.models.graph_network import GraphWeights, classify_nodes
from tfwsss.ops.place_dropout import place_dropout
from tfwsss.ops.resize import resize
from tfwsss.ops.tiles import SIDE, radius_of
from tfwsss.training.functional_adam import adam_step
from tfwsss.training.graph_group import group_signature, laid_out, numbers_signature
from tfwsss.training.graph_losses import PARTS, GraphLosses
from tfwsss.training.graph_problem import GraphProblem, Prepared, prepare
from tfwsss.training.graph_settings import Form, GraphSettings, numbers_of

VERSION = 1
"""Raised whenever the probabilities change, so that finished runs are known to be stale."""


class Solved(NamedTuple):
    """What became of one image.

    Args:
        name: of the image.
        probabilities: float32 `(Row, Column, id)` at the image's own size, of sum 1.
        losses: float32 `(epoch, part)`, parts as `graph_losses.PARTS`, before each step.
    """

    name: str
    probabilities: np.ndarray
    losses: np.ndarray


class GraphSolver:
    """Trains a graph network on each image, from its seeds alone, and classifies all pixels.

    Images whose grids have the same size, rounded up to 8 positions, are trained side by side, each with weights,
    moments, dropout and losses of its own: an image's result hangs neither on those beside it nor on the order. Its
    sums are made in an order of its own too, since some hundred steps blow up what else would be mere rounding.

    Cost, in multiply-adds of an epoch: `2 position channel width` for the embedding and
    `6 position (8 + 2 radius)^2 width` for each layer of attention.

    Args:
        settings: of network and training.
        num_ids: classes with background.
        stride: pixels between positions.
    """

    def __init__(self, settings: GraphSettings, num_ids: int, stride: int):
        self.settings, self.num_ids, self.stride = settings, num_ids, stride

    def prepare(self, problem: GraphProblem) -> Prepared:
        """Makes everything of an image that does not change while its network learns.

        Args:
            problem: the image.

        Returns:
            What `solve` takes.

        Raises:
            ImageFault: arrays that do not fit each other, ids that are no classes, features below 0.
        """
        own = self.settings
        return prepare(problem, self.num_ids, self.stride, own.width, own.layers, own.pad_label, own.draw)

    def solve(self, images: Iterable[Prepared]) -> Iterator[Solved]:
        """Trains and classifies images.

        Args:
            images: of `prepare`; taken as long as those that wait for others of their shape fit into the memory.

        Yields:
            `Solved`, group by group.
        """
        waiting: dict[tuple, list[Prepared]] = {}

        def held(shape: tuple) -> int:
            return len(waiting[shape]) * self.bytes_of(shape)

        for one in images:
            shape = (*one.shape, one.affinity.shape[-1])
            waiting.setdefault(shape, []).append(one)
            if sum(map(held, waiting)) + self.bytes_of(shape) > self.settings.memory * 2**20:
                fullest = max(waiting, key=held)
                yield from self.solve_group(waiting.pop(fullest))
        for group in waiting.values():
            yield from self.solve_group(group)

    def bytes_of(self, shape: Sequence[int]) -> int:
        """Estimates the memory of an image in training.

        Args:
            shape: `Prepared.shape`, and offsets of its window.
        """
        rows, columns, channels, _, offsets = shape
        tiles = (SIDE + 2 * radius_of(offsets)) ** 2
        position = channels + self.settings.layers * (6 * tiles + 4 * self.settings.width * tiles // SIDE**2)
        pixels = 24 * self.stride**2 + 3 * self.stride**2 * self.num_ids
        return 4 * (rows * columns * (2 * channels + position + pixels) + 5 * channels * self.settings.width)

    def solve_group(self, group: Sequence[Prepared]) -> Iterator[Solved]:
        """Trains and classifies images of one shape at once.

        Args:
            group: one or more images.

        Yields:
            `Solved`, in their order.
        """
        LOG.debug("graph networks of %d images of %s", len(group), group[0].shape)
        form = Form.of(self.settings, self.num_ids, self.stride, group[0].affinity.shape[-1])
        kept, arrays = [(one.name, one.grid, one.size) for one in group], laid_out(group, self.settings)
        del group                                                            # its features are copied, and large
        logits, losses = _compiled(form)(arrays, numbers_of(self.settings))
        for place, (name, (rows, columns), size) in enumerate(kept):
            found = _probabilities()(logits[place, :rows, :columns], np.int32(size))
            yield Solved(name, found.numpy(), losses[:, place].numpy())


@functools.lru_cache(maxsize=16)
def _compiled(form: Form) -> Callable:
    """Returns the function, compiled once for groups of any size, that trains graph networks of a form."""
    return tf.function(functools.partial(_train, form), autograph=False,
                       input_signature=[group_signature(form), numbers_signature()])


def _train(form: Form, group, numbers):
    """Trains the networks of a group; returns logits and the losses of each epoch and image."""
    features, last = group["features"], tf.reduce_sum(numbers["epochs"])
    rows, columns = tf.unstack(tf.shape(features)[1:3])
    losses = GraphLosses(group, form, numbers)
    weights = GraphWeights(group["embedding"], group["sharpness"], group["output"])
    zeros = GraphWeights(*map(tf.zeros_like, weights))
    noted = tf.zeros((last, tf.shape(features)[0], len(PARTS)))

    def epoch(step, weights, first, second, kept, noted):
        factors = place_dropout(group["keys"], step, rows, columns, form.width, form.dropout) if form.dropout else None
        with tf.GradientTape() as tape:
            tape.watch(weights)
            parts, kept = losses(*classify_nodes(weights, features, group["graph"], factors), kept)
            total = tf.reduce_sum(parts * losses.weights(step))
        moved = adam_step(weights, tape.gradient(total, weights), first, second, step + 1, numbers["learning_rate"],
                          numbers["decay"])
        return (step + 1, *(GraphWeights(*values) for values in moved), kept,
                tf.tensor_scatter_nd_update(noted, [[step]], parts[None]))

    state = (tf.constant(0), weights, zeros, zeros, losses.all_kept(), noted)
    state = tf.while_loop(lambda step, *_: step < last, epoch, state, parallel_iterations=1)
    return classify_nodes(state[1], features, group["graph"])[0], state[-1]


@functools.cache
def _probabilities() -> Callable:
    """Returns the function, compiled once, that makes a map of logits into probabilities of a size."""
    def work(logits, size):
        return tf.nn.softmax(resize(logits[None], size[0], size[1])[0])

    return tf.function(work, autograph=False, input_signature=[tf.TensorSpec((None, None, None)),
                                                               tf.TensorSpec((2,), tf.int32)])
