import keras
import numpy as np
import pytest

from tfwsss.backbones.thinning import dense_as_convolutions, thinned
from tfwsss.errors import UserError


def test_regular_positions_along_every_axis():
    array = np.arange(7 * 7 * 4096).reshape(7, 7, 4096)
    found = thinned(array, (3, 3, 1024))
    for row, column, channel in ((0, 0, 0), (0, 2, 1), (2, 1, 1023)):
        assert found[row, column, channel] == array[3 * row, 3 * column, 4 * channel]
    np.testing.assert_array_equal(thinned(array, array.shape), array)
    assert thinned(array, (1, 1, 1)).item() == 0


def test_dense_layers_read_as_convolutions_see_the_same_corner_middle_and_end():
    """A dense layer whose weights are 0 but at kept positions equals the convolution at the image's middle."""
    random = np.random.default_rng(0)
    first, second = random.normal(size=(7, 7, 2, 12)), random.normal(size=(12, 12))
    first[[1, 2, 4, 5]] = first[:, [1, 2, 4, 5]] = 0
    second[[i for i in range(12) if i % 3]] = 0
    biases = random.normal(size=(2, 12))
    made = dense_as_convolutions([first.reshape(98, 12), biases[0]], [second, biases[1]], inputs=2, channels=4)
    features = random.normal(size=(1, 7, 7, 2)).astype("float32")
    hidden = keras.ops.relu(features.reshape(1, 98) @ first.reshape(98, 12) + biases[0])
    expected = (np.asarray(hidden) @ second + biases[1])[0, ::3]
    x = features
    for name, dilation in (("fc6", 3), ("fc7", 1)):
        kernel, bias = made[name]
        x = keras.ops.conv(x, kernel.astype("float32"), dilation_rate=dilation) + bias
        x = keras.ops.relu(x) if name == "fc6" else x
    np.testing.assert_allclose(np.asarray(x)[0, 0, 0], expected[:4], rtol=1e-4)


def test_what_cannot_be_thinned_is_refused():
    with pytest.raises(UserError, match=r"shape \(4,\) cannot be thinned to \(5,\)"):
        thinned(np.zeros(4), (5,))
    dense = [np.zeros((2 * 3 * 5, 4)), np.zeros(4)]
    with pytest.raises(UserError, match="first dense layer sees 30 numbers; expected a square"):
        dense_as_convolutions(dense, dense, inputs=5, channels=2)
