"""Mean field of the fully connected CRF (Kraehenbuehl and Koltun, 2011), in TensorFlow's graph."""

import functools
from typing import NamedTuple

import tensorflow as tf

from tfwsss.errors import UserError
from tfwsss.ops import lattice_filter, permutohedral

NO_COSTS = "dense CRF: unary holds NaN; expected -log probabilities"
NO_COLOURS = "dense CRF: image holds NaN or infinity; expected grey levels of 0-255"
NO_CLASSES = "dense CRF: an image has no class that is present; expected one or more"
"""What `checked` says."""


class Settings(NamedTuple):
    """What one CRF is made of; see `tfwsss.layers.dense_crf.DenseCRF`."""

    iterations: int = 10
    gaussian_deviation: float = 3.0
    gaussian_weight: float = 3.0
    position_deviation: float = 80.0
    colour_deviation: float = 13.0
    bilateral_weight: float = 10.0


def mean_field(unary, image, gaussian, settings: Settings, few: bool = False, aligned: bool = False):
    """Returns the marginals of one image.

    Args:
        unary: float32 `(row, column, class)`, -log probability.
        image: `(row, column, 3)`, 0-255.
        gaussian: the `Lattice` of `gaussian_lattice`, the same for all images of one size; None without that kernel.
        settings: the CRF.
        few: whether the classes are few enough for the quick softmax.
        aligned: whether to add empty classes up to a multiple of 8, which halves the time where the fast
            kernel of sparse products is switched off (a server's SavedModel), and costs 5 to 15 % elsewhere.

    Returns:
        float32 `(row, column, class)`; each pixel's sum to 1.

    Example:
    >>> unary, image = tf.constant([[[0.0, 1.0], [0.9, 1.0], [1.0, 0.9]]]), tf.zeros([1, 3, 3])
    >>> mean_field(unary, image, gaussian_lattice(image.shape, Settings()), Settings()).numpy().round(2).tolist()
    [[[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]]

    Reference: Kraehenbuehl and Koltun, Efficient inference in fully connected CRFs, NIPS 2011.
    """
    shape = tf.shape(unary)
    cost = tf.clip_by_value(tf.reshape(unary, [-1, shape[2]]), -1e30, 1e30)
    cost -= tf.reduce_min(cost, axis=1, keepdims=True)
    cost = tf.pad(cost, [[0, 0], [0, -shape[2] % 8]], constant_values=1e30) if aligned else cost
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
    return tf.reshape(marginals[:, :shape[2]] if aligned else marginals, shape)


def checked(unary, image, present):
    """Refuses what has no marginals, where values are known; inside a graph the graph does.

    Args:
        unary: float32 `(batch, row, column, class)`.
        image: float32 `(batch, row, column, 3)`.
        present: bool `(batch, class)`, or None.

    Returns:
        The three.

    Raises:
        UserError: NaN in `unary`, NaN or infinity in `image`, or an image without a class.
        tf.errors.InvalidArgumentError: the same, inside a graph.

    Example:
    >>> checked(tf.constant([[[[float("nan")]]]]), tf.zeros([1, 1, 1, 3]), None)
    Traceback (most recent call last):
    ...
    tfwsss.errors.UserError: dense CRF: unary holds NaN; expected -log probabilities
    """
    faults = [(tf.reduce_any(tf.math.is_nan(unary)), NO_COSTS),
              (tf.logical_not(tf.reduce_all(tf.math.is_finite(image))), NO_COLOURS)]
    if present is not None:
        faults.append((tf.logical_not(tf.reduce_all(tf.reduce_any(present, axis=-1))), NO_CLASSES))
    if tf.executing_eagerly():
        if words := [message for fault, message in faults if fault]:
            raise UserError(words[0])
        return unary, image, present
    with tf.control_dependencies([tf.debugging.Assert(tf.logical_not(fault), [words]) for fault, words in faults]):
        return tf.identity(unary), tf.identity(image), None if present is None else tf.identity(present)


def gaussian_lattice(shape, settings: Settings):
    """Builds the lattice of an image's positions.

    Args:
        shape: of the image: rows, columns and what follows.
        settings: the CRF.

    Returns:
        `Lattice` of row * column points, or None where the kernel has no weight.

    Example:
    >>> tuple(gaussian_lattice((4, 5), Settings()).ids.shape)
    (20, 3)
    """
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


def _present_only(unary, image, gaussian, present, *options):
    """Returns the marginals of the classes that are `present` `(class,)`, and 0 for the others."""
    kept = tf.reshape(tf.where(present), [-1])
    marginals = mean_field(tf.gather(unary, kept, axis=2), image, gaussian, *options)
    place = tf.where(present, tf.cumsum(tf.cast(present, tf.int32)), 0)   # 0 is the plane of zeros
    return tf.gather(tf.pad(marginals, [[0, 0], [0, 0], [1, 0]]), place, axis=2)


@functools.lru_cache(maxsize=8)
def compiled(settings: Settings, few: bool, aligned: bool, restricted: bool = False):
    """Returns a compiled function for a batch of images of any one size, traced once.

    Args:
        settings: the CRF.
        few: whether there are at most 32 classes.
        aligned: see `mean_field`.
        restricted: whether a third array tells which classes are present in each image.

    Returns:
        Function of float32 unary `(batch, row, column, class)`, float32 image `(batch, row, column, 3)`
        [and bool present `(batch, class)`]; the images share the lattice of positions.

    Example:
    >>> work = compiled(Settings(iterations=0), few=True, aligned=False)
    >>> work(tf.constant([[[[0.0, 0.0], [0.0, 50.0]]]]), tf.zeros([1, 1, 2, 3])).numpy().round(2).tolist()
    [[[[0.5, 0.5], [1.0, 0.0]]]]
    """
    def batch(unary, image, *present):
        options = gaussian_lattice(tf.shape(image)[1:], settings), settings, few, aligned
        work = _present_only if restricted else mean_field
        return tf.map_fn(
            lambda x: work(*x[:2], options[0], *x[2:], *options[1:]), (unary, image, *present),
            fn_output_signature=tf.TensorSpec([None, None, None], tf.float32), parallel_iterations=4,
        )

    specs = [tf.TensorSpec([None] * 4, tf.float32), tf.TensorSpec([None, None, None, 3], tf.float32)]
    specs += [tf.TensorSpec([None, None], tf.bool)] if restricted else []
    return tf.function(batch, input_signature=specs, autograph=False)


@functools.lru_cache(maxsize=8)
def compiled_for_one(settings: Settings, few: bool):
    """Returns a compiled function for one image of any size, traced once.

    Args:
        settings: the CRF.
        few: whether there are at most 32 classes.

    Returns:
        Function of float32 unary `(row, column, class)` and float32 image `(row, column, 3)`.

    Example:
    >>> work = compiled_for_one(Settings(iterations=0), few=True)
    >>> work(tf.constant([[[0.0, 0.0], [0.0, 50.0]]]), tf.zeros([1, 2, 3])).numpy().round(2).tolist()
    [[[0.5, 0.5], [1.0, 0.0]]]
    """
    def single(unary, image):
        return mean_field(unary, image, gaussian_lattice(tf.shape(image), settings), settings, few)

    specs = [tf.TensorSpec([None] * 3, tf.float32), tf.TensorSpec([None, None, 3], tf.float32)]
    return tf.function(single, input_signature=specs, autograph=False)
