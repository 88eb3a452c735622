"""Seeds where masks and saliency agree."""

import numpy as np
import pytest

from tests.support.fake_run import SIZE, image_set
from tfwsss.artefacts.masks import read_mask, write_mask
from tfwsss.artefacts.saliency import write_saliency
from tfwsss.runs.stage import Context
from tfwsss.steps.saliency import SaliencyMaps
from tfwsss.steps.salient_seeds import SalientSeedSettings, salient_seed_stage


@pytest.mark.parametrize("salient", [32, 200])
def test_mask_and_saliency_must_agree(tmp_path, salient):
    """What a mask leaves open stays open; a missing map is a fault of its image."""
    images = image_set(tmp_path / "data", 2)
    mask, byte = np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
    mask[:, 8:16], mask[:, 16:] = 2, 255
    byte[::3], byte[1::3] = salient, salient - 1                       # in rows of three; the third is 0
    for name in images.names:
        write_mask(tmp_path / "cam_masks", name, mask, images.palette)
    write_saliency(tmp_path / "saliency", "image 0", byte)
    stage = salient_seed_stage("seeds", images, SalientSeedSettings(salient=salient), SaliencyMaps(),
                               source="cam_masks")
    assert stage.needs == ("cam_masks", "saliency")
    inputs = {name: tmp_path / name for name in stage.needs}
    faults = stage.work(Context(), inputs, tmp_path / "seeds")
    assert list(faults) == ["image 1"] and "no such file" in faults["image 1"]
    expected = np.full(SIZE, 255, np.uint8)
    expected[::3, 8:16] = 2                                             # an object, and salient
    expected[1::3, :8] = expected[2::3, :8] = 0                         # neither
    np.testing.assert_array_equal(read_mask(tmp_path / "seeds", "image 0"), expected)
