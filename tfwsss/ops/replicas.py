"""What one replica must know of the others: sums over all, and its own place."""

import keras
from keras import ops


def _context():
    """Returns TensorFlow's replica context where several replicas run, else None."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf  # only where a replica context can exist

    context = tf.distribute.get_replica_context()
    return context if context is not None and context.num_replicas_in_sync > 1 else None


def sum_over_replicas(x):
    """Sums a tensor over all replicas that share the batch.

    For normalisers and statistics of the whole batch: a mean taken on each
    replica alone is not the mean of the batch. On one replica, outside a
    replica context and on other backends (whose tensors span the whole batch
    already) it is the identity. Differentiable. Costs one all-reduce.

    Args:
        x: tensor of any shape, the same on every replica.

    Returns:
        Same shape and dtype as `x`, equal on every replica.

    Example:

    >>> float(sum_over_replicas(ops.ones(())))
    1.0
    """
    context = _context()
    if context is None:
        return x
    import tensorflow as tf

    return context.all_reduce(tf.distribute.ReduceOp.SUM, x)


def place_among_replicas():
    """Says which part of the whole batch this replica holds.

    Returns:
        `(position, count)`: int32 scalar in `[0, count)` and the number of
        replicas; `(0, 1)` where there are no others.

    Example:

    >>> [int(value) for value in place_among_replicas()]
    [0, 1]
    """
    context = _context()
    if context is None:
        return 0, 1
    return ops.cast(context.replica_id_in_sync_group, "int32"), context.num_replicas_in_sync
