"""Maps brought to the rows and columns of others, as a layer."""

import keras
from keras import ops

from tfwsss.ops.resize import resize


@keras.saving.register_keras_serializable(package="tfwsss")
class ResizeLike(keras.layers.Layer):
    """Resizes maps or images by bilinear interpolation to the size of others, without smoothing; see `ops.resize`.

        output[y, x] = input at (y, x) (size - 1) / (size of the others - 1),  or with pixels as areas

    Args:
        align_corners: bool. Whether corner pixels keep their values; otherwise pixels are areas.

    Inputs:
        x: float, `(batch, row, column, channel)`.
        like: `(batch, row', column', channel')`; only its size is read.

    Returns:
        `(batch, row', column', channel)` in x's dtype, never outside the range of `x`.

    Example:

    >>> x = ops.reshape(ops.array([0.0, 1.0]), (1, 1, 2, 1))
    >>> ops.convert_to_numpy(ResizeLike()(x, ops.ones((1, 1, 3, 7)))).ravel().tolist()
    [0.0, 0.5, 1.0]
    """

    def __init__(self, align_corners: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.align_corners = align_corners

    def call(self, x, like):
        """Returns x at the other's size."""
        rows, columns = ops.shape(like)[1:3]
        return resize(x, rows, columns, self.align_corners)

    def compute_output_shape(self, x_shape, like_shape):
        """Joins the rows and columns of the one to the channels of the other."""
        return (x_shape[0], *like_shape[1:3], x_shape[-1])

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "align_corners": self.align_corners}
