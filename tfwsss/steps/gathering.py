"""Maps that a network finds during its training, gathered outside of the graph, and shown back to it (OAA)."""

import threading
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from tfwsss.data.image_set import ImageSet
from tfwsss.logs import LOG
from tfwsss.training.attention_memory import AttentionMemory


class Gatherer:
    """What `models.oaa.OAA.watch` calls: every image of a batch is a visit of the memory.

    It runs beside the graph and gives nothing back to it. Replicas wait for each other.

    Args:
        memory: that gathers.
        images: the data set.
        last_from: number of the visit, from 1, from which classes are taken of which nothing is kept yet, however
            improbable; None: never.
    """

    def __init__(self, memory: AttentionMemory, images: ImageSet, last_from: int | None = None):
        self.memory, self._images, self._last_from = memory, images, last_from
        self._lock = threading.Lock()

    def __call__(self, x: Mapping, maps, logits) -> None:
        """Gathers a batch.

        Args:
            x: "index" int32 `(batch,)`, places in the names of the images, and perhaps "mirrored" int32 `(batch,)`, 0
                or 1 (several devices put no booleans together).
            maps: raw, `(batch, row, column, class)`.
            logits: `(batch, class)`.
        """
        mirrored = x["mirrored"] if "mirrored" in x else tf.zeros_like(x["index"])
        tf.numpy_function(self._keep, [x["index"], mirrored, maps, logits], [], stateful=True)

    def _keep(self, indices: np.ndarray, mirrored: np.ndarray, maps: np.ndarray, logits: np.ndarray) -> None:
        images, probabilities = self._images, 1 / (1 + np.exp(-logits.astype(np.float32)))
        with self._lock:
            for place, index in enumerate(indices):
                name = images.names[index]
                last = self._last_from is not None and self.memory.seen + 1 >= self._last_from
                self.memory.visit(name, maps[place], probabilities[place], images.labels[name], bool(mirrored[place]),
                                  last)


class AttentionDrop:
    """What `models.oaa.OAA.veil` calls: hides what was found at an image's latest visit, so that more is looked for.

    Args:
        memory: with its latest maps.
        images: the data set.
        above: share of a map's maximum above which a pixel is hidden.
        colour: red, green, blue in its place, 0-255.

    Reference: Jiang et al., OAA, ICCV 2019, in the program for PyTorch.
    """

    def __init__(self, memory: AttentionMemory, images: ImageSet, above: float, colour: Sequence[float]):
        self._memory, self._images, self._above, self._colour = memory, images, above, colour

    def __call__(self, x: Mapping):
        """Hides pixels of a batch.

        Args:
            x: "image" `(batch, row, column, 3)`, "index" and "mirrored" as of `Gatherer`, and "dropped" int32
                `(batch,)`, 1 where the coin has fallen so.

        Returns:
            The images.
        """
        image = x["image"]
        found = tf.numpy_function(self._latest, [x["index"], x["mirrored"], x["dropped"]], tf.float32, stateful=True)
        found = tf.ensure_shape(found, (None, None, None, None))
        enlarged = tf.image.resize(found, tf.shape(image)[1:3])                        # (batch, row, column, class)
        hidden = tf.reduce_any(enlarged > self._above, axis=-1, keepdims=True)
        return tf.where(hidden, tf.cast(tf.constant(self._colour, tf.float32), image.dtype), image)

    def _latest(self, indices: np.ndarray, mirrored: np.ndarray, dropped: np.ndarray) -> np.ndarray:
        """Returns the latest maps of a batch's classes, 0 to 1, side by side; 0 where there is none."""
        names = [self._images.names[index] for index in indices]
        listed = [[self._memory.get_latest(name, label) for label in self._images.labels[name]] if drop else []
                  for name, drop in zip(names, dropped, strict=True)]
        known = [[each for each in maps if each is not None] for maps in listed]
        size = next((maps[0].shape for maps in known if maps), (1, 1))
        result = np.zeros((len(names), *size, max(1, *map(len, known), 1)), np.float32)
        for place, maps in enumerate(known):
            for channel, each in enumerate(maps):
                result[place, ..., channel] = (each[:, ::-1] if mirrored[place] else each) / np.float32(255)
        return result


class GatheringLogs(keras.callbacks.Callback):
    """Adds to each epoch's logs how many maps are gathered and how much memory they take, and says so at the end.

    Args:
        memory: that gathers.
        images: the training images.
    """

    def __init__(self, memory: AttentionMemory, images: ImageSet):
        super().__init__()
        self._memory, self._most = memory, sum(len(images.labels[name]) for name in images.names)

    def on_train_begin(self, logs=None):
        """Says what will be kept."""
        LOG.info("attention: one map for each class of each image is kept in memory, %d at most", self._most)

    def on_epoch_end(self, epoch, logs=None):
        """Counts."""
        if logs is not None:
            logs |= {"gathered_maps": float(len(self._memory)), "gathered_mebibytes": self._memory.num_bytes / 2**20}

    def on_train_end(self, logs=None):
        """Says what is kept."""
        LOG.info("attention: %d of %d maps gathered, %.1f MiB", len(self._memory), self._most,
                 self._memory.num_bytes / 2**20)
