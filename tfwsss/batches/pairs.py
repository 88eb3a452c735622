"""Pairs of images that share a class, each one element, with other views of the first: what MCIS learns from."""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfwsss.batches.frames import Frame, in_frame
from tfwsss.batches.jitter import jitter
from tfwsss.batches.share import WHOLE, Share
from tfwsss.batches.streams import check, element_batches, element_draws
from tfwsss.data import images as graph
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import UserError

_CHOICE, _COLOURS = 2, 8       # uniform numbers: class and partner; amounts and order of the changes of one image


def with_classes(images: ImageSet) -> ImageSet:
    """Returns the images that can be in a pair at all: those that show a class.

    Args:
        images: data set.

    Raises:
        UserError: there are none.
    """
    names = [name for name in images.names if images.labels[name]]
    if not names:
        raise UserError(f"{images.root}: none of {len(images.names)} images shows a class; pairs need tags")
    return images.subset(names)


def make_partner(images: ImageSet) -> Callable:
    """Makes what draws the second image of a pair, as the release of MCIS does.

    One of the image's classes, all alike, then one of all images that show it, all
    alike, the image itself among them.

    Args:
        images: data set, each image with a class.

    Returns:
        Function of an image's index and two numbers in [0, 1) to the index of its partner, int32, in the graph.
    """
    numbers = {name: number for number, name in enumerate(images.names)}
    tags = [sorted(set(images.labels[name])) for name in images.names]
    members = [[numbers[name] for name in names] for names in members_by_class(images)]
    of_image, of_class = tf.ragged.constant(tags, tf.int32), tf.ragged.constant(members, tf.int32)

    def partner(index, draws):
        label = _one_of(of_image, index, draws[0])
        return _one_of(of_class, label, draws[1])

    return partner


def _one_of(lists: tf.RaggedTensor, place, draw):
    """Takes one of a list's members by a number in [0, 1)."""
    start, end = lists.row_splits[place], lists.row_splits[place + 1]
    step = tf.cast(tf.cast(draw, tf.float64) * tf.cast(end - start, tf.float64), end.dtype)
    return lists.flat_values[tf.minimum(start + step, end - 1)]


def members_by_class(images: ImageSet) -> tuple[tuple[str, ...], ...]:
    """Returns for each class the names of the images that show it, sorted.

    Args:
        images: data set.
    """
    members: list[list[str]] = [[] for _ in range(images.num_classes)]
    for name in sorted(images.names):
        for label in set(images.labels[name]):
            members[label].append(name)
    return tuple(map(tuple, members))


def draw_references(members: Sequence[str], name: str, label: int, count: int, seed: int = 0) -> tuple[str, ...]:
    """Draws the images by whose side an image is seen, with replacement, the image itself perhaps among them.

    The draw depends on its arguments alone, not on the order in which images are seen.

    Args:
        members: names of the images that show the class (`members_by_class`).
        name: of the image, which need not be one of them.
        label: the class.
        count: how many.
        seed: any whole number.

    Returns:
        Names; none where no image shows the class.

    Reference: Sun et al., MCIS, ECCV 2020 (released code: three a class).
    """
    if not members:
        return ()
    key = hashlib.sha256(f"{seed}\0{name}\0{label}".encode()).digest()
    places = np.random.default_rng(int.from_bytes(key[:16], "big")).integers(len(members), size=count)
    return tuple(members[place] for place in places)


def other_views(image, side: int) -> dict:
    """Makes other views of an image, each from its original pixels and in its own colours.

    Args:
        image: uint8 `(row, column, 3)`.
        side: of the square view that the network sees, in pixels.

    Returns:
        float32 "mirrored" `(side, side, 3)`, "smaller" of three quarters, "larger" of twice the side.
    """
    views = {"mirrored": side, "smaller": int(0.75 * side), "larger": 2 * side}
    found = {view: square(image, length) for view, length in views.items()}
    return {**found, "mirrored": tf.reverse(found["mirrored"], axis=[1])}


def square(image, side: int):
    """Resizes an image to a square as MCIS' program does, whatever its sides.

    Args:
        image: uint8 `(row, column, 3)`.
        side: of the square in pixels.

    Returns:
        float32 `(side, side, 3)`, whole numbers 0-255.
    """
    return in_frame(image, Frame(side, square=True, rule="bilinear"))


def pair_batches(images: ImageSet, *, batch_size: int, side: int = 256, colours: Sequence[float] = (0.3, 0.3, 0.3, 0.1),
                 self_views: bool = True, seed: int = 0, epochs: int = 1, initial_epoch: int = 0,
                 drop_remainder: bool = False, share: Share = WHOLE) -> tf.data.Dataset:
    """Yields batches of pairs, of the epochs asked for, one after another; every image comes first once an epoch.

    One element is a whole pair, so that no device splits it. As in `training_batches`
    all draws depend on (seed, epoch, place): a run resumed at an epoch sees what an
    uninterrupted one would have seen.

    Args:
        images: data set, each image with a class (`with_classes`); JPEG and PNG files.
        batch_size: pairs in a batch over all devices together.
        side: of the squares that images become, in pixels.
        colours: largest changes of brightness, contrast, saturation and hue of the pair's images; () for none.
        self_views: whether other views of the first image belong to the pair.
        seed: any whole number.
        epochs: number of the epoch to stop before.
        initial_epoch: number of the first epoch.
        drop_remainder: whether the last partial batch is left out; needed under several devices.
        share: the part of each batch that this process reads.

    Returns:
        Dataset of pairs ({"image": float32 (batch, 2, side, side, 3) in 0-255, and those of `other_views`},
        {"labels": float32 (batch, 2, class)}).

    Raises:
        UserError: no images, or some without a class.
    """
    check(images, batch_size, (1.0,))
    if len(with_classes(images).names) < len(images.names):
        raise UserError(f"{images.root}: some images show no class, and have no partner; leave them out")
    files = tf.constant([str(images.images[name]) for name in images.names])
    tags = tf.constant(np.stack([images.multi_hot(name) for name in images.names]))
    partner = make_partner(images)

    def element(index, epoch, place):
        draws = element_draws(_CHOICE + 2 * _COLOURS, seed, epoch, place)
        indices = tf.stack([index, partner(index, draws[:_CHOICE])])
        pixels = [graph.decode_image(tf.io.read_file(files[each])) for each in tf.unstack(indices)]
        squares = [square(each, side) for each in pixels]
        if colours:
            squares = [jitter(each, draw[:4], draw[4:], colours) for each, draw in
                       zip(squares, tf.split(draws[_CHOICE:], 2), strict=True)]
        x = {"image": tf.ensure_shape(tf.stack(squares), (2, side, side, 3))}
        return {**x, **(other_views(pixels[0], side) if self_views else {})}, {"labels": tf.gather(tags, indices)}

    return element_batches(element, len(images.names), batch_size=batch_size, seed=seed, epochs=epochs,
                           initial_epoch=initial_epoch, drop_remainder=drop_remainder, share=share)
