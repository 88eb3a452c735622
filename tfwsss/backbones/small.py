"""A small network for the built-in pictures: learns from nothing in minutes on two cores."""

import keras
from keras import layers

from tfwsss.layers.batch_normalization import BatchNormalization

STAGES = ((32, 2, 1), (32, 1, 1), (64, 2, 1), (64, 1, 1), (96, 1, 1), (96, 1, 2))    # channels, stride, dilation
TAP = 4                                                    # convolution whose output is "features"


def small(*, width: float = 1.0, name: str = "small") -> keras.Model:
    """Builds six convolutions at output stride 4, each with batch normalisation and ReLU.

    Meant for pictures of about 100 pixels and for tests; it has no published
    weights. A position of "features" sees 19 pixels, so that it tells what lies
    there and not what lies near; one of "classifier" sees 43. Batch normalisations
    learn over all replicas. About 0.27 G multiply-adds for 128x128 pixels.

        side of the maps = ceil(side / 4)

    Args:
        width: float. Factor of the channels.
        name: str. Name of the model.

    Inputs:
        image: `(batch, row, column, 3)` RGB, 0 to 255, any size. Scaled to `[-1, 1]` inside.

    Returns:
        keras.Model whose output is a dictionary of non-negative maps: "features"
        `(batch, row', column', 64)` and "classifier" `(batch, row', column', 96)`.

    Example:

    >>> {key: tuple(value.shape) for key, value in sorted(small()(keras.ops.ones((1, 33, 64, 3))).items())}
    {'classifier': (1, 9, 16, 96), 'features': (1, 9, 16, 64)}
    """
    image = keras.Input((None, None, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescale")(image)
    features = None
    for i, (channels, stride, dilation) in enumerate(STAGES, start=1):
        x = layers.Conv2D(max(1, round(channels * width)), 3, stride, padding="same", dilation_rate=dilation,
                          use_bias=False, kernel_initializer="he_normal", name=f"conv{i}")(x)
        x = BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"bn{i}")(x)
        x = layers.ReLU(name=f"relu{i}")(x)
        features = x if i == TAP else features
    return keras.Model(image, {"features": features, "classifier": x}, name=name)
