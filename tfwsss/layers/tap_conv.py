"""Dilated convolutions, fast: one product for each tap of the kernel, of shifted maps or with shifted results."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfwsss")
class Conv2D(keras.layers.Conv2D):
    """Convolves with a kernel that is spread wide.

    Each tap of the kernel is a 1x1 convolution of the map, shifted by the dilation;
    their sum is the same convolution, only the order of its sums changes.
    TensorFlow on a processor cuts the map into dilation x dilation parts and pads
    each, so that a wide kernel reads mostly zeros. Where taps times filters are
    fewer than channels, such as for scores of ids, all taps are one convolution
    whose results are shifted; else the map itself is shifted for each.

        y[p, f] = sum_{i, j} (x[p + d (i, j)] . K[i, j])[f],   0 outside of the map

    Cost: as many multiply-adds as the plain convolution. Memory, floats a position: taps times filters where the
    results are shifted, and else taps times channels, which training keeps.

    Args:
        filters: int. Channels of the result.
        kernel_size: int or pair of odd ints.
        dilation_rate: int or pair of int.
        **kwargs: as for `keras.layers.Conv2D`; the padding is always "same", the stride 1. The class bears Keras'
            name, since files of weights count layers by the names of their classes.

    Inputs:
        x: float, `(batch, row, column, channel)`.

    Returns:
        float, `(batch, row, column, filters)`.

    Example:

    >>> layer = Conv2D(2, 3, dilation_rate=6, kernel_initializer="ones")
    >>> ops.convert_to_numpy(layer(ops.ones((1, 7, 7, 4))))[0, :, 0, 0].tolist()
    [16.0, 8.0, 8.0, 8.0, 8.0, 8.0, 16.0]
    """

    def __init__(self, filters: int, kernel_size: int | tuple[int, int], dilation_rate: int | tuple[int, int] = 1,
                 **kwargs):
        super().__init__(filters, kernel_size, dilation_rate=dilation_rate, **{**kwargs, "padding": "same"})

    def convolution_op(self, inputs, kernel):
        """Returns the convolution, without bias and activation."""
        height, width, channels, filters = kernel.shape
        down, right = self.dilation_rate
        taps, wide = height * width, height * width * filters > channels
        frame = ((0, 0), (down * (height // 2),) * 2, (right * (width // 2),) * 2, (0, 0))
        if wide:
            maps = [ops.pad(inputs, frame)] * taps                           # (batch, row + 2, column + 2, channel)
        else:
            every = ops.reshape(ops.transpose(kernel, (2, 0, 1, 3)), (1, 1, channels, taps * filters))
            maps = ops.split(ops.pad(ops.conv(inputs, every, padding="valid"), frame), taps, axis=-1)
        _, rows, columns, _ = ops.shape(inputs)
        starts = ((i * down, j * right) for i in range(height) for j in range(width))
        parts = [x[:, top : top + rows, left : left + columns] for x, (top, left) in zip(maps, starts, strict=True)]
        if wide:
            kernels = ops.reshape(kernel, (taps, 1, 1, channels, filters))
            parts = [ops.conv(part, kernels[tap], padding="valid") for tap, part in enumerate(parts)]
        return sum(parts)
