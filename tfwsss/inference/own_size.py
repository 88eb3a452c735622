"""Class maps of images at their own size, averaged over scales and mirror images."""

from collections.abc import Callable, Mapping

import tensorflow as tf
from keras import ops

from tfwsss.data.pillow_resize import resize_as_pillow
from tfwsss.inference.mirrored import as_kept, both_ways, mean_of_ways
from tfwsss.inference.views import OwnSize
from tfwsss.ops.resize import bilinear_taps, resize
from tfwsss.ops.weighted_samples import weighted_samples


def see_at_own_size(network: Callable, view: OwnSize, images) -> Mapping:
    """Shows images to a network without anything round them, the way of AffinityNet's released code.

    Images are scaled by Pillow's cubic rule, and their maps enlarged to their own
    size by bilinear weights between pixel centres; with `corners` by way of the
    scaled image's size. Memory grows with pixels times channels.

    Args:
        network: float32 `(batch, row, column, 3)` to a dictionary of maps.
        view: scales and mirror.
        images: uint8 `(batch, row, column, 3)`.

    Returns:
        Maps float32 `(batch, row, column, channel)` by the network's keys.
    """
    own = tf.shape(images)[1:3]
    passes = []
    for scale in view.scales:
        size = tf.maximum(tf.cast(tf.round(tf.cast(own, tf.float64) * scale), tf.int32), 1)
        seen = tf.cast(images if scale == 1 else resize_as_pillow(images, size, "cubic"), tf.float32)
        found = mean_of_ways(network(both_ways(seen, view.mirror)), view.mirror)
        passes.append({key: _through(maps, size, own) if view.corners else resize(maps, own[0], own[1])
                       for key, maps in found.items()})
    return {key: as_kept(sum(maps[key] for maps in passes) / len(passes)) for key in passes[0]}


def _through(maps, between, size):
    """Resizes maps to a size between, corners on corners, and on, pixels as areas; one axis after the other.

    So no more than the rows between of the final columns is ever made.
    """
    for axis in (1, 0):
        there = bilinear_taps(ops.shape(maps)[1 + axis], between[axis], True)
        maps = weighted_samples(maps, there, axis=1 + axis)
        maps = weighted_samples(maps, bilinear_taps(between[axis], size[axis], False), axis=1 + axis)
    return maps
