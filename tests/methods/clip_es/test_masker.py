import numpy as np
import pytest

from tests.support.untrained import untrained_run
from tests.support.whole_images import pictures, written
from tfwsss.artefacts.masks import read_mask
from tfwsss.data.sources import Splits
from tfwsss.methods.clip_es.masker import masker
from tfwsss.methods.clip_es.stages import stages
from tfwsss.methods.opened import load_run
from tfwsss.runs.stage import Context

pytestmark = pytest.mark.usefixtures("eagerly")      # in graphs: tests/inference/test_masker.py, tests/test_journeys*


@pytest.mark.parametrize("sections", [{}, {"pseudo": {"crf": {"iterations": 0}}, "labels": {"power": 2.0}}],
                         ids=["crf", "no crf"])
def test_masks_are_those_of_the_stages(tmp_path, sections):
    shown = [*pictures(2, (40, 52), 1), pictures(1, (33, 64), 2)[0]]
    images = written(tmp_path / "photos", shown, [(0,), (1, 2), ()])
    run = untrained_run(tmp_path / "run", "clip_es", **sections)
    config = load_run(run).config
    found = {stage.name: stage for stage in stages(config, Splits(images, images, None))}
    (run / "maps").mkdir()
    for name in ("maps", "labels", "pseudo"):
        assert found[name].work(Context(), {need: run / need for need in found[name].needs}, run / name) == {}
    made = masker(config, run)
    masks = dict(made.masks(images, images.names, tagged=True))
    for name, each in masks.items():
        assert np.mean(each.mask != read_mask(run / "pseudo", name)) < 0.01
        assert np.mean(each.mask == read_mask(run / "labels", name)) == 1 or config.pseudo.crf.iterations
    assert set(np.unique(masks["image 2"].mask)) <= {0, 255}               # without tags: background
    assert made.carried == {"words": ["cat", "dog", "sheep"]}


def test_without_tags_some_class_is_looked_for(tmp_path):
    images = written(tmp_path / "photos", pictures(1, (40, 52), 1))
    made = masker(load_run(untrained_run(tmp_path / "run", "clip_es")).config, tmp_path / "run")
    likely, scores, ids = made.decided({key: maps[0] for key, maps in made.see(images.read_image("image 0")[None])
                                        .items()}, images.read_image("image 0"))
    assert likely.shape == (3,) and scores.shape == (40, 52, 4) and ids.shape == (40, 52)
    assert np.array(scores)[..., 1:].max() > 0
