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


def gradient(loss, variables) -> list:
    """Returns the gradients of a function of nothing by Keras variables, as arrays (None where there is none)."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        value = loss()
    found = tape.gradient(value, [variable.value for variable in variables])
    return [None if one is None else np.asarray(one) for one in found]


def gradient_norms(loss, variables) -> list[float]:
    """Returns their lengths, of a large network: in a graph maps and gradients are free once nobody reads them."""
    import tensorflow as tf

    def work():
        with tf.GradientTape() as tape:
            value = loss()
        return [tf.norm(one) for one in tape.gradient(value, [variable.value for variable in variables])]

    return [float(one) for one in tf.function(work, autograph=False)()]
