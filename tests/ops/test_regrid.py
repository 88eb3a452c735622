import numpy as np
import pytest
import tensorflow as tf

from tfwsss.ops.regrid import regrid


@pytest.mark.parametrize(("step", "new_step"), [(8, 14), (14, 8), (16, 16), (3, 1)])
def test_it_reads_between_the_positions(step, new_step):
    """Line by line as NumPy interpolates, whose ends also keep their value."""
    x = np.random.default_rng(0).normal(size=(2, 4, 6, 3)).astype("float32")
    graph = tf.function(lambda x: regrid(x, step, 5, 7, new_step), autograph=False,
                        input_signature=[tf.TensorSpec((None, None, None, 3))])
    across = np.apply_along_axis(lambda line: np.interp(np.arange(7) * new_step, np.arange(6) * step, line), 2, x)
    expected = np.apply_along_axis(lambda line: np.interp(np.arange(5) * new_step, np.arange(4) * step, line), 1,
                                   across)
    np.testing.assert_allclose(graph(x), expected, atol=1e-5)


def test_its_own_grid_is_the_identity():
    x = np.random.default_rng(0).normal(size=(1, 3, 5, 2)).astype("float32")
    np.testing.assert_array_equal(regrid(x, 8, 3, 5, 8), x)
