"""What tests of numbers share: recorded arrays, layouts, gradients."""

from pathlib import Path

import numpy as np


def recorded(name: str) -> dict:
    """Returns the arrays of tests/recorded/<name>.npz."""
    with np.load(Path(__file__).parents[1] / "recorded" / f"{name}.npz", allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def channels_last(array):
    """Moves the channels of (batch, channel, row, column) to the end."""
    return np.ascontiguousarray(np.moveaxis(array, 1, -1))


def gradient(loss, variables, graph: bool = False) -> list:
    """Returns the gradients of a function of nothing by Keras variables, as arrays (None where there is none).

    In a graph a large network needs half the memory, since maps are free as soon as nobody reads them.
    """
    import tensorflow as tf

    def work():
        with tf.GradientTape() as tape:
            value = loss()
        return tape.gradient(value, [variable.value for variable in variables])

    found = tf.function(work, autograph=False)() if graph else work()
    return [None if one is None else np.asarray(one) for one in found]
