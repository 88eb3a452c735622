"""What a network says of the cells of an image: the nodes of its graph."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfwsss.data.images import fill
from tfwsss.inference.see import stride_of
from tfwsss.ops.colours import standardised
from tfwsss.ops.resize import resize


class Nodes(NamedTuple):
    """The cells of one image, padded on the right and below to whole ones.

    Args:
        features: float32 `(row, column, channel)`.
        affinity: float32 `(row, column, offset)`.
        colours: float32 `(row, column, 3)`: the image less ImageNet's mean, over its deviation.
    """

    features: np.ndarray
    affinity: np.ndarray
    colours: np.ndarray


class NodeReader:
    """Shows images to a network at their own sizes, compiled once for all sizes.

    Args:
        network: image `(batch, row, column, 3)` to "features" and "affinity" of its positions, as
            `models.window_affinity.graph_network` makes it.
        colour: red, green, blue of the padding, 0 to 255.
    """

    def __init__(self, network: keras.Model, colour: tuple[float, float, float]):
        self.stride, self._network, self._colour = stride_of(network), network, colour
        self._work = tf.function(self._read, autograph=False,
                                 input_signature=[tf.TensorSpec((None, None, 3), tf.uint8)])

    def __call__(self, image: np.ndarray) -> Nodes:
        """Reads an image.

        Args:
            image: uint8 `(row, column, 3)`.
        """
        return Nodes(*(value.numpy() for value in self._work(image)))

    def _read(self, image):
        rows, columns, _ = tf.unstack(tf.shape(image))
        down, across = -(-rows // self.stride), -(-columns // self.stride)
        height, width = down * self.stride, across * self.stride
        full = fill(tf.cast(image, tf.float32), height, width, self._colour)
        seen = self._network(full[None], training=False)
        # the published program pads the normalised image by 0 and reduces it without smoothing
        small = resize(fill(standardised(image), height, width, (0.0, 0.0, 0.0))[None], down, across)
        return tf.cast(seen["features"][0], tf.float32), tf.cast(seen["affinity"][0], tf.float32), small[0]
