"""Superpixels merged by what a network sees in them (ICD)."""

import numpy as np

from tfwsss.errors import UserError


def merge_regions(
    regions: np.ndarray, features: np.ndarray, *, canvas: tuple[int, int] = (513, 513), max_regions: int = 64
) -> np.ndarray:
    """Merges the superpixels of one image by likeness of their mean features until few remain.

    Args:
        regions: int array `(row, column)`, ids 0, 1, 2, ... without gaps.
        features: float array `(row', column', channel)`, what a network gave for the image padded to `canvas`.
        canvas: rows and columns, in pixels, that `features` cover (corners aligned); holds the image at its top left.
        max_regions: how many regions may remain.

    Returns:
        int32 array `(row, column)`: ids 0 … at most `max_regions` - 1 without gaps, in the order of each region's
        lowest former id. Every former superpixel lies in one region.

    Raises:
        UserError: an image larger than the canvas.

    Example:

    >>> regions = np.array([[0, 1, 2]])
    >>> features = np.array([[[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]])
    >>> merge_regions(regions, features, canvas=(1, 3), max_regions=2).tolist()
    [[0, 0, 1]]

    Reference: Fan et al., Learning Integral Objects with Intra-Class Discriminator, CVPR 2020; its superpixel tool.
    """
    sizes = np.bincount(regions.ravel())
    if sizes.size <= max_regions:
        return regions.astype(np.int32)
    return merge_by_likeness(region_features(regions, features, canvas), sizes, max_regions)[regions]


def region_features(regions: np.ndarray, features: np.ndarray, canvas: tuple[int, int]) -> np.ndarray:
    """Means of features over regions, as if the features were resized to every pixel first.

    Resizing (bilinear, corners aligned) and averaging are linear: a region's
    mean weighs the grid's cells by a sparse matrix of the bilinear weights that
    fall into the region. Nothing of pixels times regions or pixels times
    channels is ever held: memory is O(pixels + regions · channels).

    Args:
        regions: int array `(row, column)`, ids 0, 1, 2, ... without gaps.
        features: float array `(row', column', channel)`.
        canvas: rows and columns, in pixels, that `features` cover; the regions lie at its top left.

    Returns:
        float64 array `(region, channel)`. Constant features give that constant.

    Raises:
        UserError: regions that do not fit into the canvas.

    Example:

    >>> region_features(np.array([[0, 0, 1]]), np.array([[[0.0], [4.0]]]), canvas=(1, 3)).tolist()
    [[1.0], [4.0]]
    """
    from scipy.sparse import csr_matrix  # here, because it takes 0.2 s to import

    if regions.shape[0] > canvas[0] or regions.shape[1] > canvas[1]:
        raise UserError(f"superpixels of {regions.shape} pixels do not fit into the features' canvas of {canvas}")
    grid_rows, grid_columns, channels = features.shape
    row, down = _aligned(regions.shape[0], canvas[0], grid_rows)
    column, right = _aligned(regions.shape[1], canvas[1], grid_columns)
    sizes = np.bincount(regions.ravel())
    total = csr_matrix((sizes.size, grid_rows * grid_columns))
    for row_step, row_weight in ((0, 1 - down), (1, down)):
        for column_step, column_weight in ((0, 1 - right), (1, right)):
            cells = np.minimum(row + row_step, grid_rows - 1)[:, None] * grid_columns
            cells = cells + np.minimum(column + column_step, grid_columns - 1)  # (row, column)
            weights = row_weight[:, None] * column_weight
            total = total + csr_matrix((weights.ravel(), (regions.ravel(), cells.ravel())), total.shape)
    return (total @ features.reshape(-1, channels).astype(np.float64)) / sizes[:, None]


def merge_by_likeness(features: np.ndarray, sizes: np.ndarray, max_regions: int = 64) -> np.ndarray:
    """Joins the most alike pair of regions, anywhere in the image, again and again.

        likeness(i, j) = cosine(feature_i, feature_j) + 1 - (size_i + size_j) / total

    The largest is taken, on a tie the first in row-major order; the pair lives
    on under the lower number with the mean feature weighted by size. Each row's
    best partner is kept, and looked up again only when it was lost and the row's
    old value, an upper bound, leads: O(S² · channels) time in all for S regions
    in practice, O(S²) memory.

    Args:
        features: float array `(region, channel)`.
        sizes: array `(region,)`, pixels, positive.
        max_regions: how many may remain, at least 1.

    Returns:
        int32 array `(region,)`: the new id of each region, 0 … at most `max_regions` - 1 without gaps, numbered by the
        lowest member.

    Raises:
        UserError: `max_regions` below 1.

    Example:

    >>> merge_by_likeness(np.array([[1, 0], [0, 1], [0.9, 0.1]]), np.array([10, 30, 20]), 2).tolist()
    [0, 1, 0]
    """
    if max_regions < 1:
        raise UserError(f"max_regions {max_regions}: at least one region must remain")
    owner = np.arange(len(sizes))
    pairs = _Pairs(features, sizes)
    for _ in range(len(sizes) - max_regions):
        low, high = pairs.best()
        pairs.merge(low, high)
        owner[owner == high] = low
    return np.unique(owner, return_inverse=True)[1].astype(np.int32)


def _aligned(length: int, canvas: int, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Cell at or before each of the first `length` pixels and the share of the next, corners aligned."""
    position = np.arange(length) * ((cells - 1) / max(canvas - 1, 1))
    cell = np.minimum(position.astype(np.int64), cells - 1)
    return cell, position - cell


class _Pairs:
    """Likenesses above the diagonal, with the best of every row."""

    def __init__(self, features: np.ndarray, sizes: np.ndarray):
        self.features = features.astype(np.float64)
        self.sizes = sizes.astype(np.float64)
        self.total = self.sizes.sum()
        self.directions = self._direction(self.features)
        likeness = self.directions @ self.directions.T + 1 - (self.sizes[:, None] + self.sizes) / self.total
        likeness[np.tril_indices(len(sizes))] = -np.inf
        self.likeness = likeness  # (region, region)
        self.partner = likeness.argmax(axis=1)
        self.bound = likeness.max(axis=1)  # exact, or too high where stale
        self.stale = np.zeros(len(sizes), bool)
        self.alive = np.ones(len(sizes), bool)

    @staticmethod
    def _direction(features: np.ndarray) -> np.ndarray:
        """Unit vectors; a feature of zeros stays zero, so that it is like nothing."""
        length = np.sqrt(np.sum(np.square(features), axis=-1, keepdims=True))
        return features / np.where(length > 0, length, 1)

    def best(self) -> tuple[int, int]:
        """The most alike pair, lower number first."""
        while True:
            row = int(self.bound.argmax())
            if not self.stale[row]:
                return row, int(self.partner[row])
            self._look_up(row)

    def merge(self, low: int, high: int) -> None:
        """Takes `high` into `low`."""
        size = self.sizes[low] + self.sizes[high]
        self.features[low] = (
            self.features[low] * self.sizes[low] + self.features[high] * self.sizes[high]
        ) / size
        self.sizes[low] = size
        self.directions[low] = self._direction(self.features[low])
        self.alive[high] = False
        # Not the BLAS: on a busy machine its threads wait for each other (1,600 regions: 20 s instead of 1).
        cosine = np.einsum("rc,c->r", self.directions, self.directions[low])
        row = cosine + 1 - (self.sizes + size) / self.total
        row = np.where(self.alive, row, -np.inf)
        self.likeness[high] = self.likeness[:, high] = -np.inf
        self.likeness[:low, low] = row[:low]
        self.likeness[low, low + 1 :] = row[low + 1 :]
        self.bound[high] = -np.inf
        self._look_up(low)
        self._refresh(low, high, row)

    def _look_up(self, row: int) -> None:
        self.partner[row] = self.likeness[row].argmax()
        self.bound[row] = self.likeness[row, self.partner[row]]
        self.stale[row] = False

    def _refresh(self, low: int, high: int, row: np.ndarray) -> None:
        """Brings the other rows' best up to date."""
        self.stale |= (self.partner == low) | (self.partner == high)
        self.stale[[low, high]] = False
        above = slice(0, low)
        better = row[above] > self.bound[above]
        tie = (row[above] == self.bound[above]) & ~self.stale[above] & (low < self.partner[above])
        self.stale[above] &= ~better
        self.partner[above] = np.where(better | tie, low, self.partner[above])
        self.bound[above] = np.where(better, row[above], self.bound[above])
