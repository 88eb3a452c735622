import dataclasses

import numpy as np
import pytest
from PIL import Image

from tests.support.fake_run import image_set, write_maps
from tests.support.oracles.icd import seeds_of_scores
from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.scores import read_scores, write_scores
from tfwsss.data.image_set import ImageSet
from tfwsss.data.sources import Splits
from tfwsss.methods.icd.config import DEMO, Config
from tfwsss.methods.icd.stages import stages
from tfwsss.runs.stage import Context, Stage
from tfwsss.settings import reading


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> ImageSet:
    return image_set(tmp_path_factory.mktemp("data"))


def made(images, **values) -> dict[str, Stage]:
    settings = reading.build(Config, {"method": "icd", **values}, "test")
    return {stage.name: stage for stage in stages(settings, Splits(images, images, None))}


def test_the_built_in_set_needs_no_merging(images):
    assert list(made(images, **DEMO)) == ["regions", "icd", "cam", "cam_masks", "scores", "seeds", "pseudo",
                                          "segmenter", "relabel"]


def test_superpixels_are_stored_whether_merged_or_not(images, tmp_path):
    """Without merging they are the regions that the training reads."""
    assert made(images)["regions"].needs == ("superpixels",)
    stage = made(images, regions={"max_regions": 0})["regions"]
    assert (stage.needs, stage.kind, stage.section) == ((), "regions", "superpixels")
    assert stage.work(Context(workers=1), {}, tmp_path) == {} and len(list(tmp_path.glob("*.png"))) == 5


@pytest.fixture
def inputs(images, tmp_path):
    """Scores and class maps of every image, as the stages before leave them."""
    write_maps(tmp_path / "cam", images)
    write_maps(tmp_path / "scores", images)
    return {key: tmp_path / key for key in ("cam", "scores")}


def test_maps_of_other_classes_give_no_seeds(images, inputs, tmp_path):
    """As a given folder may hold them; before, planes were mixed up without a word."""
    scores = read_scores(inputs["scores"], "image 2")
    write_scores(inputs["scores"], "image 2", scores._replace(classes=2 - scores.classes))
    faults = made(images)["seeds"].work(Context(), inputs, tmp_path / "seeds")
    assert list(faults) == ["image 2"] and faults["image 2"].startswith("image 2: maps of cam are of classes")


@pytest.mark.parametrize("corners_aligned", [True, False])
def test_seeds_are_those_of_the_rule_on_kept_maps(images, inputs, tmp_path, corners_aligned):
    """An image whose maps are torn is a fault of its own."""
    (inputs["scores"] / "image 3.npz").write_bytes(b"torn")
    stage = made(images, seeds={"corners_aligned": corners_aligned})["seeds"]
    assert stage.needs == ("scores", "cam")
    faults = stage.work(Context(), inputs, tmp_path / "seeds")
    assert list(faults) == ["image 3"] and "image 3.npz" in faults["image 3"]
    for name in set(images.names) - {"image 3"}:
        kept = {key: read_scores(inputs[key], name) for key in inputs}
        expected = seeds_of_scores(kept["scores"], kept["cam"], corners_aligned=corners_aligned)
        np.testing.assert_array_equal(read_mask(tmp_path / "seeds", name), expected)


def test_saliency_is_the_background_of_the_pseudo_labels(images, inputs, tmp_path):
    """A map of another size is a fault of its image."""
    saliency = {}
    for place, name in enumerate(images.names):
        saliency[name] = tmp_path / f"saliency {place}.png"
        salient = np.zeros((24, 32 if name != "image 2" else 30), np.uint8)
        salient[:, 5:20] = 255
        Image.fromarray(salient).save(saliency[name])
    own = dataclasses.replace(images, saliency=saliency)
    stage = made(own, data={"saliency": str(tmp_path)})["pseudo"]
    faults = stage.work(Context(), inputs, tmp_path / "pseudo")
    assert list(faults) == ["image 2"] and "a saliency map of (24, 30); expected" in faults["image 2"]
    for name in set(images.names) - {"image 2"}:
        mask = read_mask(tmp_path / "pseudo", name)
        assert not np.isin(mask[:, :5], (1, 2, 3)).any() and not np.isin(mask[:, 20:], (1, 2, 3)).any()
        assert (mask == 0).any()
