import numpy as np
import pytest

from tests.support.fake_run import image_set
from tests.support.oracles.upsample import upsample
from tests.support.tiny_run import SEAM as TINY
from tests.support.untrained import untrained_run
from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.scores import read_scores
from tfwsss.data.image_set import ImageSet
from tfwsss.data.sources import Splits
from tfwsss.methods.seam.config import DEMO, Config
from tfwsss.methods.seam.stages import stages
from tfwsss.runs.stage import Context, Stage
from tfwsss.settings import reading


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> ImageSet:
    return image_set(tmp_path_factory.mktemp("data"))


def made(images, others=None, **values) -> dict[str, Stage]:
    settings = reading.build(Config, {"method": "seam", **values}, "test")
    return {stage.name: stage for stage in stages(settings, Splits(images, others or images, None))}


def test_the_stages_of_the_built_in_set(images):
    assert list(made(images, **DEMO)) == ["seam", "cam", "cam_masks", "maps", "map_masks", "marginals", "labels",
                                          "affinity", "walk", "pseudo", "segmenter", "relabel"]


def test_maps_are_made_of_all_images_that_are_learnt_from_or_labelled(images):
    """Plain ones only of those that are labelled, unless they stand for refined ones."""
    one, other = images.subset(images.names[:3]), images.subset(images.names[2:])
    found, plain = made(one, other), made(one, other, seam={"plain": True})
    assert found["maps"].settings["images"] == images.fingerprint() == plain["cam"].settings["images"]
    assert found["cam"].settings["images"] == found["cam_masks"].settings["images"] == other.fingerprint()
    assert found["walk"].settings["images"] == plain["walk"].settings["images"] == other.fingerprint()


@pytest.mark.parametrize("canvas", [65, None])
def test_from_maps_to_labels(images, tmp_path, canvas):
    """Refined maps reach 1 on the image's pixels; masks hold its classes. The walk: see `test_masker.py`."""
    run = untrained_run(tmp_path / "run", "seam", maps={"canvas": canvas}, labels={"low": 4.0, "high": 8.0})
    sections = {**TINY, "maps": {**TINY["maps"], "canvas": canvas}, "labels": {"low": 4.0, "high": 8.0,
                                                                             "crf": {"iterations": 1}}}
    found = made(images, **sections)
    for name in ("cam", "maps", "map_masks", "marginals", "labels"):
        inputs = {need: run / need for need in found[name].needs}
        assert found[name].work(Context(), inputs, run / name) == {}
    for name in images.names:
        refined, plain = (read_scores(run / stage, name) for stage in ("maps", "cam"))
        assert refined.classes.tolist() == plain.classes.tolist() == list(images.labels[name])
        largest = upsample(refined.scores, refined.size, refined.covers).max(axis=(1, 2))
        np.testing.assert_allclose(largest, 1, atol=2e-3)
        assert canvas or refined.scores.shape[1:] == (24, 32)
        allowed = {0, *(label + 1 for label in images.labels[name])}
        for stage in ("map_masks", "labels"):
            assert set(np.unique(read_mask(run / stage, name))) <= allowed | {255}
