import numpy as np
import pytest

from tests.support.fake_run import image_set, write_pseudo
from tfwsss.artefacts.masks import read_mask
from tfwsss.layers.dense_crf import dense_crf, unary_from_labels
from tfwsss.settings.sections import CRFSettings, RunSettings
from tfwsss.steps.crf import crf_stage, sharpen

SETTINGS = CRFSettings(iterations=3, position_deviation=20.0, colour_deviation=20.0, certainty=0.7)
PARAMETERS = {"iterations": 3, "gaussian_deviation": 3.0, "gaussian_weight": 3.0, "position_deviation": 20.0,
              "colour_deviation": 20.0, "bilateral_weight": 10.0}


def scene() -> tuple[np.ndarray, np.ndarray]:
    """A bright square on dark ground, and a mask that misses a part of it and leaves some undecided."""
    image = np.full((20, 24, 3), 40, np.uint8)
    image[5:15, 6:18] = 200
    mask = np.zeros((20, 24), np.uint8)
    mask[6:15, 8:17] = 2
    mask[0:3] = 255
    return mask, image


def test_no_iterations_leave_the_mask():
    mask, image = scene()
    np.testing.assert_array_equal(sharpen(mask, image, 3, CRFSettings(iterations=0)), scene()[0])


def test_the_label_is_the_likeliest_of_the_crf():
    mask, image = scene()
    expected = dense_crf(unary_from_labels(mask, 3, 0.7), image, **PARAMETERS).argmax(-1)
    found = sharpen(mask, image, 3, SETTINGS)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.uint8 and 255 not in found
    np.testing.assert_array_equal(mask, scene()[0])                 # what was given stays


def test_edges_are_found():
    """The mask grows to the square's edges, and the undecided rows become what they look like."""
    mask, image = scene()
    found = sharpen(mask, image, 3, SETTINGS)
    np.testing.assert_array_equal(found, np.where(image[..., 0] == 200, 2, 0))


@pytest.mark.parametrize(("num_labels", "undecided"), [(3, False), (9, False), (11, True), (30, True)])
def test_undecided_is_what_no_label_explains(num_labels, undecided):
    """Of an image of which nothing is known every label is as likely: more than ten of them stay below 0.1."""
    mask, image = np.full((8, 9), 255, np.uint8), np.full((8, 9, 3), 77, np.uint8)
    np.testing.assert_array_equal(sharpen(mask, image, num_labels, SETTINGS), np.full((8, 9), 255 * undecided))


def test_undecided_is_decided_pixel_by_pixel(monkeypatch):
    marginals = np.full((1, 3, 12), 0.01, np.float32)
    marginals[0, 0, 4], marginals[0, 1, 7], marginals[0, 2, 5] = 0.0999, 0.1, 0.89
    monkeypatch.setattr("tfwsss.steps.crf.dense_crf", lambda *_, **__: marginals)
    mask, image = np.zeros((1, 3), np.uint8), np.zeros((1, 3, 3), np.uint8)
    assert sharpen(mask, image, 12, SETTINGS).tolist() == [[255, 7, 5]]


def test_all_settings_reach_the_crf(monkeypatch):
    seen = {}
    monkeypatch.setattr("tfwsss.steps.crf.dense_crf", lambda unary, image, **more: seen.update(more) or unary)
    settings = CRFSettings(implementation="pydensecrf", iterations=4, gaussian_deviation=1.5, gaussian_weight=2.5,
                           position_deviation=3.5, colour_deviation=4.5, bilateral_weight=5.5, certainty=0.6)
    sharpen(*scene(), 3, settings)
    assert seen == {"implementation": "pydensecrf", "iterations": 4, "gaussian_deviation": 1.5, "gaussian_weight": 2.5,
                    "position_deviation": 3.5, "colour_deviation": 4.5, "bilateral_weight": 5.5}


def test_a_stage_sharpens_another_stages_masks(tmp_path):
    images = image_set(tmp_path / "data")
    write_pseudo(tmp_path / "seeds", images)
    (tmp_path / "seeds" / "image 1.png").unlink()
    (tmp_path / "seeds" / "image 3.png").write_bytes(b"torn")
    stage = crf_stage("pseudo", images, RunSettings(method="none"), source="seeds", settings=SETTINGS)
    assert (stage.name, stage.kind, stage.needs) == ("pseudo", "masks", ("seeds",))
    assert stage.settings["iterations"] == 3 and stage.settings["certainty"] == 0.7
    faults = stage.work({"seeds": tmp_path / "seeds"}, tmp_path / "pseudo")
    assert set(faults) == {"image 1", "image 3"} and "no such file" in faults["image 1"]
    for name in ("image 0", "image 2", "image 4"):
        mask = read_mask(tmp_path / "seeds", name)
        expected = sharpen(mask, images.read_image(name), 4, SETTINGS)
        np.testing.assert_array_equal(read_mask(tmp_path / "pseudo", name), expected)
        assert (expected != mask).any()
