"""Directions of a learned length: what CLIP compares."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfwsss")
class ScaledUnit(keras.layers.Layer):
    """Brings every vector to one learned length, so that products with unit vectors are cosines times that length.

        output = exp(logit_scale) x / |x|

    Inputs:
        x: float, `(..., channel)`, such as embeddings of pictures.

    Returns:
        The same shape. The length begins at 1 / 0.07 and is 100 in CLIP's released files.

    Example:

    >>> layer = ScaledUnit()
    >>> layer(ops.array([[2.0, 0.0]])).numpy().astype(float).round(3).tolist()
    [[14.286, 0.0]]

    Reference: Radford et al., CLIP, ICML 2021.
    """

    def build(self, input_shape):
        """Makes the length's logarithm."""
        self.logit_scale = self.add_weight(name="logit_scale", shape=(),
                                           initializer=keras.initializers.Constant(math.log(1 / 0.07)))
        self.built = True

    def call(self, x):
        """Returns the scaled directions; see the class."""
        return ops.exp(ops.cast(self.logit_scale, x.dtype)) * ops.normalize(x, axis=-1)
