import cv2
import numpy as np
import pytest

from tfwsss.layers.patches import PatchTokens, TokenMap, WholePatches


@pytest.mark.parametrize(("side", "corners", "expected"), [
    (8, False, [*range(1, 9)]), (9, False, [*range(1, 10), 0, 0, 0]), (1, False, [1, 0, 0, 0]),
    (9, True, [0, 0, *range(1, 10), 0]), (8, True, [0, 0, *range(1, 7)]), (1, True, [0, 0, 1, 0])])
def test_where_patches_lie(side, corners, expected):
    x = np.arange(1, side + 1, dtype="float32").reshape(1, side, 1, 1).repeat(3, axis=2)
    assert np.array(WholePatches(4, corners)(x))[0, :, 2 if corners else 0, 0].tolist() == expected


@pytest.mark.parametrize("cubic", [False, True])
def test_positions_are_resized_as_opencv_does(cubic):
    layer = PatchTokens(5, cubic)
    x = np.zeros((2, 3, 7, 4), "float32")
    layer(x)
    table = np.random.default_rng(0).normal(size=(26, 4)).astype("float32")
    layer.positions.assign(table)
    layer.class_token.assign([1.0, 2, 3, 4])
    rule = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    resized = cv2.resize(table[1:].reshape(5, 5, 4), (7, 3), interpolation=rule)
    found = np.array(layer(x))
    np.testing.assert_allclose(found[:, 1:], np.stack([resized.reshape(21, 4)] * 2), atol=1e-5)
    np.testing.assert_allclose(found[:, 0], [table[0] + [1, 2, 3, 4]] * 2, atol=1e-6)
    np.testing.assert_array_equal(layer.table(5, 5), table)


def test_maps_are_the_tokens_row_by_row():
    x = np.arange(24, dtype="float32").reshape(1, 2, 3, 4)
    layer = PatchTokens(3)
    layer(x)
    layer.positions.assign(np.zeros((10, 4)))
    np.testing.assert_array_equal(TokenMap()(layer(x), x[..., :1]), x)
