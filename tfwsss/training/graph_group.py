"""Images of one shape side by side: what their graph networks are given, filled up to one grid."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfwsss.losses.tiled_crf import TiledKernel, tiled_kernel
from tfwsss.ops.graph_attention import TiledGraph, tiled_graph
from tfwsss.ops.tiles import SIDE, Tiling, radius_of
from tfwsss.ops.window_kernel import window_kernel
from tfwsss.training.graph_problem import Prepared
from tfwsss.training.graph_settings import NUMBERS, Form, GraphSettings

NO_BOX = (0, 0, -1, -1)
"""Left, top, right and bottom of a box that is none."""


def group_signature(form: Form) -> dict[str, Any]:
    """Says what `laid_out` gives, of any size.

    Args:
        form: what a training is compiled for.

    Returns:
        Name to specification.
    """
    whole = {"sizes": (None, 2), "keys": (None, 2), "pixels": (None, 2), "ids": (None,), "images": (None,),
             "boxes": (None, None, 4), "labels": (None, None)}
    number = {"features": (None,) * 4, "embedding": (None, None, form.width), "sharpness": (None, form.layers),
              "output": (None, form.width, form.num_ids)}
    images = tf.TensorSpec((None,))
    return {**{name: tf.TensorSpec(shape, tf.int32) for name, shape in whole.items()},
            **{name: tf.TensorSpec(shape) for name, shape in number.items()},
            "graph": TiledGraph(*_tiles_signature(radius_of(form.pairs))),
            "kernel": TiledKernel(*_tiles_signature(form.crf_radius), images, images)}


def _tiles_signature(radius: int) -> tuple[tf.TensorSpec, Tiling]:
    """Says what matrices of tiles are, and what the tiles read."""
    near = (SIDE + 2 * radius) ** 2
    tiles = Tiling(tf.TensorSpec((None, near), tf.int32), tf.TensorSpec((None, None), tf.int32),
                   tf.TensorSpec((None, None)))
    return tf.TensorSpec((None, None, SIDE**2, near)), tiles


def numbers_signature() -> dict[str, tf.TensorSpec]:
    """Says what `graph_settings.numbers_of` gives.

    Returns:
        Name to specification.
    """
    return {**{name: tf.TensorSpec(()) for name in NUMBERS}, "epochs": tf.TensorSpec((2,), tf.int32)}


def laid_out(group: Sequence[Prepared], settings: GraphSettings) -> dict[str, Any]:
    """Puts images of one shape side by side and lays out in tiles what does not change while networks learn.

    Args:
        group: images with the same `shape` and the same window.
        settings: of the networks.

    Returns:
        `side_by_side`, with "graph" and "kernel" of the gated CRF loss in place of "affinity", "colours" and "inside".
    """
    found = side_by_side(group)
    affinity, colours, inside = (found.pop(name) for name in ("affinity", "colours", "inside"))
    kernel = window_kernel(colours, settings.crf_radius, inside=inside)
    found["features"] = tf.constant(found["features"])                       # let go of the array: it is large
    return {**found, "graph": tiled_graph(affinity, inside, settings.affinity_factor), "kernel": tiled_kernel(kernel)}


def side_by_side(group: Sequence[Prepared]) -> dict[str, np.ndarray]:
    """Puts images of one shape side by side.

    Args:
        group: images with the same `shape` and the same window.

    Returns:
        Arrays with a leading axis for the images: "features", "affinity", "colours", the weights, all filled up with
        0; "inside", 1 on an image's own grid; "sizes", rows and columns of it; "keys" of dropout; "boxes", filled up
        with `NO_BOX`, and their "labels". One list for all images: "pixels" with a label, their "ids", and "images",
        to which they belong.
    """
    rows, columns, channels, _ = group[0].shape
    count = max(one.shape[3] for one in group)
    grid = (len(group), rows, columns)

    def filled(of: str, *shape: int) -> np.ndarray:
        found = np.zeros((*grid, *shape), np.float32)
        for place, one in enumerate(group):
            values = getattr(one, of)
            found[place, :values.shape[0], :values.shape[1], :values.shape[2]] = values
        return found

    inside, embedding = np.zeros(grid, np.float32), np.zeros((len(group), channels, group[0].weights.output.shape[0]),
                                                             np.float32)
    boxes, labels = np.full((len(group), count, 4), NO_BOX, np.int32), np.zeros((len(group), count), np.int32)
    for place, one in enumerate(group):
        inside[place, :one.grid[0], :one.grid[1]] = 1
        embedding[place, :len(one.weights.embedding)] = one.weights.embedding
        boxes[place, :len(one.boxes)], labels[place, :len(one.labels)] = one.boxes, one.labels
    return {"features": filled("features", channels), "affinity": filled("affinity", group[0].affinity.shape[-1]),
            "colours": filled("colours", 3), "inside": inside, "boxes": boxes, "labels": labels,
            "sizes": np.int32([one.grid for one in group]), "keys": np.stack([one.key for one in group]),
            "embedding": embedding, "sharpness": np.stack([one.weights.sharpness for one in group]),
            "output": np.stack([one.weights.output for one in group]),
            "pixels": np.concatenate([one.pixels for one in group]), "ids": np.concatenate([one.ids for one in group]),
            "images": np.repeat(np.arange(len(group), dtype=np.int32), [len(one.ids) for one in group])}
