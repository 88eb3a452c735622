"""Superpixels against a slow walk over the edges and the maps that the original tool drew.

Recorded: `icd_superpixels.npz` holds `coffee` and `blocks` of the shared file fixtures/icd/superpixels.npz.
"""

import numpy as np
import pytest

from tests.support.arrays import recorded
from tests.support.shared import shared_file
from tfwsss.errors import UserError
from tfwsss.refine.superpixels import KINDS, felzenszwalb, slic, superpixels

SIZES = ((1, 1), (1, 7), (7, 1), (2, 2), (1, 300), (3, 160), (23, 31))


def slow_smooth(image, sigma):
    """The tool's filter: float32, sums from the centre outwards, along columns and then rows."""
    sigma = np.float32(max(sigma, 0.01))
    steps = [np.float32(i) / sigma for i in range(int(np.ceil(4 * sigma)) + 1)]
    taps = [np.float32(np.exp(-0.5 * float(step * step))) for step in steps]
    total = np.float32(0)
    for tap in taps[1:]:
        total += tap
    taps = [tap / (np.float32(2) * total + taps[0]) for tap in taps]
    image = image.astype(np.float32)
    for axis in (1, 0):
        out = np.zeros_like(image)
        last = image.shape[axis] - 1
        for i in range(last + 1):
            sums = taps[0] * image.take(i, axis)
            for k, tap in enumerate(taps[1:], 1):
                sums = sums + tap * (image.take(max(i - k, 0), axis) + image.take(min(i + k, last), axis))
            out[(slice(None),) * axis + (i,)] = sums
        image = out
    return image


def slow_felzenszwalb(image, scale=75.0, sigma=0.8, min_size=75):
    """Every edge of every pixel, a stable sort, one edge after the other, members in sets."""
    smooth = slow_smooth(image, sigma)
    rows, columns = image.shape[:2]
    edges = []
    for y, x in np.ndindex(rows, columns):
        for dy, dx in ((0, 1), (1, 0), (1, 1), (-1, 1)):
            if 0 <= y + dy < rows and x + dx < columns:
                square = np.square(smooth[y, x] - smooth[y + dy, x + dx])
                edges.append((np.sqrt(square[0] + square[1] + square[2]), (y, x), (y + dy, x + dx)))
    edges.sort(key=lambda edge: edge[0])
    group = {place: {place} for place in np.ndindex(rows, columns)}
    threshold = {place: np.float32(scale) for place in group}      # of the group that the place is in

    def join(one, other, weight):
        members = group[one] | group[other]
        for place in members:
            group[place] = members
            threshold[place] = weight + np.float32(scale) / np.float32(len(members))

    for weight, one, other in edges:
        if other not in group[one] and weight <= threshold[one] and weight <= threshold[other]:
            join(one, other, weight)
    for weight, one, other in edges:
        if other not in group[one] and min(len(group[one]), len(group[other])) < min_size:
            join(one, other, weight)
    ids, seen = np.zeros((rows, columns), np.int32), {}
    for place in np.ndindex(rows, columns):
        ids[place] = seen.setdefault(min(group[place]), len(seen))
    return ids


def pictures(rows, columns):
    """Noise, few colours in blocks (many equal edges), a ramp, one colour."""
    rng = np.random.default_rng(rows * 1000 + columns)
    noise = rng.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    blocks = np.kron(rng.integers(0, 3, (rows // 5 + 1, columns // 6 + 1, 3)) * 40, np.ones((5, 6, 1)))
    ramp = np.broadcast_to((np.arange(columns) * 3 % 256)[None, :, None], (rows, columns, 3))
    return noise, blocks[:rows, :columns].astype(np.uint8), ramp.astype(np.uint8), np.full_like(noise, 127)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("scale", "sigma", "min_size"), [(75, 0.8, 75), (20, 0.5, 5), (300, 0, 0), (0, 1.2, 3)])
def test_equals_the_slow_walk(size, scale, sigma, min_size):
    for image in pictures(*size):
        expected = slow_felzenszwalb(image, scale, sigma, min_size)
        np.testing.assert_array_equal(felzenszwalb(image, scale, sigma, min_size), expected)


def test_equals_the_slow_walk_where_many_blocks_of_edges_are_settled():
    rng = np.random.default_rng(4)
    image = np.kron(rng.integers(0, 256, (6, 7, 3)), np.ones((12, 12, 1))) + rng.normal(0, 12, (72, 84, 3))
    image = np.clip(image, 0, 255).astype(np.uint8)
    expected = slow_felzenszwalb(image, min_size=40)
    assert 10 < expected.max() < 200
    np.testing.assert_array_equal(felzenszwalb(image, min_size=40), expected)


@pytest.mark.parametrize("name", ["coffee", "blocks"])
def test_equals_the_original_tool(name):
    arrays = recorded("icd_superpixels")
    ours = felzenszwalb(arrays[f"{name}_rgb"])
    np.testing.assert_array_equal(ours, arrays[f"{name}_sp"])
    assert ours.dtype == np.int32


def test_equals_the_original_tool_on_the_larger_photograph():
    with np.load(shared_file("fixtures/icd/superpixels.npz"), allow_pickle=False) as arrays:
        np.testing.assert_array_equal(felzenszwalb(arrays["astronaut_rgb"]), arrays["astronaut_sp"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
def test_ids_are_numbered_in_raster_order(kind, size):
    for image in pictures(*size):
        ids = superpixels(image, kind, segments=12)
        assert ids.shape == size and ids.dtype == np.int32
        found, first = np.unique(ids, return_index=True)
        np.testing.assert_array_equal(found, np.arange(len(found)))
        assert (np.diff(first) > 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_every_superpixel_is_connected(kind):
    from scipy.ndimage import label

    for image in pictures(40, 50):
        ids = superpixels(image, kind, min_size=10, segments=20)
        for region in range(ids.max() + 1):
            assert label(ids == region, np.ones((3, 3)))[1] == 1


def test_none_is_smaller_than_the_least_size():
    for image in pictures(40, 50):
        assert np.bincount(felzenszwalb(image, min_size=33).ravel()).min() >= 33


def test_transposed_noise_gives_as_many_superpixels_as_the_slow_walk_and_not_one():
    image = pictures(24, 30)[0].transpose(1, 0, 2)
    ours = felzenszwalb(image, scale=10, min_size=8)
    np.testing.assert_array_equal(ours, slow_felzenszwalb(image, scale=10, min_size=8))
    assert ours.max() > 3


def test_does_not_change_the_image():
    image = pictures(12, 15)[0]
    before = image.copy()
    felzenszwalb(image)
    slic(image)
    np.testing.assert_array_equal(image, before)


def test_slic_makes_about_as_many_as_asked():
    image = pictures(60, 80)[2]
    assert 8 <= slic(image, segments=20, compactness=30).max() + 1 <= 30
    assert slic(image, segments=1).max() == 0


def test_mistakes_are_named():
    image = pictures(3, 4)[0]
    with pytest.raises(UserError, match="'quickshift'.*felzenszwalb, slic"):
        superpixels(image, "quickshift")
    with pytest.raises(UserError, match=r"received \(3, 4\)"):
        superpixels(image[..., 0])
    with pytest.raises(UserError, match="scale -1"):
        felzenszwalb(image, scale=-1)
    with pytest.raises(UserError, match="segments 0"):
        slic(image, segments=0)
