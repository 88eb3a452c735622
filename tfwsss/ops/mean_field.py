"""Mean field of the fully connected CRF (Kraehenbuehl and Koltun, 2011), in TensorFlow's graph."""

import functools
from typing import NamedTuple

import tensorflow as tf

from tfwsss.ops import lattice_filter, permutohedral


class Settings(NamedTuple):
    """What one CRF is made of; see `tfwsss.layers.dense_crf.DenseCRF`."""

    iterations: int = 10
    gaussian_deviation: float = 3.0
    gaussian_weight: float = 3.0
    position_deviation: float = 80.0
    colour_deviation: float = 13.0
    bilateral_weight: float = 10.0


def mean_field(unary, image, gaussian, settings: Settings, few: bool = False):
    """Returns the marginals of one image.

    Args:
        unary: float32 `(row, column, class)`, -log probability.
        image: `(row, column, 3)`, 0-255.
        gaussian: the `Lattice` of `gaussian_lattice`, the same for all images of one size; None without that kernel.
        settings: the CRF.
        few: whether the classes are few enough for the quick softmax.

    Returns:
        float32 `(row, column, class)`.
    """
    shape = tf.shape(unary)
    cost = tf.clip_by_value(tf.reshape(unary, [-1, shape[2]]), -1e30, 1e30)
    cost -= tf.reduce_min(cost, axis=1, keepdims=True)
    # messages stay below 1.4 times the weights' sum (measured), so small weights cannot overflow exp
    quick = few and settings.gaussian_weight + settings.bilateral_weight <= 30
    softmax = _quick_softmax if quick else tf.nn.softmax
    marginals = softmax(-cost)
    kernels = [(gaussian, settings.gaussian_weight)] if settings.gaussian_weight else []
    if settings.bilateral_weight:
        kernels.append((_bilateral_lattice(image, settings), settings.bilateral_weight))
    if kernels:
        matrices = lattice_filter.symmetric_filter(*map(list, zip(*kernels, strict=True)))
        for _ in range(settings.iterations):
            marginals = softmax(lattice_filter.smooth(matrices, marginals) - cost)
    return tf.reshape(marginals, shape)


def gaussian_lattice(shape, settings: Settings):
    """Returns the `Lattice` of the positions of an image of `shape` (rows, columns, ...), or None for no weight."""
    return permutohedral.build(_places(shape, settings.gaussian_deviation)) if settings.gaussian_weight else None


def _bilateral_lattice(image, settings):
    colours = [tf.reshape(tf.cast(x, tf.float32), [-1]) / settings.colour_deviation for x in tf.unstack(image, axis=2)]
    return permutohedral.build(_places(tf.shape(image), settings.position_deviation) + colours)


def _places(shape, deviation):
    column = tf.tile(tf.range(shape[1]), [shape[0]])
    row = tf.repeat(tf.range(shape[0]), shape[1])
    return [tf.cast(x, tf.float32) / deviation for x in (column, row)]


def _quick_softmax(logits):
    """Softmax of logits in about -inf..60 whose largest is at least 0; sums by a product with ones."""
    raised = tf.exp(logits)
    classes = tf.shape(logits)[1]
    return raised / tf.matmul(raised, tf.ones([classes, classes]))


def _present_only(unary, image, gaussian, present, settings, few):
    """Returns the marginals of the classes that are `present` `(class,)`, and 0 for the others."""
    kept = tf.reshape(tf.where(present), [-1])
    marginals = mean_field(tf.gather(unary, kept, axis=2), image, gaussian, settings, few)
    place = tf.where(present, tf.cumsum(tf.cast(present, tf.int32)), 0)   # 0 is the plane of zeros
    return tf.gather(tf.pad(marginals, [[0, 0], [0, 0], [1, 0]]), place, axis=2)


@functools.cache
def compiled(settings: Settings, few: bool, batched: bool, restricted: bool = False):
    """Returns a compiled function for float32 arrays of any size, traced once.

    Args:
        settings: the CRF.
        few: whether there are at most 32 classes.
        batched: whether arrays have a leading axis of images, which then share the lattice of positions.
        restricted: whether a third array tells which classes are present; only where batched.

    Returns:
        Function of unary, image[, present].
    """
    def batch(unary, image, present=None):
        gaussian = gaussian_lattice(tf.shape(image)[1:], settings)
        if present is None:
            work, inputs = lambda x: mean_field(x[0], x[1], gaussian, settings, few), (unary, image)
        else:
            work, inputs = lambda x: _present_only(x[0], x[1], gaussian, x[2], settings, few), (unary, image, present)
        spec = tf.TensorSpec([None, None, None], tf.float32)
        return tf.map_fn(work, inputs, fn_output_signature=spec, parallel_iterations=4)

    def single(unary, image):
        return mean_field(unary, image, gaussian_lattice(tf.shape(image), settings), settings, few)

    lead = [None] if batched else []
    specs = [tf.TensorSpec([*lead, None, None, None], tf.float32), tf.TensorSpec([*lead, None, None, 3], tf.float32)]
    specs += [tf.TensorSpec([None, None], tf.bool)] if restricted else []
    return tf.function(batch if batched else single, input_signature=specs, autograph=False)
