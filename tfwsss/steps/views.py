"""What a network of maps says of whole images, averaged over scales and mirror images."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from tfwsss.batches.streams import canvas_batches
from tfwsss.data.image_set import ImageSet
from tfwsss.data.rescale import rescale
from tfwsss.ops.resize import resize
from tfwsss.refine.seeds import resize_maps


def on_canvases(network: keras.Model, images: ImageSet, names: Sequence[str], settings: Any, stride: int, steps: int,
                pad_value: float | Sequence[float]) -> dict[str, np.ndarray]:
    """Shows images on canvases of one size to a network.

    Args:
        network: image `(batch, row, column, 3)` to a dictionary of maps `(batch, row', column', class)`.
        images: the data set.
        names: what to show.
        settings: scales, mirror and batch size of `steps.class_maps.MapSettings`.
        stride: pixels between positions of the maps.
        steps: positions along a side of the maps at scale 1, less one.
        pad_value: grey, or red, green, blue of the rest of the canvas.

    Returns:
        Maps float32 `(image, steps + 1, steps + 1, class)` by the network's keys.
    """
    passes = []
    for scale in settings.scales:
        side = max(1, round(steps * scale)) * stride + 1
        data = canvas_batches(images, names, settings.batch_size, side, steps * stride + 1, pad_value)
        passes.append(_applied(network, data))
        if settings.mirror:
            mirrored = _applied(network, data.map(lambda image: image[:, :, ::-1]))
            passes.append({key: maps[:, :, ::-1] for key, maps in mirrored.items()})
    return {key: np.mean([_to_grid(maps[key], steps + 1) for maps in passes], axis=0) for key in passes[0]}


def _applied(network: keras.Model, data) -> dict[str, np.ndarray]:
    """Applies the network to batches; inside a training on several replicas, without those: some would get nothing."""
    if network.distribute_strategy.num_replicas_in_sync == 1:
        return network.predict(data, verbose=0)
    found = [network(batch, training=False) for batch in data]
    return {key: np.concatenate([keras.ops.convert_to_numpy(maps[key]) for maps in found]) for key in found[0]}


def _to_grid(maps: np.ndarray, side: int) -> np.ndarray:
    """Resamples maps, corners on corners, to `(image, side, side, class)`."""
    return maps if maps.shape[1] == side else np.asarray(resize(maps, side, side, align_corners=True))


def at_own_size(network: keras.Model, image: np.ndarray, classes: np.ndarray, scales: Sequence[float],
                mirror: bool) -> dict[str, np.ndarray]:
    """Shows one image to a network without anything round it, the way of AffinityNet's released code.

    The image is scaled by Pillow's cubic rule, and its maps are enlarged to its own
    size by bilinear weights between pixel centres. Memory grows with its pixels.

    Args:
        network: as in `on_canvases`.
        image: uint8 `(row, column, 3)`.
        classes: int32 `(kept class,)`, which maps to keep.
        scales: factors at which the network sees the image.
        mirror: also see it mirrored.

    Returns:
        Maps float32 `(kept class, row, column)` by the network's keys.
    """
    ways, total = (1, -1) if mirror else (1,), dict[str, Any]()
    for scale in scales:
        size = tuple(max(1, round(side * scale)) for side in image.shape[:2])
        seen = rescale(image, size)
        batch = np.stack([seen[:, ::way] for way in ways]).astype(np.float32)
        for key, maps in network(batch, training=False).items():
            own = np.moveaxis(keras.ops.convert_to_numpy(maps)[..., classes], -1, 1)     # (way, class, row', column')
            for way, one in zip(ways, own, strict=True):
                total[key] = total.get(key, 0.0) + resize_maps(one, image.shape[:2])[:, :, ::way]
    return {key: one / (len(scales) * len(ways)) for key, one in total.items()}
