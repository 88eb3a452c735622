"""What AffinityNet learns from: marginals of two CRFs, averaged over the cells of its grid, then decided upon."""

import tensorflow as tf

from tfwsss.artefacts.marginals import STEPS
from tfwsss.ops.cam import cell_means
from tfwsss.ops.confident_labels import confident_labels
from tfwsss.ops.mask_ids import mask_ids


def decode_marginals(contents, size):
    """Decodes marginals inside a graph.

    Args:
        contents: scalar string, the bytes of a file of `artefacts.marginals`.
        size: int32 `(2,)`, rows and columns of the image.

    Returns:
        float32 `(row, column, 2 plane)`, those under strong background first.

    Raises:
        tf.errors.InvalidArgumentError: no PNG, or not of planes of that size.
    """
    values = tf.io.decode_png(contents, channels=1, dtype=tf.uint16)[..., 0]
    size = tf.convert_to_tensor(size)
    with tf.control_dependencies([
            tf.debugging.assert_equal(tf.shape(values)[1], size[1], "marginals are not as wide as their image"),
            tf.debugging.assert_equal(tf.shape(values)[0] % size[0], 0, "marginals are no planes of their image")]):
        values = tf.identity(values)
    planes = tf.reshape(values, tf.concat([[-1], size], axis=0))                   # (2 plane, row, column)
    return tf.cast(tf.transpose(planes, (1, 2, 0)), tf.float32) / STEPS


def sure_cells(marginals, tags, cell: int):
    """Averages marginals over cells, and keeps of each cell the label that both backgrounds leave it.

    Args:
        marginals: float32 `(row, column, 2 plane)`, 0 outside the image; planes are the background and the image's
            classes, rising, under strong background and then the same under weak background.
        tags: float32 `(class,)` of zeros and ones.
        cell: side of a cell in pixels.

    Returns:
        int32 `(ceil(row / cell), ceil(column / cell))`: mask ids, 255 unknown.

    Raises:
        tf.errors.InvalidArgumentError: planes of other classes than the tags'.

    Example:
    >>> planes = tf.constant([[[0.4, 0.6, 0.3, 0.7], [0.7, 0.3, 0.4, 0.6]]])
    >>> sure_cells(planes, [0.0, 1.0], 1).numpy().tolist(), sure_cells(planes, [0.0, 1.0], 2).numpy().tolist()
    ([[2, 255]], [[255]])

    Reference: Ahn and Kwak, AffinityNet, CVPR 2018 (released code).
    """
    classes = tf.cast(tf.reshape(tf.where(tf.convert_to_tensor(tags) > 0), [-1]), tf.int32)
    half = 1 + tf.size(classes)
    with tf.control_dependencies([tf.debugging.assert_equal(
            tf.shape(marginals)[2], 2 * half, "marginals are not of the classes of their image; make them again")]):
        low, high = cell_means(marginals[..., :half], cell), cell_means(marginals[..., half:], cell)
    rows, columns = (-(-side // cell) if side else None for side in marginals.shape[:2])
    return tf.ensure_shape(mask_ids(confident_labels(low, high), classes), (rows, columns))
