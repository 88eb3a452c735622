"""Class maps of images on a square canvas, averaged over scales and mirror images."""

from collections.abc import Callable, Mapping

import tensorflow as tf

from tfwsss.data.images import fill, scale_image, scaled_size
from tfwsss.inference.mirrored import as_kept, both_ways, mean_of_ways
from tfwsss.inference.views import Canvas
from tfwsss.ops.resize import resize


def see_on_canvases(network: Callable, stride: int, view: Canvas, canvases: Callable) -> Mapping:
    """Averages a network's maps over scales and mirror images.

    Positions of the network's grid lie `stride` pixels apart, the first on the first
    pixel. Canvases of `stride k + 1` pixels make the grids of all scales fall on each
    other, corners on corners.

    Args:
        network: float32 `(batch, side, side, 3)` to a dictionary of maps.
        stride: pixels between positions of the maps.
        view: canvas, scales and mirror.
        canvases: side in pixels to the images on canvases of that side, float32 `(batch, side, side, 3)`.

    Returns:
        Maps `(batch, row', column', channel)` by the network's keys; they cover `covered` of each image.
    """
    steps = grid_steps(stride, view)
    passes = []
    for scale in view.scales:
        side = max(1, round(steps * scale)) * stride + 1
        found = mean_of_ways(network(both_ways(canvases(side), view.mirror)), view.mirror)
        passes.append({key: maps if side == canvas_side(stride, view) else resize(maps, steps + 1, steps + 1, True)
                       for key, maps in found.items()})
    return {key: as_kept(sum(maps[key] for maps in passes) / len(passes)) for key in passes[0]}


def grid_steps(stride: int, view: Canvas) -> int:
    """Returns the positions along a side of the maps at scale 1, less one.

    Args:
        stride: pixels between positions.
        view: says the canvas.
    """
    return -(-(view.side - 1) // stride)


def canvas_side(stride: int, view: Canvas) -> int:
    """Returns the side in pixels of the canvas at scale 1, on which a whole number of positions lies.

    Args:
        stride: pixels between positions.
        view: says the canvas.
    """
    return grid_steps(stride, view) * stride + 1


def covered(size, side: int):
    """Returns rows and columns that a canvas covers of an image, in the image's own pixels.

    Args:
        size: rows and columns of the image.
        side: of the canvas at scale 1.
    """
    longest = tf.maximum(side, tf.maximum(size[0], size[1]))
    return longest, longest


def on_canvas(image, side: int, base: int, colour):
    """Lays images of one size on canvases.

    Images whose longer side exceeds `base` are reduced to it; then they are scaled
    by (side - 1) / (base - 1), so that canvases of several sides show the same scene.

    Args:
        image: uint8 `(row, column, 3)` or `(batch, row, column, 3)`.
        side: pixels of the canvas.
        base: pixels of the canvas at scale 1.
        colour: of the rest of the canvas, one number for each channel.

    Returns:
        float32 `(side, side, 3)` or `(batch, side, side, 3)`, 0-255.

    Example:
    >>> on_canvas(tf.fill([1, 2, 3], tf.constant(9, tf.uint8)), 3, 3, [0, 0, 0]).numpy()[..., 0].tolist()
    [[9.0, 9.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    factor = (side - 1) / (base - 1) if side != base else 1.0
    own = tf.shape(image)[-3:-1]
    scale = factor * tf.minimum(tf.constant(1.0, tf.float64), base / tf.cast(tf.reduce_max(own), tf.float64))
    size = tf.clip_by_value(scaled_size(own, scale), 1, side)
    full = fill(tf.cast(scale_image(image, size), tf.float32), side, side, colour)
    return tf.ensure_shape(full, (*image.shape[:-3], side, side, 3))
