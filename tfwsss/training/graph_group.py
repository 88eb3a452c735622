"""Images of one shape side by side: what their graph networks are given, filled up to one grid."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfwsss.training.graph_problem import Prepared

NO_BOX = (0, 0, -1, -1)
"""Left, top, right and bottom of a box that is none."""


def group_signature(offsets: int, width: int, layers: int, num_ids: int) -> dict[str, tf.TensorSpec]:
    """Says what `side_by_side` gives, of any size.

    Args:
        offsets: of the window of affinities.
        width: hidden channels.
        layers: of attention.
        num_ids: classes with background.

    Returns:
        Name to specification.
    """
    whole = {"sizes": (None, 2), "keys": (None, 2), "pixels": (None, 2), "ids": (None,), "images": (None,),
             "boxes": (None, None, 4), "labels": (None, None)}
    number = {"features": (None,) * 4, "affinity": (None, None, None, offsets), "colours": (None, None, None, 3),
              "inside": (None,) * 3, "embedding": (None, None, width), "sharpness": (None, layers),
              "output": (None, width, num_ids)}
    return {**{name: tf.TensorSpec(shape, tf.int32) for name, shape in whole.items()},
            **{name: tf.TensorSpec(shape, tf.float32) for name, shape in number.items()}}


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
    rows, columns, channels = group[0].shape
    count = max(1, *(len(one.labels) for one in group))
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
