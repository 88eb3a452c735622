import keras
import numpy as np
import pytest

from tests.support.arrays import gradient
from tfwsss.losses.gated_crf import GatedCRFLoss
from tfwsss.losses.tiled_crf import tiled_gated_crf, tiled_kernel


def case(rows, columns, radius, batch=2):
    random = np.random.default_rng(0)
    logits = random.normal(size=(batch, rows, columns, 4)).astype("float32")
    image = 0.2 * random.normal(size=(batch, rows, columns, 3)).astype("float32")
    loss = GatedCRFLoss(radius, normaliser="image")
    inside = np.ones((batch, rows, columns))
    inside[1, rows - rows // 3:] = inside[1, :, columns - columns // 4:] = 0
    return keras.Variable(logits), loss, loss.kernel(image, inside)


@pytest.mark.parametrize(("size", "radius"), [((13, 18), 5), ((8, 8), 1), ((3, 20), 3), ((1, 1), 2)])
def test_values_and_gradients_are_those_of_the_loss_that_looks_at_each_offset(size, radius):
    """Of an image that fills the grid and of one that does not."""
    logits, loss, kernel = case(*size, radius)
    tiled, shares = tiled_kernel(kernel), np.array([1.0, 3.0], "float32")

    def ours():
        return keras.ops.sum(tiled_gated_crf(tiled, keras.ops.softmax(logits.value)) * shares)

    def theirs():
        return keras.ops.sum(loss.of_kernel(kernel, keras.ops.softmax(logits.value)) * shares)

    np.testing.assert_allclose(float(ours()), float(theirs()), rtol=1e-5, atol=1e-6)
    expected = gradient(theirs, [logits])[0]
    np.testing.assert_allclose(gradient(ours, [logits])[0], expected, atol=1e-5 * max(np.abs(expected).max(), 1e-3))


def test_three_pixels_by_hand():
    from tfwsss.ops.window_kernel import window_kernel

    probabilities = keras.Variable(np.array([[[[0.8, 0.2], [0.5, 0.5], [0.1, 0.9]]]], "float32"))
    kernel = tiled_kernel(window_kernel(np.zeros((1, 1, 3, 3)), 1))
    np.testing.assert_allclose(float(tiled_gated_crf(kernel, probabilities.value)[0]), 7.170458, rtol=1e-6)
    found = gradient(lambda: tiled_gated_crf(kernel, probabilities.value)[0], [probabilities])[0][0, 0]
    np.testing.assert_allclose(found.T, [[-0.328736, -0.591724, -0.328736], [-0.328736, -0.723219, -0.328736]],
                               atol=1e-6)
