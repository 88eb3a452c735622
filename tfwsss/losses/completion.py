"""Completion: what the cross version of an image finds is taught to both versions (CIAN)."""

from keras import ops

from tfwsss.palette import IGNORE


def completion_labels(logits, labels):
    """Turns predictions to labels for every position, kept to the ids that the image's label map holds.

    `SegmentationLoss(normaliser="batch")` against them is CIAN's completion loss: its
    mean is over the kept positions of the batch, floor 1e-5 an image, where the
    released code divides by zero. An id held by no position of the label map, be it
    background, is never taught; unknown positions of the map are filled like all others.

        label[p] = argmax_c z[p, c] if some labels[q] is that c, else 255

    Args:
        logits: float `(batch, row, column, id)`, of the cross version. No gradient passes.
        labels: int `(batch, row', column')`, what is known, 255 unknown; ids beyond the logits' are not read.

    Returns:
        int32 `(batch, row, column)`.

    Example:

    >>> logits = ops.array([[[[5.0, 0.0, 1.0], [0.0, 4.0, 6.0], [1.0, 1.0, 3.0]]]])
    >>> ops.convert_to_numpy(completion_labels(logits, ops.array([[[0, 255, 1]]]))).tolist()
    [[[0, 255, 255]]]

    Reference: Fan et al., CIAN, AAAI 2020.
    """
    found = ops.cast(ops.argmax(logits, axis=-1), "int32")                   # (batch, row, column)
    held = ops.any(ops.one_hot(ops.cast(labels, "int32"), logits.shape[-1], dtype="bool"), axis=(1, 2))  # (batch, id)
    size = ops.shape(found)
    kept = ops.take_along_axis(held, ops.reshape(found, (size[0], -1)), axis=1)
    return ops.where(ops.reshape(kept, size), found, IGNORE)
