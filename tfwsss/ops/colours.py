"""Colours as the published programs of PyTorch normalise them."""

from keras import ops

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue of ImageNet, between 0 and 1."""


def standardised(image):
    """Takes ImageNet's mean from an image and divides by its deviation.

        output = (image / 255 - mean) / deviation

    Args:
        image: `(..., 3)`, red, green and blue, 0 to 255.

    Returns:
        float32, same shape; 0 is ImageNet's mean colour.

    Example:

    >>> standardised(ops.array([255, 255, 255])).numpy().round(4).tolist()
    [2.2488999366760254, 2.4286000728607178, 2.640000104904175]
    """
    return (ops.cast(image, "float32") / 255.0 - ops.convert_to_tensor(MEAN)) / ops.convert_to_tensor(DEVIATION)
