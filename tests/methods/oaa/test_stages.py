import dataclasses

import numpy as np
import pytest
from PIL import Image

from tests.support.fake_run import image_set
from tests.support.oracles.proxy_labels import proxy_labels
from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.scores import Scores, write_scores
from tfwsss.data.sources import Splits
from tfwsss.methods.oaa.config import DEMO, Config
from tfwsss.methods.oaa.stages import stages
from tfwsss.runs.stage import Context, Stage
from tfwsss.settings import reading


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return image_set(tmp_path_factory.mktemp("data"))


def made(images, other=None, **values) -> dict[str, Stage]:
    settings = reading.build(Config, {"method": "oaa", **values}, "test")
    return {stage.name: stage for stage in stages(settings, Splits(images, other or images, None))}


def test_the_built_in_set_has_both_networks(images):
    assert list(made(images, **DEMO)) == ["oaa", "cam", "cam_masks", "accumulated", "oaa_plus", "maps", "labels",
                                          "pseudo", "segmenter", "relabel"]


def test_maps_are_gathered_of_all_images_that_somebody_reads(images):
    """The second network learns those of the training images; labels are made of the others."""
    training, pseudo = images.subset(images.names[:3]), images.subset(images.names[2:])
    assert made(training, pseudo)["accumulated"].settings["images"] == images.fingerprint()
    assert made(training, pseudo, plus=False)["accumulated"].settings["images"] == pseudo.fingerprint()


@pytest.mark.parametrize("plus", [True, False])
def test_labels_are_those_of_the_rule_with_the_lines_of_oaa(images, tmp_path, plus):
    """Of the second network's maps where there is one, else of what was gathered; with saliency the last stage."""
    source, saliency = "maps" if plus else "accumulated", {}
    for place, name in enumerate(images.names):
        random = np.random.default_rng(place)
        planes = np.stack([random.integers(0, 256, (24, 32)).astype(np.float32) for _ in images.labels[name]])
        write_scores(tmp_path / source, name, Scores(np.array(images.labels[name], np.int32), planes, (24, 32)))
        saliency[name] = tmp_path / f"saliency {place}.png"
        Image.fromarray(np.uint8(random.integers(0, 2, (24, 32)) * 255)).save(saliency[name])
    own = dataclasses.replace(images, saliency=saliency)
    stage = made(own, data={"saliency": str(tmp_path)}, plus=plus)["pseudo"]
    assert stage.needs == (source,) and stage.section == "labels"
    assert stage.work(Context(), {source: tmp_path / source}, tmp_path / "pseudo") == {}
    for name in images.names:
        kept = np.load(tmp_path / source / f"{name}.npz")["scores"].astype(np.float32)
        expected = proxy_labels(kept, own.read_saliency(name), conflict=0.9, strong=0.8)
        ids = np.append(0, np.array(images.labels[name]) + 1)
        expected = np.where(expected == 255, 255, ids[np.where(expected == 255, 0, expected)])
        np.testing.assert_array_equal(read_mask(tmp_path / "pseudo", name), expected)
