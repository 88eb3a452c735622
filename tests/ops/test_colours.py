import numpy as np

from tfwsss.ops.colours import standardised


def test_colours_are_those_of_imagenets_mean_and_deviation():
    image = np.array([[[123.675, 116.28, 103.53], [123.675 + 58.395, 116.28 - 57.12, 103.53 + 2 * 57.375]]])
    np.testing.assert_allclose(standardised(image), [[[0, 0, 0], [1, -1, 2]]], atol=1e-6)
    np.testing.assert_allclose(standardised(np.zeros((1, 3), "uint8")), [[-2.117904, -2.035714, -1.804444]], atol=1e-5)
