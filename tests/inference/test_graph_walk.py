import numpy as np
import pytest

from tests.support.graphs import dense_of, half_of
from tests.support.oracles.dense_graph import enlarging
from tfwsss.artefacts.scores import Scores
from tfwsss.inference.graph_walk import GraphWalk, mix_with_walk, mixed, walked_planes

RANDOM = np.random.default_rng(0)


def affinity_of(rows, columns, pairs=24):
    return RANDOM.random((rows, columns, pairs)).astype("float32") ** 0.2


def dense_walk(planes, affinity, stride, sharpness, steps):
    """Squares nothing: the matrix power of the published rule, on cells filled up with 0."""
    rows, columns, _ = affinity.shape
    matrix, _ = dense_of(affinity)
    matrix = matrix**sharpness
    power = np.linalg.matrix_power(matrix / matrix.sum(axis=0), steps)
    full = np.zeros((rows * stride, columns * stride, planes.shape[-1]))
    full[:planes.shape[0], :planes.shape[1]] = planes
    cells = full.reshape(rows, stride, columns, stride, -1).mean(axis=(1, 3)).reshape(rows * columns, -1)
    walked = (cells.T @ power).T.reshape(rows, columns, -1)
    large = np.einsum("ty,yxp,sx->tsp", enlarging(rows, rows * stride), walked, enlarging(columns, columns * stride))
    return large[:planes.shape[0], :planes.shape[1]]


@pytest.mark.parametrize(("size", "steps"), [((24, 32), 64), ((21, 30), 64), ((21, 30), 0), ((3, 3), 5)])
def test_planes_walk_along_the_graph_of_the_padded_image(size, steps):
    affinity, planes = affinity_of(*(-(-side // 4) for side in size)), RANDOM.random((*size, 3))
    for radius, pairs in ((1, 4), (3, 24)):
        own = affinity[..., :pairs]
        found = walked_planes(planes, own, 4, 8.0, steps)
        np.testing.assert_allclose(found, dense_walk(planes, own, 4, 8.0, steps), atol=1e-5, err_msg=str(radius))


def test_a_walk_by_hand():
    """Three cells of one pixel; the score map (1, 0, 0) becomes the first row of the 64th power."""
    affinity = half_of(np.array([[1, 0.9, 0], [0.9, 1, 0.5], [0, 0.5, 1]]), 1, 3, 1)[0]
    found = walked_planes(np.array([[[1.0], [0], [0]]]), affinity, 1)
    np.testing.assert_allclose(found[0, :, 0], [0.463939, 0.462298, 0.103307], atol=1e-6)


@pytest.mark.parametrize("classes", [(0, 2), (1,), ()])
def test_walked_maps_of_an_image_are_added_to_its_probabilities(classes):
    """Maps in parts of their largest value; the background is what they leave, to the sixth power."""
    size, affinity = (22, 31), affinity_of(6, 8)
    maps = (RANDOM.random((len(classes), *size)) * 5 - 1).astype("float16")
    probabilities = RANDOM.dirichlet(np.ones(4), size).astype("float32")
    found = mix_with_walk(GraphWalk(), probabilities, Scores(np.array(classes, np.int32), maps, size), affinity, 4)
    planes = np.zeros((*size, 4))
    for place, label in enumerate(classes):
        own = np.maximum(maps[place].astype(float), 0)
        planes[..., label + 1] = own / own.max()
    planes[..., 0] = (1 - planes[..., 1:].max(axis=-1)) ** 6
    total = probabilities + 3 * dense_walk(planes, affinity, 4, 8, 64)
    np.testing.assert_allclose(found, total / total.sum(axis=-1, keepdims=True), atol=1e-5)
    weightless = GraphWalk(weight=0.0)
    again = mix_with_walk(weightless, probabilities, Scores(np.array(classes, np.int32), maps, size), affinity, 4)
    np.testing.assert_allclose(again, probabilities, atol=1e-6)


def test_mixed_planes_add_up_to_one():
    found = np.asarray(mixed(np.array([[[0.5, 0.5]]]), np.array([[[0.0, 0.5]]]), 3.0))
    np.testing.assert_allclose(found, [[[0.2, 0.8]]], atol=1e-7)
