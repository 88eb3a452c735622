"""A2GNN's graph network: a few layers of affinity attention, with weights of its own for every image."""

from typing import Any, NamedTuple

import numpy as np
from keras import ops

from tfwsss.ops.graph_attention import TiledGraph, graph_attention
from tfwsss.ops.tiles import SIDE, from_tiles, to_tiles

LAYERS = 3
"""Layers of attention, as published."""


class GraphWeights(NamedTuple):
    """All that the network learns. Of several images each has a leading axis.

    Args:
        embedding: float32 `(channel, width)`.
        sharpness: float32 `(layer,)`, the factor of the likeness in each layer of attention (beta).
        output: float32 `(width, id)`.
    """

    embedding: Any
    sharpness: Any
    output: Any


def initial_weights(random: np.random.Generator, channels: int, width: int, num_ids: int,
                    layers: int = LAYERS) -> GraphWeights:
    """Draws the weights of one image.

        embedding, output: uniform within +-sqrt(6 / (inputs + outputs));   sharpness: uniform in [0, 1)

    Args:
        random: of the image.
        channels: of the features.
        width: hidden channels (256 as published).
        num_ids: classes with background.
        layers: of attention.

    Returns:
        `GraphWeights` of NumPy arrays, without a leading axis.

    Example:

    >>> [weight.shape for weight in initial_weights(np.random.default_rng(0), 12, 8, 3)]
    [(12, 8), (3,), (8, 3)]

    Reference: Zhang et al., A2GNN, TPAMI 2021 (released code).
    """
    def uniform(*shape: int) -> np.ndarray:
        limit = (6.0 / sum(shape)) ** 0.5
        return random.uniform(-limit, limit, shape).astype(np.float32)

    return GraphWeights(uniform(channels, width), random.random(layers).astype(np.float32), uniform(width, num_ids))


def classify_nodes(weights: GraphWeights, features, graph: TiledGraph, kept=None):
    """Classifies the positions of maps, each image by its own weights.

        x = ReLU(features embedding) kept;   x = attention(x), layer by layer;   logits = x output

    Args:
        weights: with a leading axis for the images.
        features: float32 `(batch, row, column, channel)`, each position's sum 1.
        graph: of `ops.graph_attention.tiled_graph`.
        kept: dropout's factors, `(batch, row, column, width)`; None: without dropout.

    Returns:
        Logits `(batch, row, column, id)` and hidden features `(batch, row, column, width)`, at least 0.

    Example:

    >>> from tfwsss.ops.graph_attention import tiled_graph
    >>> weights = GraphWeights(ops.ones((1, 4, 2)), ops.zeros((1, 3)), ops.ones((1, 2, 3)))
    >>> logits, hidden = classify_nodes(weights, ops.ones((1, 2, 2, 4)), tiled_graph(ops.ones((1, 2, 2, 4))))
    >>> tuple(logits.shape), round(float(logits[0, 0, 0, 0]), 4), tuple(hidden.shape)
    ((1, 2, 2, 3), 8.0, (1, 2, 2, 2))

    Reference: Zhang et al., A2GNN, TPAMI 2021.
    """
    batch, rows, columns, channels = ops.shape(features)
    flat = ops.reshape(features, (batch, rows * columns, channels))
    hidden = ops.relu(ops.matmul(flat, weights.embedding))
    hidden = ops.reshape(hidden, (batch, rows, columns, -1))
    hidden = hidden if kept is None else hidden * kept
    for layer in range(weights.sharpness.shape[-1]):
        hidden = graph_attention(hidden, weights.sharpness[:, layer], graph, not_negative=True)
    # by tiles: the gradient of the weights is then added up in the same way in every batch
    logits = ops.matmul(to_tiles(hidden, SIDE), weights.output[:, None])
    return from_tiles(logits, rows, columns, SIDE), hidden
