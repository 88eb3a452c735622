"""What transformers are made of beside dense layers: attention that tells its weights, and scaled branches."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="tfwsss")
class Attention(layers.Layer):
    """Mixes the values of all tokens by how well their keys fit each token's query, head by head.

        a_h = softmax(q_h k_h^T / sqrt(d / heads)),   output = concat_h(a_h v_h),   mean = mean_h a_h

    The projections before and behind it are dense layers of their own. Cost: 2 n^2 d multiply-adds for n tokens of
    width d; memory n^2 numbers a head.

    Args:
        heads: int. Into how many equal parts the channels are split; they must divide d.
        causal: bool. Whether a token sees only those before it and itself, as in text.

    Inputs:
        query, key, value: float, `(batch, token, channel)`.

    Returns:
        `(batch, token, channel)`, and the mean of all heads' weights `(batch, token, token)`: each row sums to 1.

    Example:

    >>> x = ops.ones((1, 3, 4))
    >>> mixed, mean = Attention(heads=2, causal=True)(x, x, x)
    >>> ops.convert_to_numpy(mean)[0].round(2).tolist()
    [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.33000001311302185, 0.33000001311302185, 0.33000001311302185]]

    Reference: Vaswani et al., NIPS 2017; Radford et al., CLIP, ICML 2021.
    """

    def __init__(self, heads: int, causal: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.heads, self.causal = heads, causal

    def call(self, query, key, value):
        """Returns mixed values and mean weights; see the class."""
        weights, width = self.weights_of_heads(query, key), value.shape[-1] or ops.shape(value)[-1]
        mixed = ops.einsum("bhnm,bmhc->bnhc", weights, self._split(value))
        return ops.reshape(mixed, (*ops.shape(query)[:2], width)), ops.mean(weights, axis=1)

    def weights_of_heads(self, query, key):
        """Returns each head's weights, `(batch, head, token, token)`.

        Args:
            query: as of a call.
            key: as of a call.
        """
        query, key = self._split(query), self._split(key)
        fit = ops.cast(ops.einsum("bnhc,bmhc->bhnm", query, key), "float32")
        fit = fit * ops.cast(ops.shape(query)[-1], "float32") ** -0.5
        if self.causal:
            place = ops.arange(ops.shape(fit)[-1], dtype="int32")
            fit = ops.where(place[None, :] > place[:, None], -1e9, fit)
        return ops.cast(ops.softmax(fit, axis=-1), query.dtype)

    def _split(self, x):
        """Splits the channels into heads: `(batch, token, head, channel)`."""
        shape = ops.shape(x)
        return ops.reshape(x, (*shape[:2], self.heads, shape[-1] // self.heads))

    def compute_output_shape(self, query_shape, key_shape=None, value_shape=None):
        """Returns both shapes."""
        return (*query_shape[:2], value_shape[-1]), (*query_shape[:2], key_shape[1])

    def compute_output_spec(self, query, key, value):
        """Returns what a call gives, without computing it."""
        shapes = self.compute_output_shape(query.shape, key.shape, value.shape)
        return tuple(keras.KerasTensor(shape, dtype=self.compute_dtype) for shape in shapes)

    def get_config(self):
        """Returns heads and whether it is causal."""
        return {**super().get_config(), "heads": self.heads, "causal": self.causal}


@keras.saving.register_keras_serializable(package="tfwsss")
class LayerScale(layers.Layer):
    """Scales each channel of a branch before it is added: output = gamma x.

    Args:
        initial: float. Every factor at first.

    Inputs:
        x: float, `(..., channel)`.

    Returns:
        The same shape.

    Example:

    >>> LayerScale(0.5)(ops.ones((1, 2))).numpy().tolist()
    [[0.5, 0.5]]

    Reference: Touvron et al., CaiT, ICCV 2021.
    """

    def __init__(self, initial: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.initial = initial

    def build(self, input_shape):
        """Makes the factors."""
        self.gamma = self.add_weight(name="gamma", shape=(input_shape[-1],),
                                     initializer=keras.initializers.Constant(self.initial))
        self.built = True

    def call(self, x):
        """Returns the scaled branch."""
        return x * ops.cast(self.gamma, x.dtype)

    def get_config(self):
        """Returns the first factor."""
        return {**super().get_config(), "initial": self.initial}
