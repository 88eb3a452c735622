"""A2GNN's graph network as released: all pairs of nodes, everything enlarged to the padded image; in float64."""

import numpy as np
import tensorflow as tf

NOT_JOINED = -1e9


def dense_graph(windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the matrix of affinities, 1 on its diagonal, and the mask of windows, of `(row, column, offset)`."""
    rows, columns, count = windows.shape
    radius = int(count**0.5) // 2
    affinity, joined = np.zeros((2, rows * columns, rows * columns))
    for y, x, k in np.ndindex(*windows.shape):
        down, right = y + k // (2 * radius + 1) - radius, x + k % (2 * radius + 1) - radius
        if 0 <= down < rows and 0 <= right < columns:
            joined[y * columns + x, down * columns + right] = 1
            affinity[y * columns + x, down * columns + right] = windows[y, x, k]
    np.fill_diagonal(affinity, 1)
    return affinity, joined


def attention(x, affinity, joined, beta):
    """One layer; the norm of a row of zeros has no gradient."""
    squares = tf.reduce_sum(x * x, axis=1, keepdims=True)
    norms = tf.where(squares > 0, tf.sqrt(tf.where(squares > 0, squares, 1)), 0)
    cosine = tf.matmul(x, x, transpose_b=True) / (tf.matmul(norms, norms, transpose_b=True) + 1e-7)
    scores = beta * cosine + 10 * affinity
    scores += tf.where((joined == 0) | (cosine < 0), tf.cast(NOT_JOINED, x.dtype), 0)
    return tf.matmul(tf.nn.softmax(scores, axis=1), x)


def network(weights, features, affinity, joined, kept=None):
    """Returns logits and hidden features; `weights` are embedding, betas, output; `kept` is 0 or 2 a hidden value."""
    x = tf.nn.relu(tf.matmul(features, weights[0]))
    x = x if kept is None else x * kept
    for place in range(weights[1].shape[0]):
        x = attention(x, affinity, joined, weights[1][place])
    return tf.matmul(x, weights[2]), x


def enlarging(source: int, target: int) -> np.ndarray:
    """Returns the matrix of PyTorch's bilinear rule without aligned corners."""
    matrix = np.zeros((target, source))
    for place in range(target):
        at = max((place + 0.5) * source / target - 0.5, 0.0)
        lower = int(at)
        matrix[place, lower] += 1 - (at - lower)
        matrix[place, min(lower + 1, source - 1)] += at - lower
    return matrix


def enlarge(nodes, grid, size):
    """Enlarges values of nodes `(node, channel)` to `(row, column, channel)`."""
    maps = tf.reshape(nodes, (*grid, -1))
    down, across = (tf.constant(enlarging(a, b), maps.dtype) for a, b in zip(grid, size, strict=True))
    return tf.einsum("tsc,us->tuc", tf.einsum("yxc,ty->txc", maps, down), across)


def cross_entropies(logits, labels):
    """Cost of each pixel whose label counts; others must not be asked for."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)


def seed_losses(logits, seeds):
    """Means over the pixels of the background and over those of the foreground; 0 where there is none."""
    costs = cross_entropies(logits, np.where(seeds == 255, 0, seeds))
    found = []
    for chosen in (seeds == 0, (seeds > 0) & (seeds < 255)):
        found.append(tf.reduce_sum(tf.where(chosen, costs, 0)) / max(chosen.sum(), 1))
    return found


def points_of(logits: np.ndarray, box, label: int) -> np.ndarray:
    """Returns row and column of the strongest pixel of each row of a box, then of each column."""
    left, top, right, bottom = box
    inside = logits[top:bottom + 1, left:right + 1, label]
    rows = [(top + row, left + int(np.argmax(inside[row]))) for row in range(inside.shape[0])]
    return np.array(rows + [(top + int(np.argmax(inside[:, column])), left + column)
                            for column in range(inside.shape[1])])


def multi_point(logits, hidden, seeds: np.ndarray, boxes, labels, threshold: float = 0.0):
    """Returns the loss and the seeds that are left, of logits and hidden features `(row, column, channel)`."""
    costs = differences = 0.0
    points, pairs, seeds = 0, 0, seeds.copy()
    for box, label in zip(boxes, labels, strict=True):
        places = points_of(np.asarray(logits), box, label)
        chosen, values = tf.gather_nd(logits, places), tf.gather_nd(hidden, places)
        costs += tf.reduce_sum(cross_entropies(chosen, np.full(len(places), label)))
        norms = tf.norm(values, axis=1, keepdims=True)
        cosine = tf.matmul(values, values, transpose_b=True) / (tf.matmul(norms, norms, transpose_b=True) + 1e-7)
        differences += tf.reduce_sum(1 - cosine + 1e-5)
        points, pairs = points + len(places), pairs + len(places) ** 2
        mean, all_hidden = np.asarray(values).mean(axis=0), np.asarray(hidden)
        likeness = all_hidden @ mean / (np.linalg.norm(all_hidden, axis=-1) * np.linalg.norm(mean) + 1e-7)
        inside = np.zeros(seeds.shape, bool)
        inside[box[1]:box[3] + 1, box[0]:box[2] + 1] = True
        seeds[inside & (seeds == label) & (likeness < threshold)] = 255
    return costs / points + differences / pairs, seeds


def gated_crf(probabilities, colours: np.ndarray, radius: int = 5):
    """The loss of `(row, column, class)` probabilities and colours; cells outside are pixels of zeros."""
    rows, columns, _ = colours.shape
    place = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), axis=-1) / 6.0
    looks = np.concatenate([place, colours / 0.1], axis=-1)
    framed_looks = np.pad(looks, ((radius, radius), (radius, radius), (0, 0)))
    framed = tf.pad(probabilities, ((radius, radius), (radius, radius), (0, 0)))
    total = 0.0
    for dy, dx in np.ndindex(2 * radius + 1, 2 * radius + 1):
        if (dy, dx) != (radius, radius):
            unlike = np.square(framed_looks[dy:dy + rows, dx:dx + columns] - looks).sum(axis=-1)
            alike = tf.reduce_sum(probabilities * framed[dy:dy + rows, dx:dx + columns], axis=-1)
            total += tf.reduce_sum(np.exp(-0.5 * unlike) * (1 - alike))
    return total / (rows * columns)


def adam(weights, gradients, moments, step: int, rate: float, decay: float = 5e-4):
    """PyTorch's step; returns new weights and moments, pairs of running means."""
    found, kept = [], []
    for weight, gradient, (first, second) in zip(weights, gradients, moments, strict=True):
        gradient = gradient + decay * weight
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        size = np.sqrt(second / (1 - 0.999**step)) + 1e-8
        found.append(weight - rate * first / (1 - 0.9**step) / size)
        kept.append((first, second))
    return found, kept


class DenseSolver:
    """Trains the network on one image, an epoch at a time."""

    def __init__(self, features, affinity, joined, grid, seeds, weights, *, rate=0.03, crf_weight=0.0, colours=None,
                 boxes=(), labels=(), threshold=0.0, dtype="float64"):
        self.arrays = [tf.constant(value, dtype) for value in (features, affinity, joined)]
        self.grid, self.seeds, self.dtype = grid, np.array(seeds, np.int64), dtype
        self.weights = [np.array(value, dtype) for value in weights]
        self.moments, self.step = [(0.0, 0.0)] * 3, 0
        self.rate, self.crf_weight, self.colours = rate, crf_weight, colours
        self.boxes, self.labels, self.threshold = boxes, labels, threshold

    def losses(self, weights, kept=None) -> dict:
        """Returns the parts of the loss; the consistency check takes seeds away for good."""
        logits, hidden = network(weights, *self.arrays, kept)
        large, parts = enlarge(logits, self.grid, self.seeds.shape), {}
        if len(self.boxes):
            parts["points"], self.seeds = multi_point(large, enlarge(hidden, self.grid, self.seeds.shape), self.seeds,
                                                      self.boxes, self.labels, self.threshold)
        parts["background"], parts["foreground"] = seed_losses(large, self.seeds)
        if self.crf_weight:
            parts["crf"] = gated_crf(tf.nn.softmax(tf.reshape(logits, (*self.grid, -1))), self.colours)
        return parts

    def epoch(self, kept=None) -> tuple[dict, list]:
        """Makes one step; returns the parts of the loss and the gradients before it."""
        weights, self.step = [tf.constant(value) for value in self.weights], self.step + 1
        with tf.GradientTape() as tape:
            tape.watch(weights)
            parts = self.losses(weights, kept)
            total = sum(value * (self.crf_weight if key == "crf" else 1) for key, value in parts.items())
        gradients = [np.asarray(value) for value in tape.gradient(total, weights)]
        self.weights, self.moments = adam(self.weights, gradients, self.moments, self.step, self.rate)
        return {**{key: float(value) for key, value in parts.items()}, "total": float(total)}, gradients

    def probabilities(self, size) -> np.ndarray:
        """Returns the class probabilities at a size, without dropout."""
        logits, _ = network([tf.constant(value) for value in self.weights], *self.arrays)
        return tf.nn.softmax(enlarge(logits, self.grid, size)).numpy()
