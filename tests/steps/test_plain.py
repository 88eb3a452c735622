import numpy as np
import pytest
from tfwsss.inference.served import Canvas
from tfwsss.runs.stages import Stage

from tests.support.fake_run import image_set
from tests.support.untrained import untrained_run
from tfwsss.artefacts.masks import read_mask
from tfwsss.errors import UserError
from tfwsss.methods import affinitynet, cian, icd, plain
from tfwsss.methods.opened import load_run


@pytest.fixture
def images(tmp_path):
    return image_set(tmp_path / "data")          # five of 24x32 pixels, one or two of three classes each


def run_stage(stage: Stage, folder) -> None:
    (folder / stage.name).mkdir(exist_ok=True)
    assert stage.work({need: folder / need for need in stage.needs}, folder / stage.name) == {}


@pytest.mark.parametrize("module", [icd, affinitynet])
def test_the_masks_of_the_stage(module, images, tmp_path):
    """With tags: what `cam_masks` wrote, under the threshold that it chose from all maps."""
    run = untrained_run(tmp_path / "run", module.__name__.rpartition(".")[2])
    config = load_run(run).config
    from tfwsss.data.sources import Splits

    stages = {stage.name: stage for stage in module.stages(config, Splits(images, images, None))}
    run_stage(stages["cam"], run)
    run_stage(stages["cam_masks"], run)
    found = dict(plain.predict(module.class_maps, config, run, images, True))
    assert list(found) == list(images.names) and any(mask.any() for mask in found.values())
    for name, mask in found.items():
        np.testing.assert_array_equal(mask, read_mask(run / "cam_masks", name))


@pytest.mark.parametrize("module", [icd, affinitynet, cian])
def test_how_class_maps_are_served(module, tmp_path):
    """The classifier's canvas and colour; no CRF."""
    method = module.__name__.rpartition(".")[2]
    run = untrained_run(tmp_path / "run", "affinitynet" if module is cian else method,
                        cam_masks={"threshold": 0.3})
    served = plain.served(module.class_maps, load_run(run).config, run)
    assert isinstance(served.look, Canvas) and served.look.side == 65 and served.crf["iterations"] == 0
    assert set(served.network.output) == ({"cam"} if module is icd else {"cam", "position_logits"})


def test_class_maps_that_are_not_there(tmp_path):
    """A run of CIAN whose seeds were given."""
    run = untrained_run(tmp_path / "run", "retrain")
    with pytest.raises(UserError, match="classifier.model.keras: no such file"):
        cian.class_maps(load_run(run).config, run)
