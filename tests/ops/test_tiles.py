import keras
import numpy as np
import pytest

from tests.support.arrays import gradient
from tfwsss.ops.offsets import half_window, window
from tfwsss.ops.tiles import (
    add_back,
    around_tiles,
    from_tiles,
    radius_of,
    spread_windows,
    tiling,
    to_tiles,
    whole_windows,
)

CASES = [(8, 3, (2, 13, 17, 3)), (4, 4, (1, 9, 6, 2)), (5, 0, (1, 9, 6, 2)), (8, 8, (1, 1, 1, 1)), (2, 1, (3, 4, 4, 1))]


def values(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize(("side", "radius", "shape"), CASES)
def test_tiles_with_their_surroundings(side, radius, shape):
    """Cut out of the padded map one by one."""
    x = values(shape)
    down, right = -(-shape[1] // side), -(-shape[2] // side)
    full = np.pad(x, ((0, 0), (radius, down * side - shape[1] + radius), (radius, right * side - shape[2] + radius),
                      (0, 0)))
    wide = side + 2 * radius
    expected = [full[:, y * side:y * side + wide, z * side:z * side + wide].reshape(shape[0], wide**2, shape[3])
                for y in range(down) for z in range(right)]
    np.testing.assert_array_equal(around_tiles(x, tiling(*shape[1:3], side, radius)), np.stack(expected, axis=1))
    np.testing.assert_array_equal(to_tiles(x, side), around_tiles(x, tiling(*shape[1:3], side, 0)))
    np.testing.assert_array_equal(from_tiles(to_tiles(x, side), *shape[1:3], side), x)


@pytest.mark.parametrize(("side", "radius", "shape"), CASES)
def test_a_product_of_tiles_is_a_sum_over_windows(side, radius, shape):
    x, weights = values(shape), values((*shape[:3], len(window(radius))), 1)
    framed = np.pad(x, ((0, 0), (radius, radius), (radius, radius), (0, 0)))
    expected = sum(weights[..., k, None] * framed[:, radius + dy:radius + dy + shape[1],
                                                  radius + dx:radius + dx + shape[2]]
                   for k, (dy, dx) in enumerate(window(radius)))
    read = np.asarray(around_tiles(x, tiling(*shape[1:3], side, radius)))
    tiles = np.asarray(spread_windows(weights, side, radius)) @ read
    np.testing.assert_allclose(from_tiles(tiles, *shape[1:3], side), expected, atol=1e-5)


@pytest.mark.parametrize(("side", "radius", "shape"), CASES)
def test_gradients_come_back_from_every_tile_that_reads(side, radius, shape):
    """The transpose: sums of products agree."""
    tiles, x = tiling(*shape[1:3], side, radius), keras.Variable(values(shape))
    upstream = values(around_tiles(x.value, tiles).shape, 1)
    found = gradient(lambda: keras.ops.sum(around_tiles(x.value, tiles) * upstream), [x])[0]
    np.testing.assert_allclose(found.reshape(shape[0], -1, shape[3]), add_back(upstream, tiles), atol=1e-6)
    other = values(shape, 2)
    read = np.asarray(around_tiles(other, tiles))
    np.testing.assert_allclose((found * other).sum(), (upstream * read).sum(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("radius", [1, 2, 4])
def test_whole_windows_hold_both_ways_of_a_pair(radius):
    half = values((2, 5, 7, len(half_window(radius))))
    found = np.asarray(whole_windows(half, radius, 0.5))
    offsets = {offset: k for k, offset in enumerate(half_window(radius))}
    for b, y, x, k in np.ndindex(*found.shape):
        dy, dx = window(radius)[k]
        if (dy, dx) in offsets:
            expected = half[b, y, x, offsets[dy, dx]]
        elif (dy, dx) == (0, 0):
            expected = 0.5
        else:
            there = 0 <= y + dy < 5 and 0 <= x + dx < 7
            expected = half[b, y + dy, x + dx, offsets[-dy, -dx]] if there else 0
        assert found[b, y, x, k] == np.float32(expected)


def test_what_no_window_has_is_refused():
    with pytest.raises(ValueError, match="received 9 offsets"):
        radius_of(9)
    with pytest.raises(ValueError, match="received 3, expected 0 to the side of the tiles, 2"):
        tiling(4, 4, 2, 3)
