import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.support.fake_run import image_set
from tests.support.plain_maps import halves, plain_maps
from tests.support.untrained import untrained_run
from tfwsss.data.image_set import ImageSet
from tfwsss.inference.decide.walk import Walker
from tfwsss.inference.sharpen import CRF
from tfwsss.methods.affinitynet import masker as module
from tfwsss.methods.affinitynet.config import Config
from tfwsss.methods.opened import load_run
from tfwsss.settings import reading
from tfwsss.steps import classifier
from tfwsss.steps.class_maps import ClassMapNetwork

pytestmark = pytest.mark.usefixtures("eagerly")      # in graphs: tests/inference/test_masker.py, tests/test_journeys*

SEEN = ((1.0, 0.2), (0.1, 1.0), (0.3, 0.6))
"""Height of each class's map on the dark right and on the bright left half."""


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> ImageSet:
    """Five pictures, the left half bright, the right half dark."""
    base = tmp_path_factory.mktemp("data")
    return halves(image_set(base), base / "halves")


def built(**values) -> Config:
    return reading.build(Config, {"method": "affinitynet", "cam": {"canvas": 33, "batch_size": 2},
                                  "pseudo": {"iterations": 0}, **values}, "test")


def standing_still() -> Walker:
    planes = keras.Input((None, None, None), name="planes")
    image = keras.Input((None, None, 3), name="image")
    return Walker(keras.Model({"image": image, "planes": planes}, keras.layers.Identity()(planes)), 4, (0.0, 0.0, 0.0))


def load_plain(monkeypatch, logits: list[float]) -> list:
    """Lets class maps be halves of `SEEN`, logits be plain, and the walk stand still; returns what was loaded."""
    asked = []
    network = plain_maps(cam=SEEN, position_logits=[(height, height) for height in logits])
    monkeypatch.setattr(classifier, "load_class_maps", lambda folder: asked.append(folder) or ClassMapNetwork(network))
    monkeypatch.setattr(module, "load_walker", lambda folder, settings: asked.append(folder) or standing_still())
    return asked


def masks(config: Config, images: ImageSet, tagged: bool) -> dict[str, np.ndarray]:
    return {name: found.mask for name, found in
            module.masker(config, Path("run")).masks(images, images.names, tagged)}


@pytest.mark.parametrize(("logits", "left", "right"), [
    ([-1.0, 2.0, -3.0], 2, 2), ([0.5, 0.25, -1.0], 2, 1), ([-2.0, -3.0, -1.0], 3, 3), ([0.1, -0.1, 0.1], 3, 1)])
def test_without_tags_the_likely_classes_count(images, monkeypatch, logits, left, right):
    """Those above one half, or else the likeliest, by their logits and not by their maps."""
    load_plain(monkeypatch, logits)
    for mask in masks(built(walk={"alpha": 64.0}), images, tagged=False).values():
        assert mask.shape == (24, 32) and (mask[:, :12] == left).all() and (mask[:, 20:] == right).all()


def test_tags_are_believed(images, monkeypatch):
    """Whatever the classifier says; each network is loaded once."""
    asked = load_plain(monkeypatch, [-5.0, -5.0, -5.0])
    for name, mask in masks(built(walk={"alpha": 64.0}), images, tagged=True).items():
        assert set(np.unique(mask)) <= {0, *(label + 1 for label in images.labels[name])} and mask.any()
    assert asked == [Path("run/affinity"), Path("run/classifier")]
    none = dataclasses.replace(images, labels=dict.fromkeys(images.names, ()))
    assert not any(mask.any() for mask in masks(built(), none, tagged=True).values())


def test_given_stages_are_used(monkeypatch, tmp_path):
    """Also the masks' threshold, from which the power follows where it is not set."""
    asked = load_plain(monkeypatch, [1.0, 1.0, 1.0])
    (tmp_path / "threshold.json").write_text(json.dumps({"threshold": 0.275508}))
    given = {"classifier": "one", "affinity": "two", "cam_masks": str(tmp_path)}
    settings = {"given": given, "walk": {"alpha": None}, "cam": {"canvas": 33, "scales": [1.0, 0.5], "mirror": True}}
    made = module.masker(built(**settings), Path("run"))
    assert asked == [Path("two"), Path("one")]
    walker, alpha, views = made.decide.args
    assert alpha == pytest.approx(4.0, rel=1e-5) and views == 4 and made.others == (walker.network,)
    module.class_maps(built(given=given), Path("run"))
    assert asked[-1] == Path("one")


def test_masks_end_with_the_crf_of_the_pseudo_labels(monkeypatch):
    load_plain(monkeypatch, [1.0, 1.0, 1.0])
    config = built(pseudo={"iterations": 7, "certainty": 0.4})
    own = config.pseudo.model_dump(exclude={"implementation", "certainty"})
    assert module.masker(config, Path("run")).crf == CRF(own, 0.4, "lattice")


@pytest.mark.parametrize("canvas", [33, None])
def test_a_run_makes_masks_of_photographs(images, tmp_path, canvas):
    """On canvases or at their own size; the networks are those of the run, each under its own name."""
    run = untrained_run(tmp_path / "run", "affinitynet", walk={"alpha": 4.0, "steps": 4}, cam={"canvas": canvas})
    stage, masker = load_run(run).masker("pseudo")
    assert stage == "pseudo" and masker.stride == 4
    for name, found in masker.masks(images, images.names[:2], tagged=True):
        assert found.mask.shape == (24, 32)
        assert set(np.unique(found.mask)) <= {0, 255, *(label + 1 for label in images.labels[name])}
