"""Recorded: `a2gnn_gated_crf.npz`, `a2gnn_gated_crf_hand.npz` and `a2gnn_affinity_regulariser.npz`, whole copies of the
shared files of A2GNN."""

import numpy as np
import pytest

from tests.support.arrays import channels_last, recorded
from tfwsss.ops.offsets import half_window, window
from tfwsss.ops.window_kernel import Gaussian, window_kernel


def dense(image, radius, gaussians, inside=None):
    """Returns the whole window's kernel (row, column, offset) and which cells are outside, from the equation."""
    rows, columns, channels = image.shape
    inside = np.ones((rows, columns), bool) if inside is None else inside
    found = np.zeros((rows, columns, len(window(radius))))
    outside = np.zeros(found.shape, bool)
    for row, column, k in np.ndindex(found.shape):
        dy, dx = window(radius)[k]
        there = (row + dy, column + dx)
        on_map = all(0 <= place < side for place, side in zip(there, (rows, columns), strict=True)) and inside[there]
        outside[row, column, k] = not on_map
        place, colour = (there, image[there]) if on_map else ((0, 0), np.zeros(channels))
        if (dy, dx) == (0, 0) or not inside[row, column]:
            continue
        for weight, position, deviation in gaussians:
            exponent = 0.0 if position is None else ((place[0] - row) ** 2 + (place[1] - column) ** 2) / position**2
            if deviation is not None:
                exponent += np.sum((colour.astype(float) - image[row, column]) ** 2) / deviation**2
            found[row, column, k] += weight * np.exp(-exponent / 2)
    return found, outside


@pytest.mark.parametrize(("radius", "gaussians"), [
    (1, [Gaussian()]), (3, [Gaussian(0.9, 6.0, 0.5), Gaussian(0.1, 2.0, None)]), (2, [Gaussian(2.0, None, 0.4)])])
@pytest.mark.parametrize("filled", [False, True])
def test_kernel_is_that_of_the_equation(radius, gaussians, filled):
    images = np.random.default_rng(radius).normal(0, 0.3, (2, 5, 6, 3)).astype("float32")
    inside = np.ones((2, 5, 6), bool)
    if filled:
        inside[0, 4:], inside[0, :, 4:] = False, False
    kernel = window_kernel(images, radius, gaussians, inside if filled else None)
    assert kernel.offsets == half_window(radius)
    for image, own, pairs, outside in zip(images, inside, kernel.pairs, kernel.outside, strict=True):
        expected, beyond = dense(image, radius, gaussians, own)
        half = np.where(beyond, 0, expected)[..., -len(half_window(radius)):]
        np.testing.assert_allclose(np.moveaxis(pairs, 0, -1), half, rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(outside, np.where(beyond, expected, 0).sum(-1), rtol=1e-4, atol=1e-6)


def test_released_kernels_as_recorded():
    for name, key in (("gated_crf", "kernel_r1"), ("gated_crf_hand", "kernel")):
        data = recorded(f"a2gnn_{name}")
        images = channels_last(data["rgb"])
        kernel, expected = window_kernel(images, 1), data[key].reshape(len(images), 9, *images.shape[1:3])
        beyond = np.moveaxis([dense(image, 1, [])[1] for image in images], -1, 1)
        np.testing.assert_allclose(kernel.pairs, np.where(beyond, 0, expected)[:, 5:], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(kernel.outside, np.where(beyond, expected, 0).sum(1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("radius", "gaussian"), [(0, Gaussian()), (1, Gaussian(1.0, 0)), (1, Gaussian(1.0, 1.0, -1))])
def test_windows_and_deviations_of_nothing_are_refused(radius, gaussian):
    with pytest.raises(ValueError, match="radius of at least 1 and deviations above 0"):
        window_kernel(np.zeros((1, 2, 2, 3), "float32"), radius, [gaussian])


def test_kernels_of_all_pairs_as_the_affinity_networks_loss_recorded_them():
    data = recorded("a2gnn_affinity_regulariser")
    images, radius = channels_last(data["rgb"]), int(data["radius"])
    kernel, half = window_kernel(images, radius), len(half_window(radius))
    found = np.zeros((2, 49, 5, 6))
    for image, row, column in np.ndindex(2, 5, 6):
        beyond = dense(images[image], radius, [])[1][row, column]
        found[image, beyond, row, column] = np.asarray(kernel.outside)[image, row, column] / max(beyond.sum(), 1)
        for k in np.flatnonzero(~beyond):
            dy, dx = window(radius)[k]
            first = (row, column) if k > half else (row + dy, column + dx)
            if k != half:
                found[image, k, row, column] = kernel.pairs[image, abs(k - half) - 1][first]
    mask = data["mask"].reshape(found.shape)
    distance = data["distance"].reshape(found.shape)
    np.testing.assert_allclose((found * mask * distance).sum() / mask.sum(), data["loss"], rtol=1e-5)
    np.testing.assert_allclose(found * mask / mask.sum(), data["grad"].reshape(found.shape), rtol=1e-4, atol=1e-9)
