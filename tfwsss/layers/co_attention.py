"""Co-attention of two images: what they have in common, and what each has alone (MCIS)."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="tfwsss")
class CoAttention(keras.layers.Layer):
    """Makes class maps of what two images have in common, and of what is left of each without it.

    Every position of one image is rebuilt from all positions of the other, those
    most like it weighing most. Class maps of what was rebuilt must show the classes
    that both images hold. A gate tells where something common was found; class maps
    of an image's own features outside of it must show its other classes.

        P[i, j] = (W_e f1_i) . f2_j,     S = softmax_i P,     T = softmax_j P
        r1_i = sum_j T[i, j] f2_j,       r2_j = sum_i S[i, j] f1_i
        common_k = W_c r_k,              rest_k = W_c (f_k (1 - sigmoid(w_g . r_k)))

    W_e turns the first image's features only, so the order of a pair matters. P is
    made once for both softmaxes. Since W_c and w_g are linear and the gate is one
    number a position, they are applied before positions are read, which gives the
    same and reads as many numbers as there are classes in place of channels. P and
    what is made of it are float32 at least.

    Cost of a pair at 32x32 positions with 512 channels: 0.27 G multiply-adds for
    W_e, 0.54 G for P; 4 MB for P and for each of its softmaxes. It grows with the
    product of both areas.

    Args:
        num_classes: int. Classes without background.
        alike: bool. W_e starts as the unit matrix over sqrt(channels), so that at first a position reads positions
            like itself; else at random, as released: where features are large, each position then reads one other
            at random, and no gradient tells it which.

    Inputs:
        first: float, `(batch, row, column, channel)`.
        second: float, `(batch, row', column', channel)`; may differ in size. A batch of one stands for any other.

    Returns:
        `(common1, common2, rest1, rest2)`, raw class maps, float32 `(batch, row, column, class)` of the sizes of
        first, second, first, second. Reordering the positions of one image changes no map of the other's.

    Example:

    >>> one, other = ops.ones((2, 6, 5, 16)), ops.ones((2, 4, 4, 16))
    >>> [tuple(maps.shape) for maps in CoAttention(num_classes=3)(one, other)]
    [(2, 6, 5, 3), (2, 4, 4, 3), (2, 6, 5, 3), (2, 4, 4, 3)]

    Reference: Sun et al., MCIS, ECCV 2020.
    """

    def __init__(self, num_classes: int, alike: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.num_classes, self.alike = num_classes, alike

    def build(self, first_shape, second_shape=None):
        """Makes W_e, W_c and w_g."""
        channels = first_shape[-1]
        start = keras.initializers.Identity(channels**-0.5) if self.alike else _fresh()
        self.similarity = layers.Dense(channels, use_bias=False, kernel_initializer=start, name="similarity",
                                       dtype=self.dtype_policy)
        self.classes = layers.Conv2D(self.num_classes, 1, use_bias=False, kernel_initializer=_fresh(), name="classes",
                                     dtype=self.dtype_policy)
        self.gate = layers.Conv2D(1, 1, use_bias=False, kernel_initializer=_fresh(), name="gate",
                                  dtype=self.dtype_policy)
        for part in (self.similarity, self.classes, self.gate):
            part.build((None, None, None, channels))

    def call(self, first, second):
        """Returns the maps of what is common, then of what is left, of first and second."""
        own = [ops.concatenate([self.classes(x), self.gate(x)], axis=-1) for x in (first, second)]
        read = self.read(first, second, *own)
        common = [maps[..., :-1] for maps in read]
        rest = [_wide(mine[..., :-1]) * (1.0 - ops.sigmoid(maps[..., -1:]))
                for mine, maps in zip(own, read, strict=True)]
        return (*common, *rest)

    def read(self, first, second, first_values, second_values):
        """Lets every position of each image read values from all positions of the other.

        Args:
            first: float `(batch, row, column, channel)`, features.
            second: float `(batch, row', column', channel)`.
            first_values: `(batch, row, column, value)`, what the second image reads.
            second_values: `(batch, row', column', value)`, what the first image reads.

        Returns:
            What first and what second read, float32 `(batch, row, column, value)` and `(batch, row', column', value)`.
        """
        pair = ops.matmul(_cells(self.similarity(first)), ops.swapaxes(_cells(second), 1, 2))    # (batch, i, j)
        by_first = _read("...ij,...jv->...iv", pair, _cells(second_values), axis=2)
        by_second = _read("...ij,...iv->...jv", pair, _cells(first_values), axis=1)
        return _places(by_first, first), _places(by_second, second)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "num_classes": self.num_classes, "alike": self.alike}


def _fresh() -> keras.initializers.Initializer:
    """Draws as PyTorch does where nothing is said: uniform to 1 / sqrt(channels) on both sides."""
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


def _read(sums: str, pair, values, axis: int):
    """Returns means of values weighed by the softmax of `pair` along an axis; the sum is divided by afterwards."""
    weights = ops.exp(pair - ops.stop_gradient(ops.max(pair, axis=axis, keepdims=True)))
    return ops.einsum(sums, weights, values) / ops.sum(weights, axis=axis)[..., None]


def _cells(x):
    """Turns `(batch, row, column, channel)` to `(batch, cell, channel)`, of float32 at least."""
    size = ops.shape(x)
    return _wide(ops.reshape(x, (size[0], size[1] * size[2], x.shape[-1])))


def _wide(x):
    return ops.cast(x, keras.backend.result_type(x.dtype, "float32"))


def _places(x, like):
    """Turns `(batch, cell, value)` to `(batch, row, column, value)` of the size of `like`."""
    size = ops.shape(like)
    return ops.reshape(x, (-1, size[1], size[2], x.shape[-1]))
