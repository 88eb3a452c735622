"""Probabilities of images of any size by a segmentation network: windows, scales and mirror images put together."""

from collections.abc import Callable

import tensorflow as tf

from tfwsss.data.images import fill
from tfwsss.inference.mirrored import both_ways, by_way
from tfwsss.inference.views import Windows
from tfwsss.ops.resize import resize

VERSION = 2
"""Raised whenever probabilities of several scales change; 1 resized images by the half-pixel rule."""

OVERLAP = 3
"""Neighbouring windows share this part of their side at least: one in so many."""


def see_in_windows(network: Callable, num_ids: int, stride: int, view: Windows, images) -> dict:
    """Shows images of one size to a network at all scales, in windows where they are large.

    Each image is filled up to whole strides; at other scales this canvas is resized
    corners on corners, so that the grids of all scales lie corners on corners and can
    be averaged position by position. Memory grows with the grid, not with the pixels.

    Args:
        network: float32 `(batch, row, column, 3)` to a dictionary with "logits".
        num_ids: channels of the logits.
        stride: pixels between positions of the logits; the first lies on the first pixel.
        view: windows, scales, mirror and what is averaged.
        images: uint8 `(batch, row, column, 3)`.

    Returns:
        "probabilities" `(batch, row', column', id)`; they sum to 1, and cover `covered` of each image.

    Reference: Fan et al., CIAN, AAAI 2020 (released code).
    """
    steps = grid_steps(tf.shape(images)[1:3], stride)
    rows, columns = steps[0] + 1, steps[1] + 1
    canvas = fill(tf.cast(images, tf.float32), steps[0] * stride + 1, steps[1] * stride + 1, view.colour)
    probable = view.average == "probabilities"
    treat = tf.nn.softmax if probable else tf.identity
    grids = []
    for scale in view.scales:
        pieces = tf.maximum(tf.cast(tf.round(tf.cast(steps, tf.float64) * scale), tf.int32), 1)
        seen = canvas if scale == 1 else resize(canvas, pieces[0] * stride + 1, pieces[1] * stride + 1, True)
        found = _in_windows(lambda x: treat(network(x)["logits"]), num_ids, both_ways(seen, view.mirror), pieces,
                            stride, view.side)
        grids.append(found if scale == 1 else resize(found, rows, columns, align_corners=True))
    if view.average == "logits_and_maximum":
        grids.append(tf.reduce_max(tf.stack(grids), axis=0))
    ways = by_way(tf.add_n(grids) / len(grids), view.mirror)
    mean = tf.add_n(ways) / len(ways)
    return {"probabilities": mean if probable else tf.nn.softmax(mean)}


def grid_steps(size, stride: int):
    """Returns the positions along rows and columns of the grid at scale 1, less one: int32 `(2,)`, at least 1.

    Args:
        size: int32 `(2,)`, rows and columns of the image.
        stride: pixels between positions.
    """
    return tf.maximum(-((1 - size) // stride), 1)


def covered(size, stride: int):
    """Returns rows and columns in pixels that the grid of an image covers.

    Args:
        size: rows and columns of the image.
        stride: pixels between positions.
    """
    steps = grid_steps(tf.stack([size[0], size[1]]), stride)
    return steps[0] * stride + 1, steps[1] * stride + 1


def window_starts(length, window: int):
    """Places windows along a side so that neighbours overlap by a third at least, and the last ends with the side.

    Args:
        length: int32 scalar, positions along the side less one.
        window: the same of a window.

    Returns:
        int32 `(window,)`, where they start.

    Example:

    >>> [window_starts(length, 60).numpy().tolist() for length in (100, 60, 10)]
    [[0, 40], [0], [0]]
    """
    hop = max(1, window - -(-window // OVERLAP))
    spare = tf.maximum(length - window, 0)
    return tf.minimum(hop * tf.range(1 - (-spare // hop)), spare)


def _in_windows(work: Callable, num_ids: int, canvas, pieces, stride: int, window: int):
    """Applies `work` to a batch of canvases, window by window, and averages where windows overlap."""
    largest = (window - 1) // stride
    tops, lefts = (window_starts(pieces[axis], largest) for axis in (0, 1))
    size = tf.minimum(pieces, largest)                                       # of a window, in positions less one
    grid = pieces + 1

    def add(number, total, counts):
        start = tf.stack([tops[number // tf.size(lefts)], lefts[number % tf.size(lefts)]])
        first, last = start * stride, (start + size) * stride + 1
        found = work(canvas[:, first[0]:last[0], first[1]:last[1]])
        after = grid - start - size - 1
        margins = [[0, 0], [start[0], after[0]], [start[1], after[1]], [0, 0]]
        return number + 1, total + tf.pad(found, margins), counts + tf.pad(tf.ones_like(found[:1, ..., :1]), margins)

    empty = [tf.zeros(tf.concat([[count], grid, [last]], axis=0)) for count, last in
             ((tf.shape(canvas)[0], num_ids), (1, 1))]
    shapes = [tf.TensorShape([]), tf.TensorShape([None, None, None, num_ids]), tf.TensorShape([None, None, None, 1])]
    _, total, counts = tf.while_loop(lambda number, *_: number < tf.size(tops) * tf.size(lefts), add,
                                     [tf.constant(0), *empty], shape_invariants=shapes)
    return total / counts
