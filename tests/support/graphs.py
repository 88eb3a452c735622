"""Images as graph networks see them, drawn, and the dense form of the same."""

import numpy as np

from tests.support.oracles.dense_graph import DenseSolver, dense_graph
from tfwsss.ops.offsets import half_window
from tfwsss.ops.tiles import radius_of, whole_windows
from tfwsss.training.graph_problem import GraphProblem


def half_of(matrix: np.ndarray, rows: int, columns: int, radius: int) -> np.ndarray:
    """Returns the affinities `(1, row, column, offset)` of half windows of a dense matrix."""
    half = np.zeros((1, rows, columns, len(half_window(radius))), "float32")
    for _, y, x, k in np.ndindex(*half.shape):
        dy, dx = half_window(radius)[k]
        if y + dy < rows and 0 <= x + dx < columns:
            half[0, y, x, k] = matrix[y * columns + x, (y + dy) * columns + x + dx]
    return half


def dense_of(half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the dense graph and the mask of windows of `(row, column, offset)`."""
    return dense_graph(np.asarray(whole_windows(half[None], radius_of(half.shape[-1])))[0])


def problem(size: tuple[int, int], stride: int, num_ids: int, name: str = "x", boxes: bool = False, radius: int = 2,
            seed: int = 0) -> GraphProblem:
    """Draws an image: features of 13 channels, some of them zero, seeds on a third of the pixels, perhaps two boxes."""
    random = np.random.default_rng(seed)
    rows, columns = (-(-side // stride) for side in size)
    features = np.maximum(random.normal(size=(rows, columns, 13)), 0).astype("float32")
    features[..., [2, 7]] = 0
    affinity = np.exp(-random.random((rows, columns, len(half_window(radius))))).astype("float32")
    seeds = np.where(random.random(size) < 0.3, random.integers(0, num_ids, size), 255)
    colours = 0.1 * random.normal(size=(rows, columns, 3)).astype("float32")
    given = GraphProblem(name, features, affinity, seeds, colours)
    if not boxes:
        return given
    found = np.array([[0, 0, size[1] - 1, size[0] // 2], [size[1] // 3, 1, size[1] // 2 + 1, size[0] - 1]])
    return given._replace(boxes=found, labels=np.array([1, num_ids - 1]))


def dense_solver(settings, given: GraphProblem, prepared, num_ids: int, stride: int) -> DenseSolver:
    """Returns the dense form of an image with the weights that were drawn for it; channels of zeros have some too."""
    rows, columns, channels = given.features.shape
    used = given.features.any(axis=(0, 1))
    embedding = np.random.default_rng(5).normal(size=(channels, settings.width))
    embedding[used] = prepared.weights.embedding
    seeds = np.full((rows * stride, columns * stride), settings.pad_label)
    seeds[:given.seeds.shape[0], :given.seeds.shape[1]] = given.seeds
    boxes = [(left, top, min(right, columns * stride - 1), min(bottom, rows * stride - 1))
             for left, top, right, bottom in given.boxes] if settings.boxes else ()
    features = given.features.reshape(-1, channels).astype(float)
    features /= features.sum(axis=1, keepdims=True)
    return DenseSolver(features, *dense_of(given.affinity), (rows, columns), seeds,
                       [embedding, *prepared.weights[1:]], rate=settings.learning_rate, colours=given.colours,
                       boxes=boxes, labels=given.labels, threshold=settings.consistency_threshold)
