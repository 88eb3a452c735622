"""Labels that hold whether the background is strong or weak: what AffinityNet learns from."""

from keras import ops

_NOTHING = 1e-5     # largest plane of a cell outside the image


def confident_labels(low, high, undecided: int = 255):
    """Keeps the labels that hold whether the background is strong or weak.

    The background's score is (1 - m)^alpha, m the largest class map: a low alpha
    makes it strong, so that what is still an object is surely one; a high alpha
    makes it weak, so that what is still background is surely that.

        p = argmax low,  q = argmax high      the first of equals
        label = p where p > 0;  0 where q = 0, even if p > 0;  undecided else, and where all planes are 0

    Args:
        low: float `(row, column, 1 + class)`, marginals of the CRF at low alpha or their means over cells, background
            first; 0 outside the image.
        high: likewise, at high alpha.
        undecided: int. Value of what is not sure.

    Returns:
        int32 `(row, column)`: 0 background, 1 for the first class and so on.

    Example:

    >>> low = ops.array([[[0.7, 0.3], [0.4, 0.6], [0.2, 0.8], [0.0, 0.0]]])
    >>> high = ops.array([[[0.6, 0.4], [0.3, 0.7], [0.9, 0.1], [0.0, 0.0]]])
    >>> confident_labels(low, high).numpy().tolist()
    [[0, 1, 0, 255]]

    Reference: Ahn and Kwak, AffinityNet, CVPR 2018.
    """
    sure = ops.cast(ops.argmax(low, axis=-1), "int32")
    labels = ops.where(sure > 0, sure, undecided)
    labels = ops.where(ops.argmax(high, axis=-1) == 0, 0, labels)
    largest = ops.max(ops.maximum(low, high), axis=-1)
    return ops.where(largest < _NOTHING, undecided, labels)
