import numpy as np
import pytest
from keras import ops

from tfwsss.ops.weighted_samples import SHORT, weighted_samples


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize(("size", "axis"), [((4, 5, 6), 0), ((4, 5, 6), 1), ((4, 5, 6), 2), ((2, SHORT + 1, 3), 1)])
def test_it_is_a_product_with_the_matrix_of_the_taps(size, axis, count):
    random = np.random.default_rng(axis)
    x = random.normal(size=size).astype("float32")
    taps = [(random.integers(0, size[axis], 9), random.normal(size=9).astype("float32")) for _ in range(count)]
    matrix = np.zeros((9, x.shape[axis]))
    for places, weights in taps:
        np.add.at(matrix, (np.arange(9), places), weights)
    wanted = np.moveaxis(np.tensordot(matrix, np.moveaxis(x, axis, 0), 1), 0, axis)
    np.testing.assert_allclose(weighted_samples(x, taps, axis), wanted, atol=1e-5)


def test_the_type_holds():
    taps = [(np.array([0, 0]), np.float32([1, 0.5]))]
    assert ops.dtype(weighted_samples(ops.ones((1, 2), "float16"), taps, axis=0)) == "float16"
