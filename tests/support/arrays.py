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


def assert_same_weights(model, other) -> None:
    """Asserts that two models' weights, in the order of their making, are equal to 1e-5."""
    for ours, theirs in zip(model.weights, other.weights, strict=True):
        np.testing.assert_allclose(theirs.numpy(), ours.numpy(), atol=1e-5, err_msg=ours.path)


def moved(model, before) -> dict[str, float]:
    """Returns by path how far each weight is from that of another model, at most."""
    return {ours.path: np.abs(ours.numpy() - start.numpy()).max()
            for ours, start in zip(model.weights, before.weights, strict=True)}
