"""What A2GNN's affinity network learns from: seeds at the first pixel of each cell, and which cells show the image."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfwsss.batches.augment import Augmentation
from tfwsss.batches.shrink import shrink_ids
from tfwsss.batches.streams import training_batches
from tfwsss.data.image_set import ImageSet
from tfwsss.palette import IGNORE

WHITE = 255.0
"""Grey round images smaller than the crop, as released."""

PADDING = IGNORE + 1
"""Id round small masks: no file can hold it, and so it is not taken for an unknown pixel."""


def seed_cells(mask, stride: int) -> dict:
    """Reduces padded seeds to a network's grid: each cell has the seed of its upper left pixel.

    Args:
        mask: int32 `(..., row, column)`, mask ids, 255 unknown, `PADDING` where the crop shows no image.
        stride: pixels between positions of the grid.

    Returns:
        int32 `(..., ceil(row / stride), ceil(column / stride))` each: "mask", ids of the cells, 255 unknown or no
        image; "inside", 1 where a cell begins on the image, else 0.

    Example:
    >>> cells = seed_cells(tf.constant([[3, 0, 255, 3, PADDING, PADDING]]), 2)
    >>> {key: value.numpy().tolist() for key, value in cells.items()}
    {'mask': [[3, 255, 255]], 'inside': [[1, 1, 0]]}

    Reference: Zhang et al., A2GNN, TPAMI 2021 (released code).
    """
    cells = shrink_ids(mask, stride)
    return {"mask": tf.minimum(cells, IGNORE), "inside": tf.cast(cells != PADDING, tf.int32)}


def seed_batches(images: ImageSet, seeds: Path, stride: int, how: Augmentation,
                 **stream: Any) -> tf.data.Dataset:
    """Yields batches of images and of their seeds on a network's grid, epoch after epoch.

    Args:
        images: data set; JPEG and PNG files.
        seeds: folder of masks, 255 unknown.
        stride: pixels between positions of the grid.
        how: scale, colours, mirror image and crop; its `pad_id` is not read.
        **stream: `batch_size`, `seed`, `epochs`, `initial_epoch`, `drop_remainder`, `share` of `batches.streams`.

    Returns:
        Dataset of pairs ({"image": float32 (batch, row, column, 3)}, {"mask", "inside": int32 (batch, row', column')}).

    Raises:
        UserError: no images, or seeds of some are missing.
    """
    data = training_batches(images, how=how._replace(pad_id=PADDING), masks=seeds, **stream)

    def reduced(x: Mapping, y: Mapping) -> tuple[dict, dict]:
        return {"image": x["image"]}, seed_cells(y["mask"], stride)

    return data.map(reduced)
