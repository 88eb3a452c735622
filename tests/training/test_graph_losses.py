"""The parts by themselves; whole trainings are compared in `test_graph_solver`."""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.graphs import problem
from tests.support.oracles import dense_graph
from tfwsss.training.graph_group import laid_out
from tfwsss.training.graph_losses import PARTS, GraphLosses
from tfwsss.training.graph_problem import prepare
from tfwsss.training.graph_settings import FOR_BOXES, Form, GraphSettings, numbers_of

STRIDE, NUM_IDS = 4, 5


def group_of(*given):
    ones = [prepare(one, NUM_IDS, STRIDE, 6, 3, 255, 0) for one in given]
    return ones, tf.nest.map_structure(tf.constant, laid_out(ones, GraphSettings()))


def losses_of(group, settings):
    numbers = {name: tf.constant(value) for name, value in numbers_of(settings).items()}
    return GraphLosses(group, Form.of(settings, NUM_IDS, STRIDE, 12), numbers)


@pytest.mark.parametrize("settings", [GraphSettings(), FOR_BOXES], ids=["tags", "boxes"])
def test_parts_of_each_image(settings):
    """Two images of unlike sizes; what logits and features hold beyond an image does not count."""
    given = [problem((21, 26), STRIDE, NUM_IDS, "a", boxes=True), problem((32, 9), STRIDE, NUM_IDS, "b", seed=1)]
    ones, group = group_of(*given)
    random = np.random.default_rng(0)
    logits = random.normal(size=(2, 8, 8, NUM_IDS)).astype("float32")
    hidden = random.random((2, 8, 8, 6)).astype("float32")
    losses = losses_of(group, settings)
    parts, kept = losses(tf.constant(logits), tf.constant(hidden), losses.all_kept())
    assert PARTS == ("background", "foreground", "points", "crf")
    np.testing.assert_array_equal(kept, group["ids"] >= 0)
    for place, (one, problem_) in enumerate(zip(ones, given, strict=True)):
        (rows, columns), seeds = one.grid, np.full([side * STRIDE for side in one.grid], 255)
        seeds[:problem_.seeds.shape[0], :problem_.seeds.shape[1]] = problem_.seeds
        nodes = [tf.constant(each[place, :rows, :columns].reshape(rows * columns, -1), tf.float64)
                 for each in (logits, hidden)]
        large = [dense_graph.enlarge(each, one.grid, seeds.shape) for each in nodes]
        expected = [*dense_graph.seed_losses(large[0], seeds), 0.0, 0.0]
        if settings.boxes and len(one.boxes):
            expected[2] = dense_graph.multi_point(*large, seeds, one.boxes, one.labels)[0]
        probabilities = tf.nn.softmax(tf.reshape(nodes[0], (rows, columns, -1)))
        expected[3] = dense_graph.gated_crf(probabilities, problem_.colours)
        np.testing.assert_allclose(parts[place], [float(value) for value in expected], rtol=2e-5)


def test_weights_of_the_parts():
    _, group = group_of(problem((8, 8), STRIDE, NUM_IDS))
    losses = losses_of(group, GraphSettings(epochs=(2, 1)))
    np.testing.assert_allclose(losses.weights(tf.constant(1)), [1, 1, 1, 0])
    np.testing.assert_allclose(losses.weights(tf.constant(2)), [1, 1, 1, 0.3])
