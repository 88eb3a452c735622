"""Recorded: `a2gnn_gated_crf.npz` and `a2gnn_gated_crf_hand.npz`, whole copies of the shared files of A2GNN."""

import keras
import numpy as np
import pytest

from tests.support.arrays import channels_last, gradient, recorded
from tfwsss.errors import UserError
from tfwsss.losses.gated_crf import GatedCRFLoss, gate
from tfwsss.ops.offsets import window
from tfwsss.ops.window_kernel import Gaussian

TWO = (Gaussian(0.9, 6.0, 0.1), Gaussian(0.1, 6.0, None))


def value_and_gradient(loss, image, probabilities, source=None, destination=None):
    """Returns the loss of a batch and its gradient by the probabilities."""
    variable, kernel = keras.Variable(probabilities), loss.kernel(image)

    def mean():
        return keras.ops.mean(loss.of_kernel(kernel, variable.value, source, destination))

    return float(mean()), gradient(mean, [variable])[0]


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return (powers / powers.sum(-1, keepdims=True)).astype("float32")


def pictures(random, size, classes):
    """Returns images of a batch and probabilities."""
    return random.normal(0, 0.1, (*size, 3)).astype("float32"), softmax(random.normal(size=(*size, classes)))


def by_logits(found, probabilities):
    """Leads a gradient by probabilities on to the logits."""
    return probabilities * (found - (found * probabilities).sum(-1, keepdims=True))


@pytest.mark.parametrize(("case", "radius", "gaussians", "masks"), [
    ("r1", 1, (Gaussian(),), ""), ("r2_two_kernels", 2, TWO, ""), ("r2_src", 2, (Gaussian(),), "s"),
    ("r2_dst", 2, (Gaussian(),), "d"), ("r2_src_dst", 2, (Gaussian(),), "sd"), ("r5_a2gnn", 5, (Gaussian(),), "")])
def test_every_case_as_recorded(case, radius, gaussians, masks):
    data = recorded("a2gnn_gated_crf")
    mask, probabilities = data["mask"][:, 0], softmax(channels_last(data["logits"]))
    source = mask if "s" in masks else None
    destination = {"d": mask, "sd": 1 - mask}.get(masks)
    loss, found = value_and_gradient(GatedCRFLoss(radius, gaussians), channels_last(data["rgb"]), probabilities,
                                     source, destination)
    np.testing.assert_allclose(loss, data[f"{case}_loss"], rtol=1e-5)
    np.testing.assert_allclose(found, channels_last(data[f"{case}_grad_softmax"]), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(by_logits(found, probabilities), channels_last(data[f"{case}_grad_logits"]), rtol=1e-4,
                               atol=1e-6)


def test_larger_images_and_masks_are_averaged_as_recorded():
    data = recorded("a2gnn_gated_crf")
    loss, image = GatedCRFLoss(2), channels_last(data["down_rgb"])
    probabilities = softmax(channels_last(data["down_logits"]))
    averaged = image.reshape(1, 4, 2, 4, 2, 3).mean((2, 4))
    found, slope = value_and_gradient(loss, averaged, probabilities, data["down_mask"][:, 0])
    np.testing.assert_allclose(found, data["down_loss"], rtol=1e-5)
    np.testing.assert_allclose(by_logits(slope, probabilities), channels_last(data["down_grad_logits"]), rtol=1e-4,
                               atol=1e-6)
    unmasked = value_and_gradient(loss, averaged, probabilities)[0]
    np.testing.assert_allclose(float(loss(image, probabilities)), unmasked, rtol=1e-5)


def test_three_pixels_by_hand():
    data = recorded("a2gnn_gated_crf_hand")
    probabilities, expected = channels_last(data["y"]), channels_last(data["grad"])
    image = np.zeros((1, 1, 3, 3), "float32")
    like = np.exp(-1 / 72)
    for loss, source, value in ((GatedCRFLoss(1), None, 7.170458), (GatedCRFLoss(1), np.ones((1, 1, 3)), 2 * like / 3),
                                (GatedCRFLoss(1, count_outside=False), None, 2 * like / 3)):
        found, slope = value_and_gradient(loss, image, probabilities, source)
        np.testing.assert_allclose(found, value, rtol=1e-6)
        np.testing.assert_allclose(slope, expected, rtol=1e-5)
    by_hand = -2 / 3 * like * np.array([[0.5, 0.5], [0.9, 1.1], [0.5, 0.5]])         # 0.8 + 0.1 and 0.2 + 0.9
    np.testing.assert_allclose(expected[0, 0], by_hand, rtol=1e-5)


@pytest.mark.parametrize(("masks", "value", "first", "inner", "size"), [
    ("", 9.510798, -0.002349, 0.028379, 1.567994), ("s", 4.239494, -0.003915, 0.030802, 1.496549),
    ("d", 9.129773, -0.003915, 0.030802, 1.496549)])
def test_an_image_by_formula(masks, value, first, inner, size):
    rows, columns, channels = np.mgrid[:4, :5, :3]
    probabilities = softmax(np.sin(channels + 0.7 * rows + 0.4 * columns)[None])
    image = 0.1 * np.cos(0.5 * channels + 0.3 * rows + 0.9 * columns)[None].astype("float32")
    mask = np.pad(np.ones((1, 3, 4)), ((0, 0), (0, 1), (0, 1)))
    found, slope = value_and_gradient(GatedCRFLoss(2), image, probabilities, mask if masks == "s" else None,
                                      mask if masks == "d" else None)
    slope = by_logits(slope, probabilities)
    np.testing.assert_allclose(found, value, atol=2e-6)
    np.testing.assert_allclose([slope[0, 0, 0, 0], slope[0, 2, 3, 1], np.abs(slope).sum()], [first, inner, size],
                               atol=2e-6)


def dense_energy(kernel, probabilities, charges, source, destination):
    """Sums the charged pairs of one image one by one, out of a kernel over half the window."""
    rows, columns, _ = probabilities.shape
    total = 0.0
    for row, column in np.ndindex(rows, columns):
        for dy, dx in window(2):
            there = row + dy, column + dx
            if (dy, dx) == (0, 0) or not (0 <= there[0] < rows and 0 <= there[1] < columns):
                continue
            first, step = ((row, column), (dy, dx)) if (dy, dx) > (0, 0) else (there, (-dy, -dx))
            weight = np.asarray(kernel.pairs)[0, kernel.offsets.index(step)][first]
            pair = probabilities[row, column].astype(float) @ charges @ probabilities[there]
            total += weight * source[there] * destination[row, column] * pair
    return total


def test_compatibilities_charge_what_they_say():
    random = np.random.default_rng(3)
    image, probabilities = pictures(random, (1, 4, 5), 3)
    source, destination = random.integers(0, 2, (2, 4, 5)).astype(float)
    compatibility = [[0.0, 1.0, 3.0], [2.0, 0.0, 2.0], [0.0, 5.0, 0.0]]
    charges = np.array([[0.0, 0.5, 1.5], [1.0, 0.0, 1.0], [0.0, 2.0, 0.0]])          # rows of sum 2
    loss = GatedCRFLoss(2, compatibility=compatibility)
    found, slope = value_and_gradient(loss, image, probabilities, source[None], destination[None])
    kernel = loss.kernel(image)
    expected = dense_energy(kernel, probabilities[0], charges, source, destination)
    np.testing.assert_allclose(found, expected / destination.sum(), rtol=1e-5)
    step = np.zeros((4, 5, 3))
    step[2, 1, 1] = 1e-3
    change = [dense_energy(kernel, probabilities[0] + sign * step, charges, source, destination) for sign in (1, -1)]
    np.testing.assert_allclose(slope[0, 2, 1, 1], (change[0] - change[1]) / 2e-3 / destination.sum(), rtol=1e-4)
    potts = 1.0 - np.eye(3)
    for masks in ({}, {"source": source[None]}, {"source": source[None], "destination": destination[None]}):
        np.testing.assert_allclose(
            GatedCRFLoss(2, compatibility=potts.tolist()).of_kernel(kernel, probabilities, **masks),
            GatedCRFLoss(2, count_outside=False).of_kernel(kernel, probabilities, **masks), rtol=1e-4)


@pytest.mark.parametrize("compatibility", [[[0.0, -1.0], [1.0, 0.0]], [[1.0, 1.0], [1.0, 0.0]], [[0.0, 1.0]]])
def test_what_is_no_compatibility_is_refused(compatibility):
    with pytest.raises(UserError, match="0 on the diagonal"):
        GatedCRFLoss(compatibility=compatibility)


def test_an_unknown_normaliser_is_refused():
    with pytest.raises(UserError, match="'pixel'; expected one of image, batch"):
        GatedCRFLoss(normaliser="pixel")


def test_swapped_masks_have_the_same_gradient_and_colours_only_their_differences():
    random = np.random.default_rng(4)
    image, probabilities = pictures(random, (2, 6, 5), 4)
    mask = random.integers(0, 2, (2, 6, 5)).astype("float32")
    one, other = (value_and_gradient(GatedCRFLoss(3), image, probabilities, *masks)
                  for masks in ((mask, None), (None, mask)))
    assert other[0] > one[0] > 0                                                     # by the cells outside
    np.testing.assert_allclose(one[1], other[1], rtol=1e-5, atol=1e-8)
    moved = value_and_gradient(GatedCRFLoss(3), image + 2, probabilities, mask)
    np.testing.assert_allclose(moved[0], one[0], rtol=1e-4)
    np.testing.assert_allclose(moved[1], one[1], rtol=1e-3, atol=1e-7)
    assert value_and_gradient(GatedCRFLoss(3, count_outside=False), image, np.ones((2, 6, 5, 1), "float32"))[0] == 0


def test_masks_count_whole_cells_and_stay_as_they_are():
    mask = np.array([[[np.nan, 1.0, 1.0, 0.5, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]]], "float32")
    before = mask.copy()
    assert np.asarray(gate(mask, 1, 3)).tolist() == [[[0.0, 0.0, 1.0]]]
    assert np.asarray(gate(mask, 2, 6)).tolist() == [[[0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [1.0] * 6]]
    np.testing.assert_array_equal(mask, before)
    nothing = np.zeros((1, 2, 6), "float32")
    probabilities = softmax(np.random.default_rng(0).normal(size=(1, 2, 6, 2)))
    loss = GatedCRFLoss(1)
    assert value_and_gradient(loss, np.zeros((1, 2, 6, 3), "float32"), probabilities, nothing)[0] == 0    # Z is 1


@pytest.mark.parametrize("masked", [False, True])
def test_a_grid_that_is_filled_up_gives_what_the_true_map_gives(masked):
    random = np.random.default_rng(5)
    image, probabilities = pictures(random, (1, 5, 4), 3)
    source = random.integers(0, 2, (1, 5, 4)).astype("float32") if masked else None
    loss, alone = GatedCRFLoss(2, normaliser="image"), GatedCRFLoss(2)

    def full(x, fill):
        return None if x is None else np.pad(x, ((0, 1), (0, 3), (0, 2), (0, 0))[:x.ndim], constant_values=fill)

    kernel = loss.kernel(full(image, 7.0), full(np.ones((1, 5, 4)), 0))              # and a second image of nothing
    variable = keras.Variable(full(probabilities, 0.4))

    def values():
        return loss.of_kernel(kernel, variable.value, full(source, 1.0))

    found, slope = np.asarray(values()), gradient(lambda: keras.ops.sum(values()), [variable])[0]
    expected = value_and_gradient(alone, image, probabilities, source)
    np.testing.assert_allclose(found, [expected[0], 0], rtol=1e-5)
    np.testing.assert_allclose(slope[:1, :5, :4], expected[1], rtol=1e-4, atol=1e-7)
    assert not slope[1].any() and not slope[:, 5:].any() and not slope[:, :, 4:].any()


def test_images_have_their_own_count_or_share_that_of_the_batch():
    random = np.random.default_rng(6)
    image, probabilities = pictures(random, (2, 5, 4), 3)
    source = np.ones((2, 5, 4), "float32")
    source[1, 1:] = 0
    shared, own = (GatedCRFLoss(2, normaliser=kind) for kind in ("batch", "image"))
    kernel = own.kernel(image)
    each = np.asarray(own.of_kernel(kernel, probabilities, source))
    np.testing.assert_allclose(shared.of_kernel(kernel, probabilities, source), 2 * each * [20, 4] / 24, rtol=1e-5)
