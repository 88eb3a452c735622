from pathlib import Path

import keras
import numpy as np
import pytest

from tests.support.untrained import untrained_run
from tests.support.whole_images import pictures, written
from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.models import load_model, write_model
from tfwsss.backbones.small import small
from tfwsss.data.sources import Splits
from tfwsss.errors import UserError
from tfwsss.methods.opened import load_run
from tfwsss.methods.seam import masker as module
from tfwsss.methods.seam.stages import stages
from tfwsss.models.seam import SEAM
from tfwsss.runs.stage import Context

pytestmark = pytest.mark.usefixtures("eagerly")      # in graphs: tests/inference/test_masker.py, tests/test_journeys*

CRF = {"iterations": 0}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    shown = [pictures(1, size, seed)[0] for seed, size in enumerate(((24, 32), (40, 30), (64, 64)))]
    return written(tmp_path_factory.mktemp("photos"), shown, [(0, 1), (1,), (2, 0)])


def run_stages(run: Path, images, *names: str) -> None:
    found = {stage.name: stage for stage in stages(load_run(run).config, Splits(images, images, None))}
    for name in names:
        assert found[name].work(Context(), {need: run / need for need in found[name].needs}, run / name) == {}


def plain_run(folder: Path, **sections) -> Path:
    """A run of a classifier trained alone."""
    run = untrained_run(folder, "seam", seam={"plain": True}, **sections)
    keras.utils.set_random_seed(3)
    write_model(run / "seam", SEAM(small(width=0.25), 3, dropout=0.0, plain=True))
    return run


@pytest.mark.parametrize("sections", [
    {"maps": {"canvas": None, "scales": [1.0, 0.5], "mirror": True}}, {"walk": {"alpha": 6.0}},
    {"map_masks": {"threshold": 0.4}, "pseudo": {"iterations": 2, "position_deviation": 12.0}}],
    ids=["own size", "canvas", "power by threshold, CRF"])
def test_masks_are_those_of_the_stages(images, tmp_path, sections):
    """Whether maps were kept in between or not; rounding may decide of a few pixels."""
    run = untrained_run(tmp_path / "run", "seam", **{"pseudo": CRF, **sections})
    run_stages(run, images, "maps", "map_masks", "walk", "pseudo")
    found = {name: each.mask for name, each in
             module.masker(load_run(run).config, run).masks(images, images.names, tagged=True)}
    shares = [np.mean(mask == read_mask(run / "pseudo", name)) for name, mask in found.items()]
    assert len(found) == 3 and min(shares) >= 0.999
    assert any(len(np.unique(mask)) > 1 for mask in found.values())


@pytest.mark.parametrize("canvas", [65, None])
def test_masks_of_a_plain_classifier_are_those_of_its_stages(images, tmp_path, canvas):
    run = plain_run(tmp_path / "run", pseudo=CRF, cam={"canvas": canvas}, walk={"alpha": 4.0})
    run_stages(run, images, "cam", "cam_masks", "walk", "pseudo")
    found = module.masker(load_run(run).config, run).masks(images, images.names, tagged=True)
    assert min(np.mean(each.mask == read_mask(run / "pseudo", name)) for name, each in found) >= 0.999


def test_class_maps_of_the_run_make_the_masks_of_its_stage(images, tmp_path):
    """`predict --stage cam_masks`: the plain maps of the same network."""
    run = untrained_run(tmp_path / "run", "seam", cam_masks={"threshold": 0.3}, cam={"canvas": None})
    run_stages(run, images, "cam", "cam_masks")
    stage, masker = load_run(run).masker("cam_masks")
    assert stage == "cam_masks" and set(masker.network.output) == {"cam", "position_logits"}
    for name, each in masker.masks(images, images.names, tagged=True):
        assert np.mean(each.mask == read_mask(run / "cam_masks", name)) >= 0.999


def test_without_tags_the_classifier_says_what_is_shown(images, tmp_path):
    run = untrained_run(tmp_path / "run", "seam", pseudo=CRF, walk={"alpha": 6.0})
    found = module.masker(load_run(run).config, run)
    for name, each in found.masks(images, images.names, tagged=False):
        image = images.read_image(name)
        likely = found.presence({key: maps[0] for key, maps in found.see(image[None]).items()}, found.picture(image))
        kept = np.flatnonzero(likely[1])
        assert set(np.unique(each.mask)) <= {0, *(kept + 1)} and len(kept)


def test_given_stages_are_used(tmp_path):
    run = untrained_run(tmp_path / "run", "seam", map_masks={"threshold": 0.4})
    elsewhere = untrained_run(tmp_path / "elsewhere", "seam", seed=7)
    given = {name: elsewhere / name for name in ("seam", "affinity")}
    config = load_run(run).config.model_copy(update={"given": given})
    expected = load_model(elsewhere / "seam", SEAM).get_layer("fc8").get_weights()[0]
    for network in (module.masker(config, run).network, module.class_maps(config, run).network):
        np.testing.assert_array_equal(network.get_layer("fc8").get_weights()[0], expected)
    own = module.masker(config, run).others[0].get_layer("f9").get_weights()[0]
    assert not np.array_equal(own, module.masker(load_run(run).config, run).others[0].get_layer("f9").get_weights()[0])


def test_files_that_are_no_network_of_ours(tmp_path):
    with pytest.raises(UserError, match="model.keras: no such file; let python -m tfwsss.train finish its stage"):
        module.load_maps(tmp_path)
    (tmp_path / "seam").mkdir()
    small(width=0.1).save(tmp_path / "seam" / "model.keras")
    with pytest.raises(UserError, match="model.keras: holds a Functional; expected the SEAM"):
        module.load_refined_maps(tmp_path / "seam")
