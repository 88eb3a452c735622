"""How a network sees whole images inside a graph: on canvases, or at their own size in windows."""

from collections.abc import Callable

import tensorflow as tf

from tfwsss.data.images import pad, scale_image
from tfwsss.inference.canvas import on_canvas
from tfwsss.inference.served import OVERLAP, Canvas, Picture, Windows
from tfwsss.ops.resize import resize


def see_on_canvases(network: Callable, stride: int, look: Canvas, images: Callable, count):
    """Averages the maps of a network over scales and mirror images; `steps.class_maps.score_images` does with arrays.

    Args:
        network: float32 `(batch, side, side, 3)` to a dictionary of maps.
        stride: pixels between positions of the maps.
        look: canvas, scales and mirror.
        images: number of an image to uint8 `(row, column, 3)`.
        count: number of images.

    Returns:
        Maps `(count, row', column', channel)` by the network's keys; they cover `canvas_cover` of each image.
    """
    steps, base = canvas_steps(stride, look), canvas_side(stride, look)
    grey = tf.broadcast_to(tf.cast(look.pad_value, tf.float32), (3,))
    passes = []
    for scale in look.scales:
        side = max(1, round(steps * scale)) * stride + 1
        canvases = tf.map_fn(lambda place, side=side: on_canvas(images(place), side, base, grey), tf.range(count),
                             fn_output_signature=tf.TensorSpec((side, side, 3)))
        for way in (1, -1) if look.mirror else (1,):
            found = network(canvases[:, :, ::way])
            passes.append({key: _to_grid(maps[:, :, ::way], steps + 1) for key, maps in found.items()})
    return {key: tf.add_n([maps[key] for maps in passes]) / len(passes) for key in passes[0]}


def canvas_steps(stride: int, look: Canvas) -> int:
    """Returns the positions along a side of the maps at scale 1, less one.

    Args:
        stride: pixels between positions.
        look: says the canvas.
    """
    return -(-(look.side - 1) // stride)


def canvas_side(stride: int, look: Canvas) -> int:
    """Returns the side in pixels of the canvas at scale 1, on which a whole number of positions lies.

    Args:
        stride: pixels between positions.
        look: says the canvas.
    """
    return canvas_steps(stride, look) * stride + 1


def canvas_cover(image, side: int) -> Picture:
    """Says what the canvas covers of an image, in the image's own pixels.

    Args:
        image: uint8 `(row, column, 3)`.
        side: of the canvas at scale 1.

    Returns:
        Picture.
    """
    cover = tf.maximum(side, tf.reduce_max(tf.shape(image)[:2]))
    return Picture(image, (cover, cover))


def see_in_windows(network: Callable, num_ids: int, stride: int, look: Windows, image):
    """Puts windows, scales and mirror images together; `steps.viewing.look` does with arrays.

    Args:
        network: float32 `(1, row, column, 3)` to a dictionary with "logits".
        num_ids: channels of the logits.
        stride: pixels between positions of the logits.
        look: windows, scales, mirror and what is averaged.
        image: uint8 `(row, column, 3)`.

    Returns:
        "probabilities" `(row', column', id)`, and the Picture that they cover.
    """
    steps = tf.maximum(-((1 - tf.shape(image)[:2]) // stride), 1)
    probable = look.average == "probabilities"
    treat = tf.nn.softmax if probable else tf.identity
    directions = []
    for way in (1, -1) if look.mirror else (1,):
        grids = []
        for scale in look.scales:
            pieces = tf.maximum(_rounded(tf.cast(steps, tf.float64) * scale), 1)
            canvas = _canvas(image, steps, pieces, stride, look)[:, ::way]
            found = _in_windows(lambda x: treat(network(x)["logits"][0]), num_ids, canvas, pieces, stride, look.side)
            grids.append(resize(found[None, :, ::way], steps[0] + 1, steps[1] + 1, align_corners=True)[0])
        if look.average == "logits_and_maximum":
            grids.append(tf.reduce_max(tf.stack(grids), axis=0))
        directions.append(tf.add_n(grids) / len(grids))
    mean = tf.add_n(directions) / len(directions)
    covers = steps * stride + 1
    return {"probabilities": mean if probable else tf.nn.softmax(mean)}, Picture(image, (covers[0], covers[1]))


def _canvas(image, steps, pieces, stride: int, look: Windows):
    """Scales an image by pieces / steps and fills it up to whole strides: float32 `(row, column, 3)`."""
    sides = pieces * stride + 1
    length = tf.cast(tf.shape(image)[:2] * pieces, tf.float64) / tf.cast(steps, tf.float64)
    size = tf.minimum(sides, tf.maximum(_rounded(length), 1))
    image = tf.cast(scale_image(image, size), tf.float32)
    return pad(image, sides[0], sides[1], tf.constant(look.colour, tf.float32))


def _in_windows(work: Callable, num_ids: int, canvas, pieces, stride: int, window: int):
    """Applies `work` piece by piece and averages where pieces overlap."""
    largest = (window - 1) // stride
    tops, lefts = (_starts(pieces[axis], largest) for axis in (0, 1))
    size = tf.minimum(pieces, largest)                                       # of a window, in positions less one
    grid = pieces + 1

    def add(number, total, counts):
        start = tf.stack([tops[number // tf.size(lefts)], lefts[number % tf.size(lefts)]])
        first, last = start * stride, (start + size) * stride + 1
        found = work(canvas[None, first[0]:last[0], first[1]:last[1]])
        after = grid - start - size - 1
        margins = [[start[0], after[0]], [start[1], after[1]], [0, 0]]
        return number + 1, total + tf.pad(found, margins), counts + tf.pad(tf.ones_like(found[..., :1]), margins)

    empty = [tf.zeros(tf.concat([grid, [last]], axis=0)) for last in (num_ids, 1)]
    shapes = [tf.TensorShape([]), tf.TensorShape([None, None, num_ids]), tf.TensorShape([None, None, 1])]
    _, total, counts = tf.while_loop(lambda number, *_: number < tf.size(tops) * tf.size(lefts), add,
                                     [tf.constant(0), *empty], shape_invariants=shapes)
    return total / counts


def _starts(length, window: int):
    """Places windows along a side so that neighbours overlap by a third at least, and the last ends with the side."""
    hop = max(1, window - -(-window // OVERLAP))
    spare = tf.maximum(length - window, 0)
    return tf.minimum(hop * tf.range(1 - (-spare // hop)), spare)


def _rounded(values):
    return tf.cast(tf.round(values), tf.int32)


def _to_grid(maps, side: int):
    """Resamples maps, corners on corners, to `(image, side, side, channel)`."""
    return maps if maps.shape[1] == side else resize(maps, side, side, align_corners=True)
