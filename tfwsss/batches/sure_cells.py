"""What AffinityNet learns from: marginals of two CRFs, averaged over the cells of its grid, then decided upon."""

import tensorflow as tf

from tfwsss.artefacts.marginals import STEPS
from tfwsss.ops.cam import cell_means
from tfwsss.ops.confident_labels import confident_labels
from tfwsss.palette import IGNORE


def decode_marginals(contents, size):
    """Decodes marginals inside a graph.

    Args:
        contents: scalar string, the bytes of a file of `artefacts.marginals`.
        size: int32 `(2,)`, rows and columns of the image.

    Returns:
        float32 `(row, column, 2 plane)`, those under strong background first.

    Raises:
        tf.errors.InvalidArgumentError: no PNG, or of another image.
    """
    values = tf.io.decode_png(contents, channels=1, dtype=tf.uint16)[..., 0]
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

    Example:
    >>> planes = tf.constant([[[0.4, 0.6, 0.3, 0.7], [0.7, 0.3, 0.4, 0.6]]])
    >>> sure_cells(planes, [0.0, 1.0], 1).numpy().tolist(), sure_cells(planes, [0.0, 1.0], 2).numpy().tolist()
    ([[2, 255]], [[255]])

    Reference: Ahn and Kwak, AffinityNet, CVPR 2018 (released code).
    """
    half = tf.shape(marginals)[2] // 2
    places = confident_labels(*(cell_means(part, cell) for part in (marginals[..., :half], marginals[..., half:])))
    ids = tf.concat([[0], tf.cast(tf.reshape(tf.where(tf.convert_to_tensor(tags) > 0), [-1]), tf.int32) + 1], axis=0)
    undecided = places == IGNORE
    rows, columns = (-(-side // cell) if side else None for side in marginals.shape[:2])
    return tf.ensure_shape(tf.where(undecided, IGNORE, tf.gather(ids, tf.where(undecided, 0, places))), (rows, columns))
