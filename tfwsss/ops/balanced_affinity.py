"""Attention made symmetric: how class maps spread along a transformer's own attention."""

from keras import ops


def balanced_affinity(attention, rounds: int = 3):
    """Balances attention between positions, makes it symmetric, and takes two steps along it.

    Each round divides every column by its sum, then every row (Sinkhorn).

        D = (W + W^T) / 2 after the rounds,   output = D D

    Cost: n^3 multiply-adds for n positions; memory a few n^2 numbers.

    Args:
        attention: float above 0, `(position, position)`, such as the mean of heads and blocks.
        rounds: int.

    Returns:
        `(position, position)`, symmetric; rows sum to nearly 1. The factor of all attention does not count.

    Example:

    >>> ops.convert_to_numpy(balanced_affinity(ops.array([[3.0, 1.0], [1.0, 1.0]]), 9)).astype(float).round(2).tolist()
    [[0.54, 0.46], [0.46, 0.54]]

    Reference: Lin et al., CLIP is also an efficient segmenter, CVPR 2023 (released code); Sinkhorn and Knopp, 1967.
    """
    balanced = ops.convert_to_tensor(attention)
    for _ in range(rounds):
        balanced = balanced / ops.sum(balanced, axis=0, keepdims=True)
        balanced = balanced / ops.sum(balanced, axis=1, keepdims=True)
    both = (balanced + ops.transpose(balanced)) / 2
    return ops.matmul(both, both)
