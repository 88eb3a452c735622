"""Images stretched to squares, whatever their sides: the way of MCIS' program."""

from collections.abc import Callable, Mapping

import tensorflow as tf
from keras import ops

from tfwsss.data.pillow_resize import resize_as_pillow
from tfwsss.inference.mirrored import as_kept, both_ways, mean_of_ways
from tfwsss.inference.views import Squares
from tfwsss.ops.resize import resize


def see_in_squares(network: Callable, view: Squares, images) -> Mapping:
    """Shows images to a network as squares.

    Maps of several scales are brought to the grid of the first by bilinear weights
    between pixel centres, and averaged. Features are seen in one way and stay as they are.

    Args:
        network: float32 `(batch, side, side, 3)` to a dictionary of maps.
        view: side, scales and mirror.
        images: uint8 `(batch, row, column, 3)`.

    Returns:
        Maps float32 `(batch, row', column', channel)` by the network's keys; they cover the whole image.
    """
    passes = []
    for scale in view.scales:
        side = max(1, round(view.edge * scale))
        seen = tf.ensure_shape(tf.cast(resize_as_pillow(images, (side, side)), tf.float32), (None, side, side, 3))
        if view.features:
            return network(seen)
        found = mean_of_ways(network(both_ways(seen, view.mirror)), view.mirror)
        size = ops.shape(next(iter((passes[0] if passes else found).values())))[1:3]
        passes.append({key: resize(maps, *size) if passes else maps for key, maps in found.items()})
    return {key: as_kept(sum(maps[key] for maps in passes) / len(passes)) for key in passes[0]}
