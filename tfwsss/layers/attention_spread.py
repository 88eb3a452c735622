"""Class maps spread along the attention of a transformer that sees the same image."""

import keras
from keras import ops

from tfwsss.ops.balanced_affinity import balanced_affinity
from tfwsss.ops.regrid import regrid


@keras.saving.register_keras_serializable(package="tfwsss")
class AttentionSpread(keras.layers.Layer):
    """Spreads what is positive in class maps along a transformer's attention.

    Maps are read at the transformer's positions, spread there, and read back at their own.

        output = R max(maps, 0),   R = `balanced_affinity` of the attention

    Cost: n^3 multiply-adds and n^2 numbers for n patches.

    Args:
        step: int. Pixels between positions of the maps.
        patch: int. Pixels between positions of the transformer.
        rounds: int. In which the attention is balanced.

    Inputs:
        maps: float, `(batch, row, column, class)`; the first position lies on the first pixel.
        attention: float above 0, `(batch, patch, patch)`, from each patch to all, such as the mean of heads and blocks.
        like: `(batch, row', column', any)`, says rows and columns of the patches.

    Returns:
        The shape of `maps`, nowhere negative.

    Example:

    >>> maps = ops.reshape(ops.array([-1.0, 4.0]), (1, 1, 2, 1))
    >>> AttentionSpread(8, 8)(maps, ops.ones((1, 2, 2)), maps).numpy().ravel().tolist()
    [2.0, 2.0]

    Reference: Lin et al., CLIP is also an efficient segmenter, CVPR 2023, where the attention is CLIP's own.
    """

    def __init__(self, step: int, patch: int, rounds: int = 3, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})          # products of small shares
        self.step, self.patch, self.rounds = step, patch, rounds

    def call(self, maps, attention, like):
        """Returns spread maps; see the class."""
        batch, rows, columns, classes = ops.shape(maps)
        _, down, across, _ = ops.shape(like)
        placed = regrid(ops.relu(maps), self.step, down, across, self.patch)
        flat = ops.matmul(balanced_affinity(attention, self.rounds), ops.reshape(placed, (batch, -1, classes)))
        return regrid(ops.reshape(flat, (batch, down, across, classes)), self.patch, rows, columns, self.step)

    def compute_output_shape(self, maps_shape, attention_shape=None, like_shape=None):
        """Returns the shape of the maps."""
        return maps_shape

    def compute_output_spec(self, maps, attention, like):
        """Returns what a call gives, without computing it."""
        return keras.KerasTensor(maps.shape, dtype=self.compute_dtype)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "step": self.step, "patch": self.patch, "rounds": self.rounds}
