"""The walk against the dense matrix power in float64, its properties, and the original programs.

Recorded: `psa_walk.npz` holds, of the shared `fixtures/psa/walk_vgg16_aff.npz`, the pooled planes, the walked planes
for 1, 4, 16 and 256 steps, the column sums of the sharpened matrix, and the matrix of affinities as the values of its
34 pairs (from them the matrix is recovered exactly). `psa_irn_indexing.npz` is a whole copy.
"""

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

from tests.support.shared import shared_file
from tfwsss.ops.affinity import boundary_affinity, feature_affinity
from tfwsss.ops.offsets import half_disc, half_disc_by_path, half_window, pair_mask
from tfwsss.ops.random_walk import _coefficients, random_walk, transition

RECORDED = Path(__file__).parents[1] / "recorded"
SETS = {"disc2": half_disc(2), "disc5": half_disc(5), "path5": half_disc_by_path(5), "window3": half_window(3),
        "disc7": half_disc(7)}


def recorded(name):
    return dict(np.load(RECORDED / f"{name}.npz", allow_pickle=False))


def dense_transition(affinity, offsets, sharpness):
    """Float64 matrix T of one image, written from the equation."""
    rows, columns, _ = affinity.shape
    matrix = np.eye(rows * columns)
    for y, x, k in np.ndindex(*affinity.shape):
        dy, dx = offsets[k]
        if 0 <= y + dy < rows and 0 <= x + dx < columns:
            i, j = y * columns + x, (y + dy) * columns + x + dx
            matrix[i, j] = matrix[j, i] = float(affinity[y, x, k]) ** sharpness
    return matrix / matrix.sum(axis=0)


def dense_walk(planes, affinity, offsets, sharpness, steps):
    power = np.linalg.matrix_power(dense_transition(affinity, offsets, sharpness), steps)
    return (planes.reshape(-1, planes.shape[-1]).T.astype("float64") @ power).T.reshape(planes.shape)


def random_case(rows, columns, offsets, kind="noise", batch=1, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    if kind == "noise":
        affinity = rng.random((batch, rows, columns, len(offsets)))
    elif kind == "alike":
        affinity = 1 - 1e-3 * rng.random((batch, rows, columns, len(offsets)))
    else:                                                                   # two values, most pairs cut
        affinity = (rng.random((batch, rows, columns, len(offsets))) < 0.1) * 1.0
    return (rng.random((batch, rows, columns, classes)) ** 4).astype("float32"), affinity.astype("float32")


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(("rows", "columns"), [(13, 16), (1, 1), (1, 9), (8, 3), (4, 8)])
def test_walk_is_the_dense_power(name, rows, columns):
    planes, affinity = random_case(rows, columns, SETS[name])
    for steps in (1, 2, 3, 33, 256):
        walked = random_walk(planes, affinity, SETS[name], sharpness=3.0, steps=steps)
        expected = dense_walk(planes[0], affinity[0], SETS[name], 3.0, steps)
        np.testing.assert_allclose(walked[0], expected, atol=2e-6, err_msg=f"{steps} steps")


@pytest.mark.parametrize("kind", ["noise", "alike", "cut"])
@pytest.mark.parametrize("size", [(47, 63), (56, 56)])
def test_walk_of_256_steps_and_21_planes_is_within_1e_5(kind, size):
    planes, affinity = random_case(*size, half_disc(5), kind, classes=21)
    walked = random_walk(planes, affinity, half_disc(5), sharpness=8.0, steps=256)
    matrix = dense_transition(affinity[0], half_disc(5), 8.0)
    sparse, expected = scipy.sparse.csr_matrix(matrix.T), planes[0].reshape(-1, 21).astype("float64")
    for _ in range(256):                                                    # float64; the dense power takes minutes
        expected = sparse @ expected
    np.testing.assert_allclose(walked[0], expected.reshape(planes.shape[1:]), atol=1e-5)


def test_walk_is_affinitynets():
    z = recorded("psa_walk")
    planes = z["planes"].transpose(1, 2, 0)
    for steps in (1, 4, 16, 256):
        walked = random_walk(planes[None], z["affinity"][None], half_disc(5), sharpness=8, steps=steps)[0]
        np.testing.assert_allclose(np.moveaxis(walked, -1, 0), z[f"walked_{steps}"], atol=1e-5)
        expected = dense_walk(planes, z["affinity"], half_disc(5), 8, steps)
        np.testing.assert_allclose(walked, expected, atol=3e-6)             # float32 over 256 steps


def test_transitions_are_affinitynets():
    z = recorded("psa_walk")
    weights = np.asarray(transition(z["affinity"][None], half_disc(5), sharpness=8.0))[0]
    np.testing.assert_allclose(1 / weights[..., 0].ravel(), z["column_sums"], rtol=1e-5)
    whole = np.load(shared_file("fixtures/psa/walk_vgg16_aff.npz"), allow_pickle=False)
    once, often = (random_walk(np.eye(208, dtype="float32").reshape(1, 13, 16, 208), z["affinity"][None],
                               half_disc(5), sharpness=8, steps=steps) for steps in (1, 256))
    np.testing.assert_allclose(np.reshape(once, (208, 208)).T, whole["trans0"], atol=1e-6)
    np.testing.assert_allclose(np.reshape(often, (208, 208)).T, whole["trans"], atol=1e-5)


def test_walk_is_irns():
    z = recorded("psa_irn_indexing")
    offsets = half_disc_by_path(5)
    start = z["x"].transpose(1, 2, 0)[None] * (1 - z["edge"][..., None])
    walked = random_walk(start, boundary_affinity(z["edge"], offsets), offsets, sharpness=10, steps=256)
    np.testing.assert_allclose(np.moveaxis(np.asarray(walked)[0], -1, 0), z["rw"][:, 0], atol=1e-5)


def test_worked_example_of_the_specification():
    features = np.array([[.00, .05, .10, .80], [.05, .10, .75, .90], [.00, .10, .80, .85], [.10, .15, .70, .95]])
    offsets = half_disc(2)
    affinity = feature_affinity(features[None, ..., None], offsets)
    affinity = affinity * pair_mask(4, 4, offsets, border="released")
    weights = np.asarray(transition(affinity, offsets, sharpness=8.0)).reshape(16, 9)
    diagonal = [1, .299013, .372968, .996316, .5, .242197, .409653, .767545, .689974, .271167, .322157, .471776, .5,
                .596717, .686079, .768525]
    np.testing.assert_allclose(weights[:, 0], diagonal, atol=2e-6)
    planes = np.zeros((16, 2), "float32")
    planes[[1, 5, 9], 0], planes[[6, 11], 1] = (1.0, 0.8, 0.6), (0.9, 0.7)
    walked = np.reshape(random_walk(planes.reshape(1, 4, 4, 2), affinity, offsets, 8.0, 256), (16, 2))
    np.testing.assert_allclose(walked[:4, 0], [0, .299000, .298390, .205894], atol=1e-5)
    np.testing.assert_allclose(walked[-4:, 1], [.085356, .085893, .158272, .159928], atol=1e-5)


@pytest.mark.parametrize("steps", [1, 2, 30, 33, 64, 256, 1000, 4000])
def test_the_shortened_sum_is_the_power(steps):
    kept = _coefficients(steps)
    x = np.cos(np.linspace(0, np.pi, 2001))
    np.testing.assert_allclose(np.polynomial.chebyshev.chebval(x, kept), x**steps, atol=3e-9)
    assert len(kept) <= min(steps, 6.1 * steps**0.5) + 2
    assert kept.sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("name", SETS)
def test_weights_of_each_position_sum_to_one(name):
    _, affinity = random_case(11, 7, SETS[name], batch=2)
    weights = np.asarray(transition(affinity, SETS[name]))
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-6)
    assert weights.min() >= 0


def test_no_step_is_the_identity():
    planes, affinity = random_case(9, 10, half_disc(5), batch=2)
    np.testing.assert_array_equal(random_walk(planes, affinity, half_disc(5), steps=0), planes)


def test_isolated_positions_keep_their_value():
    offsets = half_disc(5)
    planes, affinity = random_case(56, 56, offsets, "alike")
    affinity = affinity * np.asarray(pair_mask(56, 56, offsets, border="released"))
    alone = [(0, 0), (0, 1), (0, 2), (0, 3), (54, 0), (54, 55), (55, 0), (55, 1), (55, 54), (55, 55)]
    weights = np.asarray(transition(affinity, offsets))[0]
    assert sorted(map(tuple, np.argwhere(weights[..., 0] == 1).tolist())) == alone
    walked = np.asarray(random_walk(planes, affinity, offsets))[0]
    at = tuple(np.transpose(alone))
    np.testing.assert_allclose(walked[at], planes[0][at], atol=1e-6)
    assert np.abs(walked - planes[0]).max() > 0.1


def test_an_image_without_pairs_is_left_alone():
    for size in ((1, 1), (4, 8)):
        planes, affinity = random_case(*size, half_disc(5))
        affinity = affinity * np.asarray(pair_mask(*size, half_disc(5), border="released"))
        np.testing.assert_allclose(random_walk(planes, affinity, half_disc(5)), planes, atol=1e-6)


def test_permuted_planes_and_images_give_permuted_results():
    planes, affinity = random_case(10, 13, half_disc(5), batch=3, classes=6)
    walked = np.asarray(random_walk(planes, affinity, half_disc(5)))
    order, images = [4, 2, 0, 5, 3, 1], [2, 0, 1]
    again = np.asarray(random_walk(planes[images][..., order], affinity[images], half_disc(5)))
    np.testing.assert_allclose(again, walked[images][..., order], atol=1e-6)


def test_values_stay_in_range_and_absent_planes_zero():
    planes, affinity = random_case(30, 21, half_disc(5), classes=4)
    planes[..., 1], planes[..., 2] = 0, 0.7
    walked = np.asarray(random_walk(planes, affinity, half_disc(5)))
    np.testing.assert_array_equal(walked[..., 1], 0)
    np.testing.assert_allclose(walked[..., 2], 0.7, atol=5e-6)
    assert (walked.max((0, 1, 2)) <= planes.max((0, 1, 2)) + 5e-6).all()
    assert (walked.min((0, 1, 2)) >= planes.min((0, 1, 2)) - 5e-6).all()


def test_mass_weighted_by_the_column_sums_is_conserved():
    # the plain sum is not: columns, not rows, of T sum to 1; with W symmetric, Σ_j planes_j Σ_i W_ij is
    planes, affinity = random_case(17, 12, half_disc(5))
    masses = 1 / np.asarray(transition(affinity, half_disc(5)))[0, ..., :1]     # W_jj = 1
    walked = np.asarray(random_walk(planes, affinity, half_disc(5)))[0]
    np.testing.assert_allclose((walked * masses).sum((0, 1)), (planes[0] * masses).sum((0, 1)), rtol=1e-5)
    assert np.abs(walked.sum((0, 1)) - planes[0].sum((0, 1))).max() > 1e-3


def test_parts_that_no_pair_joins_do_not_mix():
    offsets = half_disc(5)
    _, affinity = random_case(12, 14, offsets, "alike")
    side = np.arange(14) >= 7
    for k, (_, dx) in enumerate(offsets):
        affinity[:, :, [x for x in range(14) if 0 <= x + dx < 14 and side[x] != side[x + dx]], k] = 0
    planes = np.repeat(side[None, None, :, None], 12, 1).astype("float32")
    walked = np.asarray(random_walk(planes, affinity, offsets))
    np.testing.assert_array_equal(walked[:, :, ~side], 0)
    np.testing.assert_allclose(walked[:, :, side], 1, atol=5e-6)


def test_zero_affinity_round_an_image_pads_it():
    planes, affinity = random_case(9, 11, half_disc(5))
    alone = np.asarray(random_walk(planes, affinity * np.asarray(pair_mask(9, 11, half_disc(5))), half_disc(5)))
    affinity = affinity * np.asarray(pair_mask(9, 11, half_disc(5)))
    room = ((0, 0), (0, 7), (0, 5), (0, 0))
    padded = np.asarray(random_walk(np.pad(planes, room), np.pad(affinity, room), half_disc(5)))
    np.testing.assert_allclose(padded[:, :9, :11], alone, atol=1e-6)


def test_a_large_image_of_2000_by_1500_pixels():
    # a grid of 250 x 188 at stride 8; here a constant and a plane, which must come out nearly as the small grid's
    planes, affinity = random_case(250, 188, half_disc(5), classes=2)
    planes[..., 0] = 0.25
    walked = np.asarray(random_walk(planes, affinity, half_disc(5)))
    np.testing.assert_allclose(walked[..., 0], 0.25, atol=5e-6)
    inner = np.asarray(random_walk(planes[:, :100, :100], affinity[:, :100, :100], half_disc(5), steps=8))
    outer = np.asarray(random_walk(planes, affinity, half_disc(5), steps=8))
    np.testing.assert_allclose(inner[:, :64, :64], outer[:, :64, :64], atol=1e-6)   # 8 steps reach 32 positions


@pytest.mark.parametrize(("offsets", "settings", "word"), [
    (((0, 1), (0, -1)), {}, "offsets"), (((0, 0),), {}, "offsets"), (((0, 1), (0, 1)), {}, "offsets"),
    (half_disc(2), {"sharpness": 0.0}, "sharpness"), (half_disc(2), {"steps": -1}, "steps"),
    (half_disc(2), {"steps": 2.5}, "steps")])
def test_wrong_arguments_are_named(offsets, settings, word):
    planes, affinity = random_case(4, 4, offsets)
    with pytest.raises(ValueError, match=word):
        random_walk(planes, affinity, offsets, **settings)
