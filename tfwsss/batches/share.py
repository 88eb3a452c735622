"""Which part of every batch a process reads, where several train together."""

from typing import NamedTuple

import numpy as np


class Share(NamedTuple):
    """One of equal parts of every batch: the first elements of a batch are process 0's, and so on.

    Args:
        rank: number of the part, from 0.
        count: of parts.
    """

    rank: int = 0
    count: int = 1

    def size(self, batch_size: int) -> int:
        """Returns the elements of a batch that are this part's.

        Args:
            batch_size: elements of a whole batch, a multiple of the number of parts.

        Example:
        >>> Share(1, 2).size(16)
        8
        """
        return batch_size // self.count

    def places(self, elements: int, batch_size: int) -> np.ndarray:
        """Returns which elements of an epoch are this part's, in their order.

        Args:
            elements: of the epoch; whole batches, unless there is one part only.
            batch_size: elements of a whole batch, a multiple of the number of parts.

        Returns:
            int64 `(elements / count,)`.

        Example:
        >>> Share(1, 2).places(8, 4).tolist()
        [2, 3, 6, 7]
        """
        if self.count == 1:
            return np.arange(elements)
        return np.arange(elements).reshape(-1, self.count, self.size(batch_size))[:, self.rank].ravel()


WHOLE = Share()
"""All of every batch."""
