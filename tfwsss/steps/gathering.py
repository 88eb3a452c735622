"""Maps that a network finds during its training, gathered outside of the graph (OAA)."""

import threading
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfwsss.data.image_set import ImageSet
from tfwsss.training.attention_memory import AttentionMemory


def watch_for(memory: AttentionMemory, images: ImageSet) -> Callable:
    """Makes what `models.oaa.OAA.watch` calls: every image of a batch is a visit of the memory.

    It runs beside the graph and gives nothing back to it. Replicas wait for each other.

    Args:
        memory: that gathers.
        images: the data set.

    Returns:
        Function of a batch's inputs, its raw maps `(batch, row, column, class)` and its logits `(batch, class)`. The
        inputs hold "index" int32 `(batch,)`, places in `images.names`, and perhaps "mirrored" int32 `(batch,)`, 0 or 1
        (several devices put no booleans together).
    """
    lock = threading.Lock()

    def keep(indices, mirrored, maps, logits):
        probabilities = 1 / (1 + np.exp(-logits.astype(np.float32)))
        with lock:
            for place, index in enumerate(indices):
                name = images.names[index]
                memory.visit(name, maps[place], probabilities[place], images.labels[name], bool(mirrored[place]))

    def watch(x, maps, logits):
        mirrored = x["mirrored"] if "mirrored" in x else tf.zeros_like(x["index"])
        tf.numpy_function(keep, [x["index"], mirrored, maps, logits], [], stateful=True)

    return watch
