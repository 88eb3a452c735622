"""Batches for training; every random draw is a function of seed, epoch and place."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfwsss.artefacts.files import finished, path_of
from tfwsss.batches.augment import DRAWS, Augmentation, augment
from tfwsss.batches.share import WHOLE, Share
from tfwsss.batches.sure_cells import decode_marginals, sure_cells
from tfwsss.data import images as graph
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import UserError

_LOG = logging.getLogger("tfwsss")
_ORDER, _AUGMENTATION = 0, 1


def steps_per_epoch(images: ImageSet, batch_size: int, drop_remainder: bool = True) -> int:
    """Returns the number of batches in an epoch: at least one, for which few images are repeated.

    Args:
        images: the data set.
        batch_size: images in a batch over all devices together.
        drop_remainder: whether the last partial batch is left out.
    """
    return _steps(len(images.names), batch_size, drop_remainder)


def _steps(count: int, batch_size: int, drop_remainder: bool) -> int:
    whole, rest = divmod(count, batch_size)
    return max(1, whole + (rest > 0 and not drop_remainder))


def training_batches(images: ImageSet, *, batch_size: int, how: Augmentation, seed: int = 0, epochs: int = 1,
                     initial_epoch: int = 0, regions: Path | None = None, masks: Path | None = None,
                     marginals: Path | None = None, cell: int = 8, drop_remainder: bool = True,
                     features: np.ndarray | None = None, share: Share = WHOLE) -> tf.data.Dataset:
    """Yields shuffled, scaled, mirrored, padded and cropped batches of the epochs asked for, one after another.

    The order of an epoch depends on (seed, epoch), the augmentation of an
    element on (seed, epoch, place in the epoch): a run resumed at an epoch sees
    what an uninterrupted one would have seen. Fewer images than one batch are
    repeated within the epoch.

    Args:
        images: data set; JPEG and PNG files (`survey` converts others).
        batch_size: images in a batch over all devices together.
        how: scale, colours, mirror image and crop.
        seed: any whole number.
        epochs: number of the epoch to stop before.
        initial_epoch: number of the first epoch.
        regions: folder of superpixels, or None.
        masks: folder of masks to learn from, or None.
        marginals: folder of marginals whose means over cells decide what to learn from, or None.
        cell: side of those cells in pixels.
        drop_remainder: whether the last partial batch is left out; needed under several devices.
        features: float32 (image, row, column, channel), which stand for the images; None: there are none.
        share: the part of each batch that this process reads; others are not even decoded.

    Returns:
        Dataset of pairs ({"image": float32 (batch, row, column, 3) in 0-255, "labels": float32 (batch, class)
        and "regions": int32 (batch, row, column)}, {"labels" and "mask": int32 (batch, row, column), of marginals one
        for each cell}).

    Raises:
        UserError: no images, or regions or masks of some are missing.
    """
    check(images, batch_size, how.scales, regions=regions, masks=masks, marginals=marginals)
    element = reader(images, how, seed, regions, masks, marginals, cell)
    return element_batches(element if features is None else _with_features(element, features), len(images.names),
                           batch_size=batch_size, seed=seed, epochs=epochs, initial_epoch=initial_epoch,
                           drop_remainder=drop_remainder, share=share)


def element_batches(element: Callable, count: int, *, batch_size: int, seed: int, epochs: int, initial_epoch: int = 0,
                    drop_remainder: bool = True, share: Share = WHOLE) -> tf.data.Dataset:
    """Yields shuffled batches of elements that are made from an index, of the epochs asked for, one after another.

    Args:
        element: function of the index, the epoch and the place in the epoch to an element.
        count: number of indices; fewer than one batch are repeated within the epoch.
        batch_size: elements in a batch over all devices together.
        seed: any whole number; the order of an epoch depends on (seed, epoch).
        epochs: number of the epoch to stop before.
        initial_epoch: number of the first epoch.
        drop_remainder: whether the last partial batch is left out; True where the batch is shared.
        share: the part of each batch that this process reads; the other elements are not made.

    Returns:
        Dataset of batches.
    """
    steps = _steps(count, batch_size, drop_remainder)
    per_epoch = steps * batch_size if drop_remainder or count < batch_size else count
    place = tf.constant(share.places(per_epoch, batch_size), tf.int32)

    def places(epoch):
        order = tf.tile(epoch_order(count, seed, epoch), [-(-per_epoch // count)])
        return tf.data.Dataset.from_tensor_slices((tf.gather(order, place), tf.fill(place.shape, epoch), place))

    def batched(source):
        elements = source.map(element, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        return elements.batch(share.size(batch_size), drop_remainder=drop_remainder)

    numbers = tf.data.Dataset.range(initial_epoch, epochs)
    # Without partial batches one pipeline runs on over the epochs; otherwise each epoch has its own, which ends there.
    dataset = batched(numbers.flat_map(places)) if drop_remainder else \
        numbers.flat_map(lambda epoch: batched(places(epoch)))
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(steps * max(epochs - initial_epoch, 0)))
    return dataset.prefetch(tf.data.AUTOTUNE)


def epoch_order(count: int, seed: int, epoch):
    """Returns the order of the images in an epoch, int32 `(count,)`.

    Args:
        count: number of images.
        seed: any whole number.
        epoch: number of the epoch.
    """
    return tf.argsort(tf.random.stateless_uniform([count], _key(seed, _ORDER, epoch)), stable=True)


def element_draws(count: int, seed: int, epoch, place):
    """Returns the random numbers of an element, float32 `(count,)` in [0, 1).

    Args:
        count: how many.
        seed: any whole number.
        epoch: number of the epoch.
        place: place in the epoch.
    """
    return tf.random.stateless_uniform([count], _key(seed, _AUGMENTATION, epoch, place))


def reader(images: ImageSet, how: Augmentation, seed: int, regions: Path | None = None, masks: Path | None = None,
           marginals: Path | None = None, cell: int = 8) -> Callable:
    """Makes what reads and augments one image in the graph.

    Args:
        images: data set; JPEG and PNG files.
        how: scale, colours, mirror image and crop.
        seed: any whole number.
        regions: folder of superpixels, or None.
        masks: folder of masks to learn from, or None.
        marginals: folder of marginals to learn from, or None.
        cell: side of the cells over which marginals are averaged, in pixels.

    Returns:
        Function of the image's index, the epoch and the place in the epoch to an element of `training_batches`.
    """
    files, labels = _files(images, regions=regions, masks=masks, marginals=marginals), _labels(images)

    def element(index, epoch, place):
        draws = element_draws(DRAWS, seed, epoch, place)
        x = augment(_load({key: tf.gather(paths, index) for key, paths in files.items()}, images.palette), draws, how)
        tags = tf.gather(labels, index)
        if marginals:
            x["mask"] = sure_cells(x.pop("marginals"), tags, cell)
        y = {"labels": tags, **({"mask": x.pop("mask")} if "mask" in x else {})}
        return {**x, "labels": tags}, y

    return element


def _with_features(element: Callable, features: np.ndarray) -> Callable:
    """Puts kept features in the place of images, which then nobody decodes but for their size."""
    def changed(index, epoch, place):
        x, y = element(index, epoch, place)
        kept = tf.numpy_function(lambda at: np.array(features[at]), [index], tf.float32, stateful=False)
        return {**x, "image": tf.ensure_shape(kept, features.shape[1:])}, y

    return changed


def check(images: ImageSet, batch_size: int, scales: Sequence[float], **folders: Path | None) -> None:
    """Refuses what cannot be trained on, and says where images will be repeated.

    Args:
        images: data set.
        batch_size: images in a batch over all devices together.
        scales: factors of `Augmentation`.
        **folders: of files by their kind, `regions`, `masks`, `marginals`, or None.

    Raises:
        UserError: no images, or files of some are missing.
    """
    if not images.names:
        raise UserError(f"{images.root}: no usable image; see the list of faults")
    if batch_size < 1 or not scales or min(scales) <= 0:
        raise UserError(f"batch_size {batch_size}, scales {tuple(scales)}; expected positive numbers")
    if len(images.names) < batch_size:
        _LOG.warning("%s: %d images are fewer than one batch of %d; some are repeated in it", images.root,
                     len(images.names), batch_size)
    for kind, folder in folders.items():
        missing = set(images.names) - finished(folder, kind, images.names) if folder else ()
        if missing:
            raise UserError(f"{folder}: {kind} of {len(missing)} images are missing, such as {min(missing)!r}; "
                            f"run the stage that makes them, or give a folder that has {min(missing)}.png")


def _files(images: ImageSet, **folders: Path | None) -> dict[str, tf.Tensor]:
    files = {"image": [str(images.images[name]) for name in images.names]}
    keys = {"masks": "mask"}
    for kind, folder in folders.items():
        if folder:
            files[keys.get(kind, kind)] = [str(path_of(folder, kind, name)) for name in images.names]
    return {key: tf.constant(paths, tf.string) for key, paths in files.items()}


def _labels(images: ImageSet) -> tf.Tensor:
    return tf.constant(np.stack([images.multi_hot(name) for name in images.names]))     # (image, class)


def _key(seed: int, *numbers):
    key = tf.constant([seed % 2**31, seed // 2**31 % 2**31], tf.int64)
    for number in numbers:
        key = tf.random.fold_in(key, tf.cast(number, tf.int64))
    return key


def _load(files: dict, palette: np.ndarray) -> dict:
    """Reads an element: image uint8 (row, column, 3), regions and mask int32 (row, column), marginals."""
    decoders = {"image": graph.decode_image, "regions": graph.decode_regions,
                "mask": lambda contents: graph.decode_mask(contents, palette)}
    x = {key: decoders[key](tf.io.read_file(path)) for key, path in files.items() if key != "marginals"}
    size = tf.shape(x["image"])[:2]
    if "marginals" in files:
        x["marginals"] = decode_marginals(tf.io.read_file(files["marginals"]), size)
    for key in x.keys() - {"image"}:
        same = tf.reduce_all(tf.shape(x[key])[:2] == size)
        message = [files[key], "has size", tf.shape(x[key])[:2], "but its image", files["image"], "has", size]
        with tf.control_dependencies([tf.debugging.Assert(same, message)]):
            x[key] = tf.identity(x[key])
    return x
