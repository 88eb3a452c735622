"""Images that share a class, put together by CIAN's rule, and batches of such groups."""

import collections
import logging
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfwsss.batches.augment import Augmentation
from tfwsss.batches.share import WHOLE, Share
from tfwsss.batches.streams import check, epoch_order, reader
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import UserError

_LOG = logging.getLogger("tfwsss")


def make_groups(tags: Sequence[Collection[int]], order: Iterable[int], group: int = 2,
                to_the_end: bool = True) -> list[tuple[int, ...]]:
    """Puts images together whose members share a class, two by two.

    The first image that waits, or else the next of the order, opens a group; those
    that follow join it if they share a class with every member, and wait otherwise,
    behind all that wait already. An image that finds no partner is left out. In
    the released code such an image ends the epoch, whatever is left; going on
    keeps its groups and adds those of the rest.

    Args:
        tags: classes of each image; those of an image without any are never shared.
        order: numbers of images, each once.
        group: members of a group.
        to_the_end: whether to go on behind an image that finds no partner; False is released.

    Returns:
        Groups in the order of their making, each in the order of joining; no image is in two.

    Example:
    >>> tags = [{0}, {1}, {0}, {1}, {0, 1}, {2}, {1}, {0}]
    >>> make_groups(tags, range(8))
    [(0, 2), (1, 3), (4, 6)]
    """
    shares = [sum(1 << tag for tag in set(own)) for own in tags]       # a bit for each class
    waiting, coming = collections.deque(), collections.deque(order)
    groups = []
    while waiting or coming:
        members, seen = [(waiting or coming).popleft()], []
        while len(members) < group and (waiting or coming):
            seen.append((waiting or coming).popleft())
            if all(shares[seen[-1]] & shares[member] for member in members):
                members.append(seen[-1])
        if len(members) == group:
            groups.append(tuple(members))
            waiting.extend(number for number in seen if number not in members)
        elif to_the_end:
            waiting.extend(seen)
        else:
            break
    return groups


def with_partners(images: ImageSet, group: int = 2) -> ImageSet:
    """Returns the images that can be in a group at all: those that share a class with another one.

    Args:
        images: data set.
        group: members of a group; a group of one needs no partner.

    Raises:
        UserError: there are none.
    """
    if group == 1:
        return images
    counts = collections.Counter(label for name in images.names for label in set(images.labels[name]))
    names = [name for name in images.names if any(counts[label] > 1 for label in images.labels[name])]
    if not names:
        raise UserError(f"{images.root}: no two of {len(images.names)} images share a class; groups need images with "
                        "common labels")
    return images.subset(names)


def group_steps(images: ImageSet, batch_size: int, group: int, seed: int, epochs: int) -> int:
    """Returns the number of batches in every epoch of `group_batches`: that of the epoch with the fewest groups.

    Where that is none, groups are repeated to one batch. Takes some seconds for thousands of images and many epochs.

    Args:
        images: data set.
        batch_size: groups in a batch over all devices together.
        group: members of a group.
        seed: any whole number.
        epochs: of the whole training.

    Raises:
        UserError: no images that share a class.
    """
    return _table(with_partners(images, group), batch_size, group, seed, epochs).shape[1] // batch_size


def _table(images: ImageSet, batch_size: int, group: int, seed: int, epochs: int) -> np.ndarray:
    """Returns the numbers of the images of all epochs, int32 `(epochs, steps * batch_size, group)`."""
    tags, count = [images.labels[name] for name in images.names], len(images.names)
    found = [make_groups(tags, epoch_order(count, seed, epoch).numpy().tolist(), group) for epoch in range(epochs)]
    fewest = min(map(len, found), default=0)
    if not fewest:
        raise UserError(f"{images.root}: no {group} of {count} images share a class, two by two; expected some "
                        "groups: make them smaller, or add images")
    rows = max(1, fewest // batch_size) * batch_size
    return np.stack([np.resize(np.array(groups, np.int32), (rows, group)) for groups in found])


def group_batches(images: ImageSet, *, batch_size: int, group: int, how: Augmentation, seed: int = 0, epochs: int = 1,
                  initial_epoch: int = 0, masks: Path, share: Share = WHOLE) -> tf.data.Dataset:
    """Yields batches of groups that share a class, of the epochs asked for, one after another.

    One element is a whole group, so that no device splits it. As in
    `training_batches` all draws depend on (seed, epoch, place): a run resumed at an
    epoch sees what an uninterrupted one would have seen, if `epochs` is the same.
    Images that find no partner are left out of that epoch. Broken files are not
    met here: `survey` has taken their images out of the set before groups are made.

    Args:
        images: data set; JPEG and PNG files (`survey` converts others).
        batch_size: groups in a batch over all devices together.
        group: members of a group.
        how: scale, colours, mirror image and crop, drawn for each member.
        seed: any whole number.
        epochs: of the whole training; the number of the epoch to stop before.
        initial_epoch: number of the first epoch.
        masks: folder of masks to learn from.
        share: the part of each batch that this process reads, in whole groups.

    Returns:
        Dataset of pairs ({"image": float32 (batch, group, row, column, 3) in 0-255},
        {"mask": int32 (batch, group, row, column), "labels": float32 (batch, group, class)}).

    Raises:
        UserError: no images that share a class, or masks of some are missing.
    """
    count, images = len(images.names), with_partners(images, group)
    if alone := count - len(images.names):
        _LOG.warning("%s: %d of %d images share no class with another; they are not trained on", images.root, alone,
                     count)
    check(images, batch_size * group, how.scales, masks=masks)
    table = _table(images, batch_size, group, seed, epochs)[initial_epoch:]
    own = share.places(table.shape[1] * group, batch_size * group)
    numbers = table.reshape(-1, table.shape[1] * group)[:, own]                  # (epoch, own place)
    places = (numbers.ravel(), np.repeat(np.arange(initial_epoch, epochs), len(own)), np.tile(own, len(table)))
    element = reader(images, how, seed, masks=masks)

    def member(index, epoch, place):
        x, y = element(index, epoch, place)
        return {"image": x["image"]}, y

    dataset = tf.data.Dataset.from_tensor_slices(places)
    dataset = dataset.map(member, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    groups = dataset.batch(group, drop_remainder=True)
    return groups.batch(share.size(batch_size), drop_remainder=True).prefetch(tf.data.AUTOTUNE)
