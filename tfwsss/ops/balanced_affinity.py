"""Attention made symmetric: how class maps spread along a transformer's own attention."""

from keras import ops


def balanced_attention(attention, rounds: int = 3):
    """Balances attention between positions, and makes it symmetric.

    Each round divides every column by its sum, then every row (Sinkhorn): W' after the rounds.

        output = (W' + W'^T) / 2

    Args:
        attention: W, float above 0, `(..., position, position)`, such as the mean of heads and blocks.
        rounds: int.

    Returns:
        `(..., position, position)`, symmetric; rows sum to nearly 1. The factor of all attention does not count.

    Example:

    >>> ops.convert_to_numpy(balanced_attention(ops.array([[3.0, 1.0], [1.0, 1.0]]), 9)).astype(float).round(2).tolist()
    [[0.63, 0.37], [0.37, 0.63]]

    Reference: Sinkhorn and Knopp, 1967.
    """
    found = ops.convert_to_tensor(attention)
    for _ in range(rounds):
        found = found / ops.sum(found, axis=-2, keepdims=True)
        found = found / ops.sum(found, axis=-1, keepdims=True)
    return (found + ops.swapaxes(found, -1, -2)) / 2


def balanced_affinity(attention, rounds: int = 3):
    """Takes two steps along attention that is balanced and symmetric.

        D = `balanced_attention`,   output = D D

    Cost: n^3 multiply-adds for n positions; memory a few n^2 numbers.

    Args:
        attention: float above 0, `(..., position, position)`, such as the mean of heads and blocks.
        rounds: int.

    Returns:
        `(..., position, position)`, symmetric; rows sum to nearly 1.

    Example:

    >>> ops.convert_to_numpy(balanced_affinity(ops.array([[3.0, 1.0], [1.0, 1.0]]), 9)).astype(float).round(2).tolist()
    [[0.54, 0.46], [0.46, 0.54]]

    Reference: Lin et al., CLIP is also an efficient segmenter, CVPR 2023 (released code).
    """
    both = balanced_attention(attention, rounds)
    return ops.matmul(both, both)
