"""How alike near pixels of an image are by colour and place: Gaussians in a square window."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from keras import ops

from tfwsss.ops.offsets import Offset, half_window, neighbours, window
from tfwsss.ops.tiles import radius_of


class Gaussian(NamedTuple):
    """One term of a kernel.

    Args:
        weight: factor of the term.
        position: deviation of rows and columns, in positions of the grid; None: place does not matter.
        colour: deviation of the normalised colour; None: colour does not matter.
    """

    weight: float = 1.0
    position: float | None = 6.0
    colour: float | None = 0.1


class WindowKernel(NamedTuple):
    """A kernel of an image: all that losses of its pairs read; made once for an image, however often it is used.

    Args:
        pairs: float32 `(batch, offset, row, column)`, offsets as `half_window(radius)`; 0 where a pair leaves the map.
            A plane for each offset: losses read one after the other.
        outside: float32 `(batch, row, column)`, sum over the cells of a position's window that lie outside the map.
        inside: float32 `(batch, row, column)`, 1 on the map, 0 where the grid is only filled up.

    Example:

    >>> window_kernel(ops.zeros((1, 2, 2, 3)), radius=1).offsets
    ((0, 1), (1, -1), (1, 0), (1, 1))
    """

    pairs: Any
    outside: Any
    inside: Any

    @property
    def offsets(self) -> tuple[Offset, ...]:
        """Offsets of the pairs."""
        return half_window(radius_of(self.pairs.shape[1]))


def window_kernel(image, radius: int = 5, gaussians: Sequence[Gaussian] = (Gaussian(),), inside=None) -> WindowKernel:
    """Says how alike every position of an image and its neighbours in a square window are.

        k(i, j) = sum_g weight_g exp(-|i - j|^2 / (2 position_g^2) - |image(i) - image(j)|^2 / (2 colour_g^2))

    The position itself does not count. Outside the map colour and coordinates are 0, the
    released program's rule: every cell there is as alike to i as the first pixel would be if it were
    black after normalisation. Time and memory grow with `row column radius^2`.

    Args:
        image: float, `(batch, row, column, channel)`, normalised: its mean removed, divided by its deviation.
        radius: int. The window is `2 radius + 1` wide.
        gaussians: terms of the kernel.
        inside: `(batch, row, column)`, true or 1 on the map, false or 0 where the grid is only filled up to a size
            that several images share; such cells lie outside. None: the grid is the map.

    Returns:
        `WindowKernel` in float32, without gradient. Each pair lies between 0 and the sum of the weights.

    Raises:
        ValueError: a radius below 1, or a deviation that is not positive.

    Example:

    >>> kernel = window_kernel(ops.zeros((1, 1, 3, 3)), radius=1)
    >>> kernel.pairs[0, 0, 0].numpy().round(6).tolist()              # to the right: exp(-1 / 72)
    [0.9862070083618164, 0.9862070083618164, 0.0]

    Reference: Obukhov et al., Gated CRF Loss, 2019.
    """
    gaussians = tuple(Gaussian(*gaussian) for gaussian in gaussians)
    if radius < 1 or any(side is not None and side <= 0 for gaussian in gaussians for side in gaussian[1:]):
        raise ValueError(f"received radius {radius} and {gaussians}; expected a radius of at least 1 and deviations "
                         "above 0, or None")
    image = ops.stop_gradient(ops.cast(image, "float32"))
    batch, rows, columns, _ = ops.shape(image)
    inside = ops.ones((batch, rows, columns)) if inside is None else ops.cast(inside, "float32")
    offsets, framed = half_window(radius), ops.pad(image, ((0, 0), (radius, radius), (radius, radius), (0, 0)))
    planes = []
    for dy, dx in offsets:
        there = framed[:, radius + dy : radius + dy + rows, radius + dx : radius + dx + columns]
        planes.append(_likeness(gaussians, dy * dy + dx * dx, ops.sum(ops.square(there - image), axis=-1)))
    both = ops.transpose(inside[..., None] * neighbours(inside, offsets), (0, 3, 1, 2))
    row, column = ops.arange(rows, dtype="float32")[:, None], ops.arange(columns, dtype="float32")
    to_zero = _likeness(gaussians, row * row + column * column, ops.sum(ops.square(image), axis=-1))
    near = ops.sum(neighbours(inside, window(radius)), axis=-1)              # cells of the window on the map
    outside = inside * to_zero * (float(len(window(radius))) - near)
    return WindowKernel(ops.stack(planes, axis=1) * both, outside, inside)


def _likeness(gaussians, place, colour):
    """Returns the kernel of squared distances in place and colour."""
    total = 0.0
    for weight, position, deviation in gaussians:
        exponent = ops.zeros_like(colour)
        if position is not None:
            exponent = exponent + place / position**2
        if deviation is not None:
            exponent = exponent + colour / deviation**2
        total = total + weight * ops.exp(-0.5 * exponent)
    return total
