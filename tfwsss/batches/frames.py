"""Whole images brought to one size each, as OAA and MCIS see them, and batches of them: what OAA learns from."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfwsss.batches.jitter import jitter
from tfwsss.batches.streams import check, element_batches, element_draws
from tfwsss.data import images as graph
from tfwsss.data.image_set import ImageSet
from tfwsss.data.pillow_resize import resize_as_pillow
from tfwsss.ops.resize_cubic import resize_cubic

LONGEST = 3
"""The longer side is no more than so many of the shorter one: an image of one row fills no memory."""

OPENCV = "opencv"

_COINS, _COLOURS = 2, 8       # uniform numbers: mirror and drop; amounts and order of the changes of colours


class Frame(NamedTuple):
    """To what size images are brought, and how; every image whole, none with anything round it.

    Args:
        length: of the shorter side in pixels; of both where images become squares.
        square: whether they do, whatever their shape; only then batches hold several.
        stride: sides become a whole number of strides and one pixel, so that a network's first and last positions lie
            on the image's corners; None: sides as they come.
        rule: "opencv", its cubic one; or Pillow's "cubic" or "bilinear", which widen with the reduction and give bytes.
    """

    length: int
    square: bool = False
    stride: int | None = None
    rule: str = OPENCV


def frame_size(size, frame: Frame):
    """Returns the size to which an image is brought.

    Args:
        size: int32 `(2,)`, rows and columns of the image.
        frame: says how.

    Returns:
        int32 `(2,)`; the longer side at most `LONGEST` times `length`.

    Example:

    >>> frames = Frame(224), Frame(225, square=True), Frame(224, stride=16)
    >>> [frame_size([375, 500], frame).numpy().tolist() for frame in frames]
    [[224, 299], [225, 225], [225, 305]]
    """
    if frame.square:
        return tf.fill([2], _square_side(frame))
    own = tf.cast(size, tf.float64)
    sides = tf.minimum(tf.round(own * frame.length / tf.reduce_min(own)), LONGEST * frame.length)
    if frame.stride is not None:
        sides = tf.maximum(tf.round((sides - 1) / frame.stride), 1.0) * frame.stride + 1
    return tf.cast(sides, tf.int32)


def _square_side(frame: Frame) -> int:
    step = frame.stride
    return frame.length if step is None else max(1, round((frame.length - 1) / step)) * step + 1


def in_frame(image, frame: Frame):
    """Brings an image to its size.

    Args:
        image: uint8 `(row, column, 3)`, or a batch of images of one size.
        frame: says how.

    Returns:
        float32 `(rows, columns, 3)`, or a batch; OpenCV's cubic rule may leave 0 to 255.
    """
    image = tf.convert_to_tensor(image)
    size = frame_size(tf.shape(image)[-3:-1], frame)
    if frame.rule != OPENCV:
        found = tf.cast(resize_as_pillow(image, size, frame.rule), tf.float32)
    else:
        found = resize_cubic(image if image.shape.rank == 4 else image[None], size[0], size[1])
        found = found if image.shape.rank == 4 else found[0]
    side = _square_side(frame) if frame.square else None
    return tf.ensure_shape(found, (*image.shape[:-3], side, side, 3))


def framed_batches(images: ImageSet, frame: Frame, *, batch_size: int, mirror: bool = True,
                   colours: Sequence[float] = (), drop: float = 0.0, seed: int = 0, epochs: int = 1,
                   initial_epoch: int = 0, attention: Callable[[str], np.ndarray] | None = None) -> tf.data.Dataset:
    """Yields shuffled batches of whole images, of the epochs asked for, one after another.

    As in `batches.streams.training_batches` all draws depend on (seed, epoch,
    place): a run resumed at an epoch sees what an uninterrupted one would have seen.
    The programs of OAA draw images with replacement (Caffe) or never shuffle
    (PyTorch); here every image comes once an epoch, in another order each time.

    Args:
        images: data set; JPEG and PNG files.
        frame: to what size they are brought.
        batch_size: images in a batch over all devices together; 1 unless they become squares.
        mirror: whether half of the images are flipped left and right.
        colours: largest changes of brightness, contrast, saturation and hue, of bytes; () for none.
        drop: share of the images for which the coin "dropped" falls 1.
        seed: any whole number.
        epochs: number of the epoch to stop before.
        initial_epoch: number of the first epoch.
        attention: name to maps to learn from, float32 `(row', column', class)`, 0 to 1; they are mirrored as their
            image is. None: there are none.

    Returns:
        Dataset of pairs ({"image": float32 (batch, row, column, 3), "index", "mirrored", "dropped": int32 (batch,)},
        {"labels": float32 (batch, class), "attention": float32 (batch, row', column', class)}).

    Raises:
        UserError: no images.
    """
    check(images, batch_size, (1.0,))
    files = tf.constant([str(images.images[name]) for name in images.names])
    tags = tf.constant(np.stack([images.multi_hot(name) for name in images.names]))

    def element(index, epoch, place):
        draws = element_draws(_COINS + _COLOURS, seed, epoch, place)
        mirrored, dropped = tf.logical_and(mirror, draws[0] < 0.5), draws[1] < drop
        image = in_frame(graph.decode_image(tf.io.read_file(files[index])), frame)
        if colours:
            whole = image if frame.rule != OPENCV else tf.clip_by_value(tf.round(image), 0.0, 255.0)
            image = jitter(whole, draws[2:6], draws[6:10], colours)
        x = {"image": graph.mirror(image, mirrored), "index": index, "mirrored": tf.cast(mirrored, tf.int32),
             "dropped": tf.cast(dropped, tf.int32)}
        y = {"labels": tf.gather(tags, index)}
        if attention is not None:
            found = tf.numpy_function(lambda at: attention(images.names[at]), [index], tf.float32)
            y["attention"] = graph.mirror(tf.ensure_shape(found, (None, None, images.num_classes)), mirrored)
        return x, y

    return element_batches(element, len(images.names), batch_size=batch_size, seed=seed, epochs=epochs,
                           initial_epoch=initial_epoch)
