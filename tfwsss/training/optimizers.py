"""Optimisers with coupled weight decay and rates by variable."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

import keras
from keras import ops

from tfwsss.errors import UserError
from tfwsss.training.fused_momentum import fused_momentum


def _matches(path: str, pattern: str) -> bool:
    """Says whether a pattern names the path, one of its parts, or several of its parts in a row."""
    return any(fnmatchcase(text, pattern) for text in (path, *path.split("/"))) or fnmatchcase(path, f"*/{pattern}")


class _ByPath:
    """Adds coupled decay and factors of the rate, each resolved by the variable's path in `build`."""

    def _take(self, coupled_decay: float, multipliers: Mapping[str, float] | None, decayed: tuple[str, ...]) -> None:
        self.coupled_decay = float(coupled_decay)
        self.multipliers = dict(multipliers or {})
        self.decayed = tuple(decayed)

    def build(self, variables):
        paths = [variable.path for variable in variables]
        for pattern in self.multipliers:
            if not any(_matches(path, pattern) for path in paths):
                layers = sorted({path.split("/")[0] for path in paths})
                raise UserError(f"multipliers: {pattern!r} matches no trainable variable; "
                                f"the layers are {', '.join(layers)}")
        self._factors, self._decays = [], []
        for path in paths:
            factor = 1.0
            for pattern, value in self.multipliers.items():
                factor *= value if _matches(path, pattern) else 1.0
            self._factors.append(factor)
            self._decays.append(self.coupled_decay if any(_matches(path, p) for p in self.decayed) else 0.0)
        super().build(variables)

    def update_step(self, gradient, variable, learning_rate):
        place = self._get_variable_index(variable)             # the variable has no path here under TensorFlow
        if self._decays[place]:
            gradient = gradient + self._decays[place] * ops.cast(variable, gradient.dtype)
        super().update_step(gradient, variable, learning_rate * self._factors[place])

    def get_config(self):
        return {**super().get_config(), "coupled_decay": self.coupled_decay, "multipliers": self.multipliers,
                "decayed": list(self.decayed)}


Rate = float | keras.optimizers.schedules.LearningRateSchedule
DECAYED = ("kernel", "depthwise_kernel", "pointwise_kernel")
"""Variables that decay unless said otherwise: not biases, gamma or beta."""


class _Momentum(keras.optimizers.SGD):
    """Lets the rate stand inside the velocity, as Keras does, or outside of it."""

    rate_outside = False

    def update_step(self, gradient, variable, learning_rate):
        if not self.momentum:
            super().update_step(gradient, variable, learning_rate)
            return
        velocity = self.momentums[self._get_variable_index(variable)]
        gradient, rate = ops.cast(gradient, variable.dtype), ops.cast(learning_rate, variable.dtype)
        if fused_momentum(variable, velocity, gradient, rate, self.momentum, self.nesterov, self.rate_outside):
            return
        if not self.rate_outside:
            super().update_step(gradient, variable, rate)
            return
        self.assign(velocity, self.momentum * ops.convert_to_tensor(velocity) + gradient)
        step = ops.convert_to_tensor(velocity)
        self.assign_sub(variable, rate * (gradient + self.momentum * step if self.nesterov else step))


@keras.saving.register_keras_serializable(package="tfwsss")
class SGD(_ByPath, _Momentum):
    """Gradient descent with momentum, coupled weight decay and a rate per variable.

    Keras' own `weight_decay` does not pass through the momentum and ignores any
    factor of the rate; the published programs couple it. The rate is inside the
    velocity, as in Caffe, MXNet and Keras, or outside of it, as in PyTorch: the two
    are the same while the rate is, and part where it changes, for then the velocity
    inside still holds steps of the old rate.

        d = gradient + decay w
        inside:   v <- momentum v - rate factor d;   w <- w + v,   nesterov: w + momentum v - rate factor d
        outside:  v <- momentum v + d;   w <- w - rate factor v,   nesterov: w - rate factor (d + momentum v)

    Args:
        learning_rate: float or schedule.
        momentum: float in `[0, 1)`.
        coupled_decay: float. Decay of the variables that `decayed` names.
        multipliers: dict from pattern to factor of the rate. A pattern names a
            variable's path (`fc8/kernel`), a part of it (`fc8`), with `*` if wanted;
            factors of several matches multiply.
        decayed: patterns of the variables that decay: kernels, not biases, gamma or beta.
        rate_outside: bool. Whether the velocity is one of gradients, to which each step's rate is put.
        **kwargs: as for `keras.optimizers.SGD`, `nesterov` among them.

    Raises:
        UserError: when built, if a multiplier's pattern matches nothing.

    Example:
    >>> layer = keras.layers.Dense(1, name="fc8")
    >>> layer.build((None, 1))
    >>> _ = layer.kernel.assign([[2.0]])
    >>> SGD(0.1, coupled_decay=0.5, multipliers={"fc8": 10}).apply([ops.ones((1, 1)), ops.ones((1,))], layer.weights)
    >>> float(layer.kernel[0, 0]), float(layer.bias[0])     # 2 - 0.1 * 10 * (1 + 0.5 * 2), 0 - 0.1 * 10 * 1
    (0.0, -1.0)
    """

    def __init__(self, learning_rate: Rate = 0.01, momentum: float = 0.9, coupled_decay: float = 0.0,
                 multipliers: Mapping[str, float] | None = None, decayed: tuple[str, ...] = DECAYED,
                 rate_outside: bool = False, name: str = "sgd", **kwargs):
        super().__init__(learning_rate=learning_rate, momentum=momentum, name=name, **kwargs)
        self._take(coupled_decay, multipliers, decayed)
        self.rate_outside = rate_outside

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "rate_outside": self.rate_outside}


@keras.saving.register_keras_serializable(package="tfwsss")
class Adam(_ByPath, keras.optimizers.Adam):
    """Adam with coupled weight decay (in the gradient) and a rate per variable.

        g = gradient + decay w;   w <- w - rate factor m / (sqrt(v) + epsilon)

    m and v are the corrected running means of g and its square.

    Args:
        learning_rate: float or schedule.
        coupled_decay: float. Decay of the variables that `decayed` names.
        multipliers: dict from pattern to factor of the rate, as for `SGD`.
        decayed: patterns of the variables that decay.
        **kwargs: as for `keras.optimizers.Adam`.

    Raises:
        UserError: when built, if a multiplier's pattern matches nothing.

    Example:
    >>> layer = keras.layers.Dense(1, name="fc8")
    >>> layer.build((None, 1))
    >>> Adam(0.1, multipliers={"fc8/bias": 2}).apply([ops.ones((1, 1)), ops.ones((1,))], layer.weights)
    >>> round(float(layer.bias[0]), 4)
    -0.2
    """

    def __init__(self, learning_rate: Rate = 0.001, coupled_decay: float = 0.0,
                 multipliers: Mapping[str, float] | None = None, decayed: tuple[str, ...] = DECAYED,
                 name: str = "adam", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self._take(coupled_decay, multipliers, decayed)
