"""Learning rates that change with the steps."""

from collections.abc import Sequence

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfwsss")
class PolyDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Lowers the rate to 0 by a power, once per epoch or at every step.

        rate = initial_rate (1 - e / epochs)^power,   e = epochs done

    Args:
        initial_rate: float. Rate of the first epoch.
        epochs: int. Epochs until the rate is 0; it stays 0 after them.
        steps_per_epoch: int. Steps of an epoch.
        power: float.
        every_step: bool. Whether e counts parts of epochs, so that the rate
            changes at every step; otherwise it is constant within an epoch.

    Returns:
        float32 scalar in `[0, initial_rate]`, never rising.

    Example:
    >>> rate = PolyDecay(1e-3, epochs=20, steps_per_epoch=330)
    >>> [f"{float(rate(step)):.5e}" for step in (0, 329, 330, 3300, 6599)]
    ['1.00000e-03', '1.00000e-03', '9.54885e-04', '5.35887e-04', '6.74642e-05']
    """

    def __init__(self, initial_rate: float, epochs: int, steps_per_epoch: int, power: float = 0.9,
                 every_step: bool = False):
        super().__init__()
        self.initial_rate, self.epochs, self.steps_per_epoch = initial_rate, epochs, steps_per_epoch
        self.power, self.every_step = power, every_step

    def __call__(self, step):
        """Returns the rate of a step, counted from 0."""
        step = ops.cast(step, "int32")
        total = self.epochs * self.steps_per_epoch
        done = step if self.every_step else ops.floor_divide(step, self.steps_per_epoch) * self.steps_per_epoch
        left = ops.cast(ops.maximum(total - done, 0), "float32") / total
        return self.initial_rate * ops.power(left, self.power)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {"initial_rate": self.initial_rate, "epochs": self.epochs, "steps_per_epoch": self.steps_per_epoch,
                "power": self.power, "every_step": self.every_step}


@keras.saving.register_keras_serializable(package="tfwsss")
class StepDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Multiplies the rate by a factor at the start of certain epochs.

        rate = initial_rate factor^n,   n = number of those epochs that have begun

    Args:
        initial_rate: float. Rate of the first epoch.
        epochs: ints. Epochs, counted from 0, from which on the factor counts once more.
        steps_per_epoch: int. Steps of an epoch.
        factor: float.

    Returns:
        float32 scalar, constant within an epoch.

    Example:
    >>> rate = StepDecay(1e-3, epochs=(5, 10), steps_per_epoch=100)
    >>> [f"{float(rate(step)):.0e}" for step in (0, 499, 500, 999, 1000, 9999)]
    ['1e-03', '1e-03', '1e-04', '1e-04', '1e-05', '1e-05']
    """

    def __init__(self, initial_rate: float, epochs: Sequence[int], steps_per_epoch: int, factor: float = 0.1):
        super().__init__()
        self.initial_rate, self.epochs, self.steps_per_epoch = initial_rate, tuple(epochs), steps_per_epoch
        self.factor = factor

    def __call__(self, step):
        """Returns the rate of a step, counted from 0."""
        step = ops.cast(step, "int32")
        begun = sum(ops.cast(step >= epoch * self.steps_per_epoch, "float32") for epoch in self.epochs)
        return self.initial_rate * ops.power(ops.convert_to_tensor(self.factor, "float32"), begun)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {"initial_rate": self.initial_rate, "epochs": list(self.epochs),
                "steps_per_epoch": self.steps_per_epoch, "factor": self.factor}
