"""Products with matrices that have a few numbers in each row, such as those that interpolate."""

import tensorflow as tf


def sparse_rows(places, shares, count) -> tf.SparseTensor:
    """Makes a matrix of a few numbers in each row.

    Memory: 20 bytes a number.

    Args:
        places: integers `(row, number)`, columns; a column may come twice in a row, its numbers add up.
        shares: float `(row, number)`, the numbers.
        count: int or integer scalar. Columns of the matrix.

    Returns:
        `tf.SparseTensor`, `(row, count)`.

    Example:

    >>> tf.sparse.to_dense(sparse_rows([[0, 2]], [[0.25, 0.75]], 3)).numpy().tolist()
    [[0.25, 0.0, 0.75]]
    """
    places, shares = tf.cast(places, tf.int64), tf.convert_to_tensor(shares, tf.float32)
    rows = tf.broadcast_to(tf.range(tf.shape(places, tf.int64)[0])[:, None], tf.shape(places))
    indices = tf.reshape(tf.stack([rows, places], axis=-1), (-1, 2))
    shape = tf.stack([tf.shape(places, tf.int64)[0], tf.cast(count, tf.int64)])
    return tf.SparseTensor(indices, tf.reshape(shares, (-1,)), shape)


def sparse_product(matrix: tf.SparseTensor, values):
    """Multiplies such a matrix by values; the gradient reaches the values, not the matrix.

    Args:
        matrix: of `sparse_rows`.
        values: float32 `(column, channel)`.

    Returns:
        float32 `(row, channel)`.

    Example:

    >>> sparse_product(sparse_rows([[0, 2]], [[0.25, 0.75]], 3), tf.constant([[4.0], [9.0], [8.0]])).numpy().tolist()
    [[7.0]]
    """
    kept = tf.SparseTensor(matrix.indices, tf.stop_gradient(matrix.values), matrix.dense_shape)
    return tf.sparse.sparse_dense_matmul(kept, values)
