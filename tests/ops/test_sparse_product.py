import keras
import numpy as np

from tests.support.arrays import gradient
from tfwsss.ops.sparse_product import sparse_product, sparse_rows


def test_products_and_gradients_are_those_of_the_dense_matrix():
    """A column may come twice in a row, a row may be empty, and the matrix of no rows gives none."""
    random = np.random.default_rng(0)
    places, shares = random.integers(0, 7, (9, 4)), random.random((9, 4)).astype("float32")
    places[0], shares[3] = 2, 0
    dense = np.zeros((9, 7), "float32")
    np.add.at(dense, (np.arange(9)[:, None], places), shares)
    values = keras.Variable(random.normal(size=(7, 3)).astype("float32"))
    upstream = random.normal(size=(9, 3)).astype("float32")
    matrix = sparse_rows(places, shares, 7)
    np.testing.assert_allclose(sparse_product(matrix, values.value), dense @ np.asarray(values), atol=1e-6)
    found = gradient(lambda: keras.ops.sum(sparse_product(matrix, values.value) * upstream), [values])[0]
    np.testing.assert_allclose(found, dense.T @ upstream, atol=1e-6)
    assert sparse_product(sparse_rows(places[:0], shares[:0], 7), values.value).shape == (0, 3)
