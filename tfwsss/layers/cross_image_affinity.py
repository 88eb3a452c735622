"""Affinity of positions across images: every position reads from its own image and from its group's (CIAN)."""

import functools

import keras
from keras import layers, ops

from tfwsss.errors import UserError
from tfwsss.layers.batch_normalization import BatchNormalization

MERGES = ("max", "mean")
"""How a position's messages from several images become one."""

SIMILARITIES = ("dot", "cosine")
"""How alike a query and a key are."""


@keras.saving.register_keras_serializable(package="tfwsss")
class CrossImageAffinity(keras.layers.Layer):
    """Lets every position of an image read from all positions of its own image and of the others in its group.

    A query position weighs the cells of a reference image by softmax similarity
    and receives their weighted mean. Reading from its own image gives the self
    message; the messages of the others and, if wanted, its own are merged to the
    cross message. Both pass the same projection.

        M_ab = softmax_r(Q_a . K_b[r]) V_b,    K and V after a 3x3 max pool of stride 2, if wanted
        self = X_a + bn_out(conv_out(M_aa)),   cross = X_a + bn_out(conv_out(merge_b M_ab))

    The references of member j are members j + 1, j + 2, ... round the group. In
    training each of the two uses of bn_out has its own batch statistics, over all
    replicas, and both update the moving ones, cross first; the released code keeps
    every device's statistics apart. gamma starts at 0, so that at first both
    versions are X and only bn_out learns. Similarities are float32.

    Cost: an image at 41x41 positions with 2048 channels and 1024 filters takes 10.6 G
    multiply-adds for the embeddings, then 1.5 G a reference and 3.5 G a version.
    Memory: positions times cells floats a reference, 3 MB there, 18 MB at 65x65; it
    grows with the fourth power of the image's side. Without the pool cells are
    positions: four times the memory, and 6 G multiply-adds a reference.

    Args:
        filters: int. Width of the embeddings.
        merge: str. "max" of each channel, or "mean".
        merge_self: bool. Whether the cross message includes the self message.
        similarity: str. "dot", without scale, or "cosine".
        downsample: bool. Whether keys and values are pooled, so that a quarter as many cells are read.

    Inputs:
        x: float, `(batch, group, row, column, channel)`; the group's size is known, at least 1.

    Returns:
        `(self, cross)`, each of x's shape. Reordering a group reorders the results.
        In a group of one nobody else can be read: both are the self version.

    Raises:
        UserError: an unknown merge or similarity, or a group of unknown size.

    Example:

    >>> own, cross = CrossImageAffinity(filters=4)(ops.ones((3, 2, 5, 6, 8)))
    >>> tuple(own.shape), tuple(cross.shape)
    ((3, 2, 5, 6, 8), (3, 2, 5, 6, 8))

    Reference: Fan et al., CIAN, AAAI 2020.
    """

    def __init__(self, filters: int = 1024, merge: str = "max", merge_self: bool = True, similarity: str = "dot",
                 downsample: bool = True, **kwargs):
        super().__init__(**kwargs)
        for word, value, known in (("merge", merge, MERGES), ("similarity", similarity, SIMILARITIES)):
            if value not in known:
                raise UserError(f"{word} is {value!r}; expected {' or '.join(map(repr, known))}")
        self.filters, self.merge, self.merge_self, self.similarity = filters, merge, merge_self, similarity
        self.downsample = downsample

    def build(self, input_shape):
        """Makes the three embeddings and the projection."""
        if input_shape[1] is None:
            raise UserError(f"features have shape {tuple(input_shape)}; expected (batch, group, row, column, channel) "
                            "with a known group: give the input's shape its size")
        channels = input_shape[-1]
        flat = (None, None, None, channels)
        for part in "qkv":
            setattr(self, f"conv_embed_{part}", _conv(self.filters, f"conv_embed_{part}", self.dtype_policy))
            getattr(self, f"conv_embed_{part}").build(flat)
        self.conv_out = _conv(channels, "conv_out", self.dtype_policy)
        self.conv_out.build((*flat[:3], self.filters))
        self.bn_out = BatchNormalization(momentum=0.9, epsilon=1e-5, gamma_initializer="zeros", name="bn_out",
                                         dtype=self.dtype_policy)
        self.bn_out.build(flat)

    def call(self, x, training=False):
        """Returns the self version and the cross version."""
        size = ops.shape(x)
        flat = ops.reshape(x, (-1, *size[2:]))                               # (batch * group, row, column, channel)
        query = self._cells(self.conv_embed_q(flat), x.shape[1])             # (batch, group, p, filters)
        key, value = self.conv_embed_k(flat), self.conv_embed_v(flat)
        if self.downsample:
            key, value = _pool(key), _pool(value)
        key, value = (self._cells(part, x.shape[1]) for part in (key, value))    # (batch, group, r, filters)
        query, key = (self._comparable(part) for part in (query, key))
        own = self._message(query, key, value)
        others = [self._message(query, ops.roll(key, -turn, axis=1), ops.roll(value, -turn, axis=1))
                  for turn in range(1, x.shape[1])]
        if not others:
            own = x + self._project(own, size, training)
            return own, own
        cross = self._merged(others + [own] if self.merge_self else others)
        cross = x + self._project(cross, size, training)                     # first, as released
        return x + self._project(own, size, training), cross

    def _cells(self, x, group: int):
        """Returns `(batch, group, cell, filters)`."""
        size = ops.shape(x)
        return ops.reshape(x, (-1, group, size[1] * size[2], self.filters))

    def _comparable(self, x):
        x = ops.cast(x, "float32")
        if self.similarity == "cosine":
            x = x / ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True) + 1e-10)
        return x

    def _message(self, query, key, value):
        """Returns what each position reads, `(batch, group, p, filters)`."""
        affinity = ops.softmax(ops.matmul(query, ops.swapaxes(key, 2, 3)), axis=-1)      # (batch, group, p, r)
        return ops.matmul(ops.cast(affinity, value.dtype), value)

    def _merged(self, messages: list):
        if self.merge == "max":
            return functools.reduce(ops.maximum, messages)
        return sum(messages) / len(messages)

    def _project(self, message, size, training):
        """Returns what a message adds to the features, in their shape."""
        flat = ops.reshape(message, (-1, size[2], size[3], self.filters))
        return ops.reshape(self.bn_out(self.conv_out(flat), training=training), size)

    def compute_output_shape(self, input_shape):
        """Gives both versions the shape of the features."""
        return tuple(input_shape), tuple(input_shape)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "filters": self.filters, "merge": self.merge, "merge_self": self.merge_self,
                "similarity": self.similarity, "downsample": self.downsample}


def _conv(filters: int, name: str, dtype) -> layers.Conv2D:
    return layers.Conv2D(filters, 1, use_bias=False, kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
                         name=name, dtype=dtype)


def _pool(x):
    """Takes the largest of 3x3 values at every second position; beyond the border lies minus infinity."""
    x = ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=-float("inf"))
    return ops.max_pool(x, 3, strides=2, padding="valid")
