"""Recorded: `a2gnn_affinity_training_loss.npz` and `a2gnn_affinity_loss_hand.npz`, whole copies of shared files."""

import keras
import numpy as np
import pytest

from tests.support.arrays import channels_last, gradient, recorded
from tfwsss.losses.window_affinity import WindowAffinityLoss, gated_distance
from tfwsss.ops.offsets import window
from tfwsss.ops.resize import resize
from tfwsss.ops.window_kernel import window_kernel


def whole(loss, features, labels, kernel):
    """Returns A2GNN's loss of its affinity network: seeds, and 3 times the pixels."""
    distance = loss.distance(features)
    terms = loss.terms(labels, features, distance)
    seeds = keras.ops.matmul(terms, keras.ops.convert_to_tensor(loss.weights))
    crf = 3.0 * gated_distance(kernel, distance)
    return [keras.ops.mean(part, axis=0) for part in (terms, crf, seeds + crf)]


@pytest.mark.parametrize("radius", [3, 4])
def test_training_loss_and_gradient_as_recorded(radius):
    data, loss = recorded("a2gnn_affinity_training_loss"), WindowAffinityLoss(radius)
    features, labels = keras.Variable(channels_last(data["x"])), data["label"].astype("int32")
    image = np.asarray(resize(channels_last(data["image"]), 6, 7))
    kernel = window_kernel(image, radius, inside=data["cropping"])
    terms, crf, total = whole(loss, features.value, labels, kernel)
    expected = [data[f"r{radius}_{name}_loss"] for name in ("bg", "fg", "neg")]
    np.testing.assert_allclose(terms, expected, rtol=1e-5)
    np.testing.assert_allclose([crf, total], [data[f"r{radius}_crf_loss"], data[f"r{radius}_loss"]], rtol=1e-5)
    found = gradient(lambda: whole(loss, features.value, labels, kernel)[2], [features])[0]
    expected = channels_last(data[f"r{radius}_grad_x"])
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_three_positions_by_hand():
    data, loss = recorded("a2gnn_affinity_loss_hand"), WindowAffinityLoss(1)
    features, labels = channels_last(data["x"]), data["label"].astype("int32")
    terms, crf, total = whole(loss, features, labels, window_kernel(np.zeros((1, 1, 3, 3), "float32"), 1))
    # the background with 7 cells outside and itself; the class with itself; 2 pairs and 6 cells outside are unlike
    near, far = np.exp([-1.0, -2.0])
    by_hand = [-7 / 8 * np.log(near + 1e-5), -1e-5, -(2 * np.log(1 - near) + 6 * np.log(1 - far)) / 8]
    np.testing.assert_allclose(terms, by_hand, atol=2e-5)
    np.testing.assert_allclose([*terms, crf, total], [data[f"{name}loss"] for name in
                                                      ("bg_", "fg_", "neg_", "crf_", "")], rtol=1e-5)
    inner = WindowAffinityLoss(1, mask_border=True)
    terms, _, _ = whole(inner, features, labels, window_kernel(np.zeros((1, 1, 3, 3), "float32"), 1))
    np.testing.assert_allclose(terms, [0, 0, -np.log(1 - near)], atol=2e-5)


@pytest.mark.parametrize("mask_border", [False, True])
def test_all_pairs_of_all_windows_are_counted(mask_border):
    random = np.random.default_rng(1)
    features = random.normal(size=(2, 4, 5, 3)).astype("float32")
    labels = random.choice([0, 2, 3, 255], (2, 4, 5))
    sums, counts = np.zeros((2, 3)), np.zeros(3)
    for image, row, column, (dy, dx) in ((*place, step) for place in np.ndindex(2, 4, 5) for step in window(2)):
        y, x = row + dy, column + dx
        on_map = 0 <= y < 4 and 0 <= x < 5
        here, there = labels[image, row, column], labels[image, y, x] if on_map else 0
        if 255 in (here, there) or (mask_border and not on_map):
            continue
        other = features[image, y, x].astype(float) if on_map else np.zeros(3)
        affinity = np.exp(-np.abs(features[image, row, column] - other).mean())
        kind = 2 if here != there else int(here != 0)
        sums[image, kind] -= np.log(1 + 1e-5 - affinity if kind == 2 else affinity + 1e-5)
        counts[kind] += 1
    loss = WindowAffinityLoss(2, mask_border)
    expected = 2 * sums / (counts + 1e-5)
    np.testing.assert_allclose(loss.terms(labels, features, loss.distance(features)), expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(loss.call(labels, features), expected @ [0.25, 0.25, 0.5], rtol=1e-4)


def test_without_seeds_there_is_no_loss_and_no_gradient_of_nothing():
    features = keras.Variable(np.zeros((1, 3, 4, 2), "float32"))
    loss, nothing, kernel = WindowAffinityLoss(2), np.full((1, 3, 4), 255), window_kernel(np.zeros((1, 3, 4, 3)), 2)
    assert float(loss(nothing, features.value)) == 0
    found = gradient(lambda: whole(loss, features.value, np.zeros((1, 3, 4)), kernel)[2], [features])[0]
    assert not found.any()                                     # all features are equal
    assert float(gated_distance(window_kernel(np.zeros((1, 3, 4, 3)), 2, inside=np.zeros((1, 3, 4))),
                                np.ones((1, 3, 4, 12)))[0]) == 0


def test_distances_are_averaged_over_the_pairs_of_the_batch():
    random = np.random.default_rng(2)
    image, distance = random.normal(0, 0.1, (2, 3, 4, 3)), random.uniform(0, 1, (2, 3, 4, 4))
    inside = np.ones((2, 3, 4))
    inside[1, :, 2:] = 0
    kernel = window_kernel(image.astype("float32"), 1, inside=inside)
    sums, count = np.zeros(2), 0
    for n, row, column, (dy, dx) in ((*place, step) for place in np.ndindex(2, 3, 4) for step in window(1)):
        y, x = row + dy, column + dx
        if not (0 <= y < 3 and 0 <= x < 4 and inside[n, row, column] and inside[n, y, x]):
            continue
        count += 1
        if (dy, dx) != (0, 0):
            first, step = ((row, column), (dy, dx)) if (dy, dx) > (0, 0) else ((y, x), (-dy, -dx))
            unlike = np.sum((image[n, row, column] - image[n, y, x]) ** 2) / 0.01 + (dy * dy + dx * dx) / 36
            sums[n] += np.exp(-unlike / 2) * distance[n][first][kernel.offsets.index(step)]
    np.testing.assert_allclose(gated_distance(kernel, distance), 2 * sums / count, rtol=1e-5)
