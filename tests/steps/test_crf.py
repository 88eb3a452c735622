"""The stage that sharpens another stage's masks; for the CRF itself see `tests.inference.test_sharpen`."""

import numpy as np
import pytest

from tests.support.fake_run import image_set, write_pseudo
from tfwsss.artefacts.masks import read_mask
from tfwsss.inference.sharpen import sharpen_arrays
from tfwsss.layers import dense_crf
from tfwsss.runs.stage import Context
from tfwsss.settings.sections import CRFSettings
from tfwsss.steps.crf import WITHOUT, crf_from_masks, crf_from_scores, crf_stage

SETTINGS = CRFSettings(iterations=3, position_deviation=20.0, colour_deviation=20.0, certainty=0.7)


@pytest.mark.parametrize("implementation", ["lattice", "pydensecrf"])
def test_a_crf_has_all_settings_and_its_start(implementation):
    settings = CRFSettings(implementation=implementation, iterations=4, certainty=0.6)
    from_masks, from_scores = crf_from_masks(settings), crf_from_scores(settings)
    assert from_masks.parameters == from_scores.parameters == settings.model_dump(
        exclude={"implementation", "certainty"})
    assert from_masks.implementation == from_scores.implementation == implementation
    assert from_masks.certainty == 0.6 and from_scores.certainty is None
    assert from_masks.on and not WITHOUT.on


def stage_of(images, iterations: int = 3):
    return crf_stage("pseudo", images, source="seeds", settings=SETTINGS.model_copy(update={"iterations": iterations}))


def test_a_stage_sharpens_another_stages_masks(tmp_path):
    images = image_set(tmp_path / "data")
    write_pseudo(tmp_path / "seeds", images)
    (tmp_path / "seeds" / "image 1.png").unlink()
    (tmp_path / "seeds" / "image 3.png").write_bytes(b"torn")
    stage = stage_of(images)
    assert (stage.name, stage.kind, stage.needs) == ("pseudo", "masks", ("seeds",))
    assert stage.settings["iterations"] == 3 and stage.settings["certainty"] == 0.7
    assert stage.settings.get("versions", {}).get("dense_crf", 1) == dense_crf.VERSION
    faults = stage.work(Context(), {"seeds": tmp_path / "seeds"}, tmp_path / "pseudo")
    assert set(faults) == {"image 1", "image 3"} and "no such file" in faults["image 1"]
    for name in ("image 0", "image 2", "image 4"):
        mask = read_mask(tmp_path / "seeds", name)
        expected = sharpen_arrays(crf_from_masks(SETTINGS), None, mask, images.read_image(name), 4)
        np.testing.assert_array_equal(read_mask(tmp_path / "pseudo", name), expected)
        assert (expected != mask).any()


def test_no_iterations_keep_the_masks(tmp_path):
    images = image_set(tmp_path / "data")
    write_pseudo(tmp_path / "seeds", images)
    assert stage_of(images, 0).work(Context(), {"seeds": tmp_path / "seeds"}, tmp_path / "pseudo") == {}
    for name in images.names:
        np.testing.assert_array_equal(read_mask(tmp_path / "pseudo", name), read_mask(tmp_path / "seeds", name))
