"""PyTorch's Adam as a function of tensors, for weights that live inside a loop."""

import math
from collections.abc import Sequence

from keras import ops

FIRST, SECOND, EPSILON = 0.9, 0.999, 1e-8


def adam_step(weights: Sequence, gradients: Sequence, first: Sequence, second: Sequence, step, rate: float,
              decay: float = 0.0) -> tuple[list, list, list]:
    """Makes one step of PyTorch's Adam with coupled weight decay.

        g = gradient + decay w;   m <- 0.9 m + 0.1 g;   v <- 0.999 v + 0.001 g^2
        w <- w - rate m / (1 - 0.9^t) / (sqrt(v / (1 - 0.999^t)) + 1e-8)

    Keras adds epsilon to the root of v before it is corrected, which in the first step acts like one 32 times as large:
    weights with tiny gradients then move otherwise.

    Args:
        weights: float32 tensors.
        gradients: of the weights.
        first: running means m, zeros at first.
        second: running means v of the squares, zeros at first.
        step: integer scalar t, 1 at first.
        rate: of learning.
        decay: of the weights, added to the gradient.

    Returns:
        New weights, m and v.

    Example:

    >>> one = [ops.convert_to_tensor([1.0])]
    >>> zero = [ops.zeros(1)]
    >>> found = adam_step(one, [ops.convert_to_tensor([1e-3])], zero, zero, 1, 0.1)
    >>> [round(float(values[0][0]), 6) for values in found]
    [0.900001, 0.0001, 0.0]

    Reference: Kingma and Ba, Adam, ICLR 2015; `torch.optim.Adam`.
    """
    step = ops.cast(step, "float32")
    one, two = (-ops.expm1(step * math.log(share)) for share in (FIRST, SECOND))     # 1 - share^t, to all digits
    rate, correction = rate / one, ops.sqrt(two)
    found: tuple[list, list, list] = ([], [], [])
    for weight, gradient, mean, square in zip(weights, gradients, first, second, strict=True):
        gradient = gradient + decay * weight
        mean = FIRST * mean + (1.0 - FIRST) * gradient
        square = SECOND * square + (1.0 - SECOND) * ops.square(gradient)
        moved = weight - (rate * correction) * mean / (ops.sqrt(square) + EPSILON * correction)
        for kept, value in zip(found, (moved, mean, square), strict=True):
            kept.append(value)
    return found
