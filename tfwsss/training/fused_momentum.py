"""Gradient descent with momentum as one kernel of TensorFlow, which reads and writes every weight once."""

import keras


def fused_momentum(variable, velocity, gradient, rate, momentum: float, nesterov: bool, rate_outside: bool) -> bool:
    """Moves a variable and its velocity, where the backend has a kernel for it.

        inside:   v <- momentum v - rate g;   w <- w + v,   nesterov: w + momentum v - rate g
        outside:  v <- momentum v + g;        w <- w - rate v,   nesterov: w - rate (g + momentum v)

    The plain form reads and writes arrays of the weights' size 14 to 18 times a step, this one 5 times.

    Args:
        variable: float. What learns: a Keras variable, or what its value is.
        velocity: of the same shape and dtype.
        gradient: tensor of the same shape and dtype.
        rate: scalar tensor of that dtype.
        momentum: float in `(0, 1)`.
        nesterov: bool.
        rate_outside: bool.

    Returns:
        bool. False, and nothing has changed, under another backend than TensorFlow.

    Example:

    >>> weight, velocity = keras.Variable([1.0]), keras.Variable([0.5])
    >>> fused_momentum(weight, velocity, keras.ops.array([2.0]), 0.1, 0.5, nesterov=False, rate_outside=False)
    True
    >>> float(velocity[0]).__round__(4), float(weight[0]).__round__(4)     # 0.5 * 0.5 - 0.1 * 2
    (0.05, 1.05)
    """
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    kernel = tf.raw_ops.ResourceApplyMomentum if rate_outside else tf.raw_ops.ResourceApplyKerasMomentum
    kernel(var=_handle(variable), accum=_handle(velocity), lr=rate, grad=gradient, momentum=momentum,
           use_nesterov=nesterov)
    return True


def _handle(variable):
    """Returns the resource; of a variable of several replicas that of the one whose turn it is."""
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle
