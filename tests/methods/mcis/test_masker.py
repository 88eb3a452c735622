import dataclasses
import functools
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.support.fake_run import image_set
from tests.support.untrained import untrained_run
from tests.support.whole_images import pictures, written
from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.models import load_model
from tfwsss.backbones.small import small
from tfwsss.data.sources import Splits
from tfwsss.errors import UserError
from tfwsss.methods.mcis import masker as module
from tfwsss.methods.mcis.stages import stages
from tfwsss.methods.opened import load_run
from tfwsss.models.mcis import MCIS
from tfwsss.runs.stage import Context

pytestmark = pytest.mark.usefixtures("eagerly")      # in graphs: tests/inference/test_masker.py, tests/test_journeys*


def made(run: Path):
    return module.masker(load_run(run).config, run)


def run_stages(run: Path, images, *names: str) -> None:
    found = {stage.name: stage for stage in stages(load_run(run).config, Splits(images, images, None))}
    for name in names:
        if name in found:
            assert found[name].work(Context(), {need: run / need for need in found[name].needs}, run / name) == {}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Each shows a class that no other shows."""
    shown = [pictures(1, (24, 32), seed)[0] for seed in range(3)]
    return written(tmp_path_factory.mktemp("photos"), shown, [(0,), (1,), (2,)])


@pytest.fixture(scope="module")
def maps(tmp_path_factory, images):
    """A function to the stage `maps`, made once by the usual settings and once by those of corners on corners."""
    def make(**sections) -> Path:
        run = untrained_run(tmp_path_factory.mktemp("runs") / "run", "mcis", **sections)
        (run / "maps" / "references.npy").unlink()
        run_stages(run, images, "maps")
        return run / "maps"

    return functools.cache(lambda corners: make(maps={"corners_aligned": True, "side": 33}) if corners else make())


@pytest.mark.parametrize("sections", [{}, {"labels": {"threshold": None}},
                                      {"labels": {"background": "threshold", "threshold": 0.5}},
                                      {"maps": {"corners_aligned": True, "side": 33},
                                       "labels": {"corners_aligned": True}}],
                         ids=["crf", "a chosen threshold", "a threshold", "corners on corners"])
def test_masks_are_those_of_the_stages_where_references_are_the_same(maps, images, tmp_path, sections):
    """As they are where one image alone shows each class; but for the half precision of kept features."""
    run = untrained_run(tmp_path / "run", "mcis", **sections)
    shutil.copytree(maps("maps" in sections), run / "maps", dirs_exist_ok=True)
    run_stages(run, images, "labels", "pseudo")
    found = {name: each.mask for name, each in made(run).masks(images, images.names, tagged=True)}
    different = [np.mean(mask != read_mask(run / "pseudo", name)) for name, mask in found.items()]
    assert len(found) == 3 and max(different) < 0.02 and any(len(np.unique(mask)) > 1 for mask in found.values())


def test_references_of_a_run_change_its_masks(tmp_path):
    """Of photographs too that are none of its own."""
    images = image_set(tmp_path / "data")
    run = untrained_run(tmp_path / "run", "mcis", maps={"self_views": False}, pseudo={"iterations": 0})
    before = {name: each.mask for name, each in made(run).masks(images, images.names, tagged=True)}
    kept = np.load(run / "maps" / "references.npy")
    np.save(run / "maps" / "references.npy", kept[:, :, ::-1] ** 2)
    after = {name: each.mask for name, each in made(run).masks(images, images.names, tagged=True)}
    assert any((before[name] != after[name]).any() for name in images.names)


def test_what_goes_along_is_told(tmp_path):
    run = untrained_run(tmp_path / "run", "mcis", maps={"references": 5})
    found = made(run)
    assert found.carried["references of each class"] == 5 and len(found.others) == 2
    mib = 3 * 5 * 8 * 8 * 24 * 2 / 2**20                              # `small` at a quarter of its 96 channels
    assert found.carried["MiB of features"] == round(mib, 1)
    none = untrained_run(tmp_path / "none", "mcis", maps={"references": 0})
    assert made(none).carried == {} and len(made(none).others) == 1
    (run / "maps" / "references.npy").unlink()
    with pytest.raises(UserError, match="references.npy: no such file.* add --redo maps"):
        made(run)


def test_without_tags_the_plain_class_maps_say_what_is_shown(tmp_path):
    images = image_set(tmp_path / "data")
    run = untrained_run(tmp_path / "run", "mcis", pseudo={"iterations": 0})
    found, plain = made(run), module.class_maps(load_run(run).config, run)
    masks, shown = dict(found.masks(images, images.names, tagged=False)), set()
    assert set(masks) == set(images.names)
    for name, each in masks.items():
        maps = found.see(images.read_image(name)[None])["cam"].numpy()[0]
        logits = maps.mean((0, 1))
        allowed = {int(label) + 1 for label in np.flatnonzero(logits >= min(logits.max() - 0.05, 0.05))}
        objects = set(np.unique(each.mask)) - {0, 255}
        assert objects <= allowed
        shown |= objects
    assert shown
    assert plain.logits == "cam" and list(plain.network.output) == ["cam"]


def test_given_stages_are_used(tmp_path):
    run = untrained_run(tmp_path / "run", "mcis")
    elsewhere = untrained_run(tmp_path / "elsewhere", "mcis", seed=7)
    config = load_run(run).config.model_copy(update={"given": {name: elsewhere / name for name in ("mcis", "maps")}})
    expected = load_model(elsewhere / "mcis", MCIS).get_layer("fc8").get_weights()[0]
    found = module.class_maps(config, run).network.get_layer("fc8").get_weights()[0]
    np.testing.assert_array_equal(found, expected)
    own = module.masker(config, run)
    table = own.others[1].get_layer("references").get_weights()[0]
    assert (table == np.load(elsewhere / "maps" / "references.npy").reshape(3, -1)).all()


def test_files_that_are_no_network_of_ours(tmp_path):
    with pytest.raises(UserError, match="model.keras: no such file; let python -m tfwsss.train finish its stage"):
        module.load_maps(tmp_path)
    other = tmp_path / "mcis" / "model.keras"
    other.parent.mkdir()
    small(width=0.1).save(other)
    with pytest.raises(UserError, match="model.keras: holds a Functional; expected the MCIS"):
        module.load_maps(other.parent)


def test_masks_of_untagged_images_of_the_run_are_background_or_open(tmp_path):
    images = image_set(tmp_path / "data")
    none = dataclasses.replace(images, labels=dict.fromkeys(images.names, ()))
    found = dict(made(untrained_run(tmp_path / "run", "mcis")).masks(none, none.names, tagged=True))
    assert len(found) == 5 and all(set(np.unique(each.mask)) <= {0, 255} for each in found.values())
