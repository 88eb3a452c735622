"""Fully connected layers turned into small convolutions by keeping every n-th weight, as DeepLab did."""

import math

import numpy as np

from tfwsss.errors import UserError


def thinned(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Keeps regularly spaced entries of an array along every axis.

        kept = 0, s, 2 s, ...,   s = (n - 1) // (m - 1)  of n entries for m

    Seven rows give the first, the middle and the last of three; 4096 channels
    give every fourth for 1024.

    Args:
        array: of any shape.
        shape: wanted sizes; no larger than the array's.

    Returns:
        A view of that shape.

    Raises:
        UserError: an axis shorter than wanted.

    Example:

    >>> thinned(np.arange(7), (3,)).tolist()
    [0, 3, 6]

    Reference: Chen et al., DeepLab, ICLR 2015.
    """
    if len(shape) != array.ndim or any(want > have for want, have in zip(shape, array.shape, strict=True)):
        raise UserError(f"thinned: an array of shape {array.shape} cannot be thinned to {tuple(shape)}; "
                        "expected sizes no larger than it has")
    steps = (max(1, (have - 1) // max(1, want - 1)) for want, have in zip(shape, array.shape, strict=True))
    return array[tuple(slice(None, (want - 1) * step + 1, step) for want, step in zip(shape, steps, strict=True))]


def dense_as_convolutions(first: list[np.ndarray], second: list[np.ndarray], inputs: int,
                          channels: int) -> dict[str, list[np.ndarray]]:
    """Makes fc6 and fc7 of the two fully connected layers of VGG-16.

    The first sees a square of positions, of which 3x3 are kept; both keep the
    same share of their units.

    Args:
        first: kernel `(row column channel, unit)` and bias of the first layer; rows of the kernel in this order.
        second: kernel `(unit, unit)` and bias of the second.
        inputs: channels that the first layer sees.
        channels: units to keep, of fc6 and fc7.

    Returns:
        "fc6" and "fc7", each a kernel `(row, column, in, out)` and a bias: 3x3 and 1x1.

    Raises:
        UserError: a first layer that does not see a square of 3x3 positions or more, or fewer units than wanted.

    Example:

    >>> layer = [np.zeros((7 * 7 * 2, 16)), np.zeros(16)]
    >>> made = dense_as_convolutions(layer, [np.zeros((16, 16)), np.zeros(16)], inputs=2, channels=4)
    >>> {name: kernel.shape for name, (kernel, bias) in made.items()}
    {'fc6': (3, 3, 2, 4), 'fc7': (1, 1, 4, 4)}

    Reference: Chen et al., DeepLab, ICLR 2015.
    """
    side = math.isqrt(first[0].shape[0] // inputs)
    if side < 3 or side * side * inputs != first[0].shape[0]:
        raise UserError(f"initial weights: the first dense layer sees {first[0].shape[0]} numbers; expected a square "
                        f"of 3x3 or more positions of {inputs} channels, 25088 for images of 224 pixels")
    square = first[0].reshape(side, side, inputs, -1)
    return {"fc6": [thinned(square, (3, 3, inputs, channels)), thinned(first[1], (channels,))],
            "fc7": [thinned(second[0], (channels, channels))[None, None], thinned(second[1], (channels,))]}
