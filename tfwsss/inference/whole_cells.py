"""What a transformer says of whole images that are enlarged to a whole number of its patches."""

from collections.abc import Callable, Mapping

import tensorflow as tf

from tfwsss.data.pillow_resize import resize_as_pillow
from tfwsss.inference.views import WholeCells


def in_whole_cells(images, cell: int):
    """Enlarges images to a whole number of cells a side.

        side = cell ceil(side / cell)

    Args:
        images: uint8 `(batch, row, column, 3)`.
        cell: side in pixels.

    Returns:
        uint8 `(batch, rows, columns, 3)`, as Pillow's cubic rule makes them; whole cells stay as they are.

    Example:

    >>> in_whole_cells(tf.zeros((1, 20, 32, 3), tf.uint8), 16).shape.as_list()[:1], in_whole_cells(
    ...     tf.fill((1, 20, 32, 3), tf.constant(7, tf.uint8)), 16).numpy().shape
    ([1], (1, 32, 32, 3))
    """
    size = -(-tf.shape(images)[1:3] // cell) * cell
    return resize_as_pillow(images, size, "cubic")


def see_whole_cells(network: Callable, view: WholeCells, images) -> Mapping:
    """Shows images to a network once, and keeps what it says as it is.

    Args:
        network: float32 `(batch, row, column, 3)` to a dictionary of maps.
        view: size of the cells.
        images: uint8 `(batch, row, column, 3)`.

    Returns:
        The network's maps.
    """
    return network(tf.cast(in_whole_cells(images, view.cell), tf.float32))
