"""VGG-16 as the intra-class discriminator uses it: stride 8, dilated last block, fully convolutional head."""

import keras
from keras import layers

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))     # channels, convolutions


def _conv(x, channels: int, kernel: int, dilation: int, name: str):
    """Adds a convolution with bias and ReLU that keeps the size."""
    return layers.Conv2D(channels, kernel, padding="same", dilation_rate=dilation, activation="relu",
                         kernel_initializer="he_normal", name=name)(x)


def _max_pool(x, stride: int, name: str):
    """Adds a 3x3 maximum with one pixel of padding on every side.

    Zeros stand for minus infinity, since what is pooled comes from a ReLU;
    "same" would pad even sizes on one side only.
    """
    x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    return layers.MaxPooling2D(3, stride, padding="valid", name=name)(x)


def vgg16(*, width: float = 1.0, head_channels: int = 1024, dropout: float = 0.5, name: str = "vgg16") -> keras.Model:
    """Builds VGG-16 with stride 8 and the convolutional fc6 and fc7 of class activation maps.

    Three pools halve the size; the fourth and fifth keep it, and block 5 is
    dilated instead. Every number is that of the ICD release, whose weight names
    (conv1_1 to fc7) the layers bear. Multiply-adds: 51 G for 321x321 pixels.

        side of the maps = (side + 7) // 8

    Args:
        width: float. Factor of the trunk's channels; 1 is the published network.
        head_channels: int. Channels of fc6 and fc7.
        dropout: float in `[0, 1)`. Share dropped after fc6 and fc7 in training.
        name: str. Name of the model.

    Inputs:
        image: `(batch, row, column, 3)` RGB, 0 to 255, any size. 127 is subtracted inside.

    Returns:
        keras.Model whose output is a dictionary: "features", conv5_3 after its
        ReLU and before the pools, `(batch, row', column', 512)`; "classifier",
        what class maps read (fc7 after dropout), `(batch, row', column', 1024)`.

    Example:

    >>> model = vgg16(width=1 / 16, head_channels=8)
    >>> {key: tuple(value.shape) for key, value in sorted(model(keras.ops.ones((1, 33, 41, 3))).items())}
    {'classifier': (1, 5, 6, 8), 'features': (1, 5, 6, 32)}

    Reference: Simonyan and Zisserman, ICLR 2015; Fan et al., CVPR 2020.
    """
    image = keras.Input((None, None, 3), name="image")
    x = layers.Rescaling(1.0, offset=-127.0, name="subtract_mean")(image)
    for block, (channels, count) in enumerate(BLOCKS, start=1):
        for i in range(1, count + 1):
            x = _conv(x, max(1, round(channels * width)), 3, 2 if block == 5 else 1, f"conv{block}_{i}")
        features = x
        x = _max_pool(x, 2 if block <= 3 else 1, f"pool{block}")
    x = layers.ZeroPadding2D(1, name="pool5a_pad")(x)          # the divisor is 9 at the borders too
    x = layers.AveragePooling2D(3, 1, padding="valid", name="pool5a")(x)
    for layer, kernel in (("fc6", 3), ("fc7", 1)):
        x = _conv(x, head_channels, kernel, 1, layer)
        x = layers.Dropout(dropout, name=f"{layer}_dropout")(x)
    return keras.Model(image, {"features": features, "classifier": x}, name=name)
