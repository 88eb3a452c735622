"""The dense CRF against what the original programs gave.

Recorded: `pydensecrf.npz` and `pydensecrf_photographs.npz` by tests/layers/record_dense_crf.py; `a2gnn_dense_crf.npz`
and `cian_crf.npz` are the shared files fixtures/a2gnn/dense_crf.npz and fixtures/cian/crf.npz; `icd_crf.npz` holds
what the CRF needs of fixtures/icd/seed_one_class.npz and seed_two_classes.npz.
"""

import numpy as np
import pytest
import skimage.data

from tests.layers.test_dense_crf import ROUNDING, energies, layer, problem, softmax
from tests.support.arrays import recorded
from tfwsss.layers.dense_crf import dense_crf, unary_from_labels
from tfwsss.ops.mean_field import Settings

CASES = ("three", "many", "noise", "narrow", "one_row", "gaussian", "bilateral")


@pytest.mark.parametrize(("name", "work"), [*((name, dense_crf) for name in CASES), ("many", layer), ("noise", layer)])
def test_it_gives_the_marginals_of_pydensecrf(name, work):
    arrays = {key.removeprefix(f"{name}_"): value for key, value in recorded("pydensecrf").items()}
    parameters = dict(zip(Settings._fields, arrays["parameters"].tolist(), strict=True))
    unary, image = energies(arrays["energy"], arrays["image"].shape), arrays["image"]
    expected = arrays["marginals"] / 65535                     # known to half a step
    assert np.abs(expected - softmax(-unary)).max() > 0.5
    np.testing.assert_allclose(work(unary, image, **parameters), expected, rtol=0, atol=0.5 / 65535 + ROUNDING)


@pytest.mark.parametrize("classes", [3, 21])
@pytest.mark.parametrize("name", ["astronaut", "coffee"])
def test_it_labels_a_photograph_as_pydensecrf_does(name, classes):
    arrays = recorded("pydensecrf_photographs")
    image = getattr(skimage.data, name)()[:321, :481]
    unary = energies(arrays[f"{name}_{classes}_energy"], image.shape, block=40)
    expected = arrays[f"{name}_{classes}_labels"]
    assert expected.shape == (321, 481) and (unary.argmin(axis=-1) != expected).mean() > 0.4
    assert (dense_crf(unary, image).argmax(axis=-1) == expected).mean() >= 0.999


@pytest.mark.parametrize("name", ["one_class", "two_classes"])
def test_it_sharpens_the_seeds_of_icd_as_the_original(name):
    arrays = {key.removeprefix(f"{name}_"): value for key, value in recorded("icd_crf").items()}
    unary = unary_from_labels(arrays["seed_before_crf"], 21)
    assert {round(float(x), 5) for x in np.unique(unary)} | {3.04452} == {0.66905, 3.04452, 3.71357}
    marginals = dense_crf(unary, arrays["image"][..., ::-1])   # the image is kept as OpenCV reads it: blue first
    np.testing.assert_allclose(marginals, np.moveaxis(arrays["crf_q"], 0, -1), rtol=0, atol=2.0**-12 + ROUNDING)
    np.testing.assert_array_equal(marginals.argmax(axis=-1), arrays["seed_crf"])     # crf_q is float16


@pytest.mark.parametrize(("key", "parameters"), [
    ("a2gnn_sxy2_50_srgb5", {"gaussian_deviation": 2, "position_deviation": 50, "colour_deviation": 5}),
    ("seam_sxy3_80_srgb13", {}), ("seam_t1", {"iterations": 1})])
def test_it_gives_the_marginals_recorded_for_a2gnn_and_seam(key, parameters):
    arrays = recorded("a2gnn_dense_crf")
    unary = -np.log(np.clip(np.moveaxis(arrays["probs"], 0, -1), 1e-5, 1))
    np.testing.assert_allclose(dense_crf(unary, arrays["image"], **parameters), np.moveaxis(arrays[key], 0, -1),
                               rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("iterations", [5, 10])
def test_it_gives_the_marginals_recorded_for_cian(iterations):
    arrays = recorded("cian_crf")
    rows, columns, _ = arrays["rgb"].shape
    unary = -np.moveaxis(arrays["logits"], 0, -1)[:rows, :columns]
    marginals = dense_crf(unary, arrays["rgb"], iterations=iterations)
    np.testing.assert_allclose(marginals, np.moveaxis(arrays[f"q{iterations}"], 0, -1), rtol=0, atol=ROUNDING)
    np.testing.assert_array_equal(marginals.argmax(axis=-1), arrays[f"pred_crf{iterations}"])


def test_the_original_program_is_an_implementation():
    pytest.importorskip("pydensecrf")
    unary, image = (np.stack([part] * 2) for part in problem())
    present = np.array([True, True, False, True])
    found = dense_crf(unary, image, present, implementation="pydensecrf")
    np.testing.assert_allclose(found, dense_crf(unary, image, present), atol=ROUNDING)
