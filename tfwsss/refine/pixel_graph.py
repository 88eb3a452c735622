"""The graph of neighbouring pixels and its segmentation by rising edge weight."""

import array

import numpy as np

BLOCKS = 80  # edges are cut into; 40 to 120 are equally fast
SMALLEST_BLOCK = 2048  # edges
LEADING_SHARE = 0.25  # below it, single steps are faster than another round of a block


def sorted_edges(colours: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lists the edges of the 8-neighbourhood by rising colour distance.

    Equal distances stay in raster order of the pixel that owns the edge, then
    right, down, down-right, up-right. O(pixels log pixels) time.

    Args:
        colours: float32 array `(row, column, 3)`.

    Returns:
        Two int32 arrays of pixel numbers (row-major) and the float32 array of distances, all `(edge,)`.

    Example:

    >>> colours = np.zeros((1, 3, 3), np.float32)
    >>> colours[0, 0] = 3
    >>> [part.tolist() for part in sorted_edges(colours)]
    [[1, 0], [2, 1], [0.0, 5.196152210235596]]
    """
    rows, columns, _ = colours.shape
    weight = np.full((rows, columns, 4), np.inf, np.float32)
    for direction, (owner, other) in enumerate((
        (np.s_[:, :-1], np.s_[:, 1:]),  # right
        (np.s_[:-1, :], np.s_[1:, :]),  # down
        (np.s_[:-1, :-1], np.s_[1:, 1:]),  # down, right
        (np.s_[1:, :-1], np.s_[:-1, 1:]),  # up, right
    )):
        square = np.square(colours[owner] - colours[other])
        weight[*owner, direction] = np.sqrt(square[..., 0] + square[..., 1] + square[..., 2])
    # A float32 that is not negative sorts like its bits: weight and number in one word make any sort a stable one.
    key = weight.view(np.uint32).ravel().astype(np.uint64) << np.uint64(32)
    key |= np.arange(key.size, dtype=np.uint64)
    key.sort()
    key = key[: np.isfinite(weight).sum()]
    number = (key & np.uint64(0xFFFFFFFF)).astype(np.int64)
    first = (number >> 2).astype(np.int32)
    second = first + np.array([1, columns, columns + 1, 1 - columns], np.int32)[number & 3]
    return first, second, (key >> np.uint64(32)).astype(np.uint32).view(np.float32)


def segment_graph(
    first: np.ndarray, second: np.ndarray, weight: np.ndarray, nodes: int, scale: float, min_size: int
) -> np.ndarray:
    """Joins the ends of edges in the given order, as Felzenszwalb and Huttenlocher's greedy rule says.

    First walk: two components are joined where the weight w exceeds neither of
    their thresholds; threshold = scale at first, w + scale / size after a join
    (float32). Second walk: they are joined where either is smaller than `min_size`.

    An edge depends only on the components at its ends, so edges that come first
    at both ends can be settled together. Blocks of edges are settled in such
    rounds with NumPy, their small remainders edge by edge; edges of weight 0,
    which always join, as connected components. The result is that of the edge
    by edge walk, exactly.

    Args:
        first: int32 array `(edge,)`: a node of each edge.
        second: int32 array `(edge,)`: the other node.
        weight: float32 array `(edge,)`, rising, not negative.
        nodes: how many nodes there are.
        scale: allowance of a component of one node.
        min_size: smallest component that is left alone, in nodes.

    Returns:
        int32 array `(node,)`: one node of its component; equal for exactly the nodes of one component.

    Example:

    >>> first, second = np.array([[0, 2, 1], [1, 3, 2]], np.int32)
    >>> tree = segment_graph(first, second, np.array([0, 0, 9], np.float32), 4, scale=10.0, min_size=2)
    >>> bool(tree[0] == tree[1] != tree[2] == tree[3])
    True
    """
    forest = _Forest(nodes, scale, min_size)
    zeros = int(np.searchsorted(weight, 0, side="right"))
    if zeros > SMALLEST_BLOCK:
        forest.join_all(first[:zeros], second[:zeros])
    length = max(SMALLEST_BLOCK, first.size // BLOCKS)
    for rule in (_ByContrast(forest), _BySize(forest)):
        for start in range(0, first.size, length):
            block = slice(start, start + length)
            _settle(forest, rule, forest.roots(first[block]), forest.roots(second[block]), weight[block])
    return forest.roots(np.arange(nodes))


class _Forest:
    """Components as trees. Each array has two faces on one memory: NumPy for blocks, `array` for single steps."""

    def __init__(self, nodes: int, scale: float, min_size: int):
        with np.errstate(divide="ignore", invalid="ignore"):
            allowance = np.float32(scale) / np.arange(nodes + 1, dtype=np.float32)
        self.min_size = min_size
        self.arrays = (
            array.array("i", range(nodes)),
            array.array("i", [1]) * nodes,
            array.array("f", [scale]) * nodes,
            array.array("f", allowance.tobytes()),
        )
        self.parent, self.size = (np.frombuffer(numbers, np.int32) for numbers in self.arrays[:2])
        self.threshold, self.allowance = (np.frombuffer(numbers, np.float32) for numbers in self.arrays[2:])
        self.earliest = np.empty(nodes, np.int32)  # scratch of _settle

    def roots(self, nodes: np.ndarray) -> np.ndarray:
        """Finds the roots of nodes and shortens their paths."""
        found = self.parent[nodes]
        while True:
            above = self.parent[found]
            if np.array_equal(above, found):
                self.parent[nodes] = found
                return found
            found = above

    def join(self, first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> None:
        """Joins pairs of roots, no root in two pairs; the larger one stays a root."""
        larger = np.where(self.size[first] < self.size[second], second, first)
        smaller = first + second - larger
        size = self.size[first] + self.size[second]
        self.parent[smaller] = larger
        self.size[larger] = size
        self.threshold[larger] = weight + self.allowance[size]


    def join_all(self, first: np.ndarray, second: np.ndarray) -> None:
        """Joins the ends of edges of weight 0, before any other edge."""
        from scipy.sparse import csr_matrix  # here, because it takes 0.3 s to import and photographs do without
        from scipy.sparse.csgraph import connected_components

        nodes = self.parent.size
        links = csr_matrix((np.ones(first.size, bool), (first, second)), (nodes, nodes))
        count, label = connected_components(links, directed=False)
        root = np.empty(count, np.int32)
        root[label] = np.arange(nodes)
        self.parent[:] = root[label]
        self.size[root] = np.bincount(label)
        self.threshold[root] = self.allowance[self.size[root]]


class _ByContrast:
    """First walk: thresholds."""

    def __init__(self, forest: _Forest):
        self.forest = forest

    def open(self, first: np.ndarray, second: np.ndarray, lightest: float) -> np.ndarray:
        """Tells which edges may still join: a component below the weight reached never grows again."""
        threshold = self.forest.threshold
        return (threshold[first] >= lightest) & (threshold[second] >= lightest)

    def accepts(self, first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> np.ndarray:
        threshold = self.forest.threshold
        return (weight <= threshold[first]) & (weight <= threshold[second])

    def step(self, first: list[int], second: list[int], weight: list[float]) -> None:
        parent, size, threshold, allowance = self.forest.arrays
        for one, other, limit in zip(first, second, weight, strict=True):
            while parent[one] != one:
                one = parent[one]
            while parent[other] != other:
                other = parent[other]
            if one != other and limit <= threshold[one] and limit <= threshold[other]:
                total = size[one] + size[other]
                if size[one] < size[other]:
                    one, other = other, one
                parent[other] = one
                size[one] = total
                threshold[one] = limit + allowance[total]  # a double sum of two float32, rounded once, is theirs


class _BySize:
    """Second walk: components that are too small."""

    def __init__(self, forest: _Forest):
        self.forest = forest

    def open(self, first: np.ndarray, second: np.ndarray, lightest: float) -> np.ndarray:
        """Tells which edges may still join: two large components stay apart, since sizes only grow."""
        size, least = self.forest.size, self.forest.min_size
        return (size[first] < least) | (size[second] < least)

    def accepts(self, first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return self.open(first, second, 0.0)

    def step(self, first: list[int], second: list[int], weight: list[float]) -> None:
        parent, size, *_ = self.forest.arrays
        least = self.forest.min_size
        for one, other in zip(first, second, strict=True):
            while parent[one] != one:
                one = parent[one]
            while parent[other] != other:
                other = parent[other]
            if one != other and (size[one] < least or size[other] < least):
                if size[one] < size[other]:
                    one, other = other, one
                parent[other] = one
                size[one] += size[other]


def _settle(
    forest: _Forest, rule: _ByContrast | _BySize, first: np.ndarray, second: np.ndarray, weight: np.ndarray
) -> None:
    """Settles one block of edges between roots, as if one after the other."""
    keep = (first != second) & rule.open(first, second, weight[0])
    first, second, weight = first[keep], second[keep], weight[keep]
    while first.size:
        number = np.arange(first.size, dtype=np.int32)
        ends = np.stack((first, second), axis=1).ravel()
        forest.earliest[ends[::-1]] = np.repeat(number[::-1], 2)  # the last of repeated writes stays
        leading = (forest.earliest[first] == number) & (forest.earliest[second] == number)
        chosen = leading & rule.accepts(first, second, weight)
        forest.join(first[chosen], second[chosen], weight[chosen])
        first, second = forest.parent[first], forest.parent[second]
        keep = ~leading & (first != second)
        many = np.count_nonzero(leading) > LEADING_SHARE * leading.size
        first, second, weight = first[keep], second[keep], weight[keep]
        if not many:
            break
    rule.step(first.tolist(), second.tolist(), weight.tolist())
