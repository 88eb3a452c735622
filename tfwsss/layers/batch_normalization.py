"""Batch normalisation over all replicas whose statistics keep their digits."""

import keras
from keras import ops

from tfwsss.errors import UserError
from tfwsss.ops.replicas import sum_over_replicas


@keras.saving.register_keras_serializable(package="tfwsss")
class BatchNormalization(keras.layers.BatchNormalization):
    """Normalises each channel by mean and variance of the whole batch, over all replicas.

    Keras' own layer, told to look at all replicas, subtracts two mean squares,
    E[x^2] - E[x]^2, and with them the digits that tell the deviation where the
    mean is large beside it. Here the first mean is no more than a shift: what is
    left of every value beside it has all its digits, and its own mean is added.

        s = sum x / n,   d = x - s,   e = sum d / n                 (s is rounded, e mends it)
        mean = s + e,    variance = sum (d - e)^2 / n = sum d^2 / n - e^2
        y = gamma (d - e) / sqrt(variance + epsilon) + beta

    Sums are float32 and go over batch, positions and replicas; the moving statistics
    take the variance as it is, divided by n. e is some roundings of s, so that its
    square is nothing beside sum d^2 / n. Outside of training and where the layer is
    not trainable it is Keras' own, with the moving statistics. Weights are named and
    ordered as Keras', so that each reads the files of the other.

    Cost: two all-reduces of about two numbers a channel, and another in the gradient.

    Args:
        momentum: float. Share of the moving statistics that an update keeps.
        epsilon: float. Added to the variance.
        **kwargs: `axis`, `center`, `scale`, initial values, regularisers and constraints of Keras' layer.

    Inputs:
        x: float, at least two axes. Masks are refused: every position counts.

    Returns:
        Same shape as `x`, in the layer's compute dtype. Reordering the batch, or splitting
        it among replicas, changes nothing; neither does adding a number to a channel.

    Raises:
        UserError: a mask, or an argument that changes the rule (`renorm`, `synchronized`).

    Example:

    >>> x = ops.array([[1e4, 1.0], [1e4 + 2, 3.0]])
    >>> ops.convert_to_numpy(BatchNormalization(epsilon=0.0)(x, training=True)).tolist()
    [[-1.0, -1.0], [1.0, 1.0]]

    Reference: Ioffe and Szegedy, Batch normalization, ICML 2015; Chan, Golub and LeVeque,
    Algorithms for computing the sample variance, 1983 (the corrected two-pass rule).
    """

    def __init__(self, momentum: float = 0.9, epsilon: float = 1e-5, **kwargs):
        for rule in ("renorm", "synchronized"):
            if kwargs.get(rule):
                raise UserError(f"BatchNormalization: {rule} is no choice here; statistics always span all replicas")
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)

    def call(self, inputs, training=None, mask=None):
        """Returns the normalised batch; in training the moving statistics follow."""
        if mask is not None:
            raise UserError(f"{self.name}: takes no mask; leave masked positions out of its input")
        if not (training and self.trainable):
            return super().call(inputs, training=False)
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        shift, rest, variance, apart = self._statistics(x)
        for moving, new in ((self.moving_mean, shift + rest), (self.moving_variance, variance)):
            moving.assign(ops.cast(moving, x.dtype) * self.momentum + new * (1.0 - self.momentum))
        factor = ops.rsqrt(variance + self.epsilon)                          # (channel,)
        if self.scale:
            factor = factor * ops.cast(self.gamma, x.dtype)
        offset = -rest * factor                                              # some roundings of a deviation
        if self.center:
            offset = offset + ops.cast(self.beta, x.dtype)
        return ops.cast(apart * self._beside(factor, x) + self._beside(offset, x), self.compute_dtype)

    def _statistics(self, x):
        """Returns s, e and the variance, each `(channel,)`, and x - s."""
        axes = [axis for axis in range(len(x.shape)) if axis != self.axis % len(x.shape)]
        total = ops.sum(x, axis=axes)                                        # (channel,)
        positions = ops.cast(ops.prod([ops.shape(x)[axis] for axis in axes]), x.dtype)
        sums = sum_over_replicas(ops.append(ops.stop_gradient(total), positions))
        count = ops.maximum(sums[-1], 1.0)                                   # a replica, or all, may hold no image
        shift = sums[:-1] / count
        apart = x - self._beside(shift, x)
        sums = sum_over_replicas(ops.stack([ops.sum(apart, axis=axes), ops.sum(ops.square(apart), axis=axes)]))
        rest, squares = ops.unstack(sums / count, 2)
        return shift, rest, ops.maximum(squares - ops.square(rest), 0.0), apart

    def _beside(self, values, x):
        """Gives values of the channels the axes of x."""
        return ops.reshape(values, [-1 if axis == self.axis % len(x.shape) else 1 for axis in range(len(x.shape))])

    def get_config(self):
        """Returns the constructor's arguments."""
        fixed = ("renorm", "renorm_clipping", "renorm_momentum", "synchronized")
        return {key: value for key, value in super().get_config().items() if key not in fixed}
