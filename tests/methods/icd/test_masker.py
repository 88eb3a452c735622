import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from tests.support.fake_run import image_set
from tests.support.plain_maps import halves, plain_maps
from tests.support.transformers import make_shallow
from tests.support.untrained import untrained_run
from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.models import write_model
from tfwsss.backbones.build import build_backbone
from tfwsss.backbones.small import small
from tfwsss.data.image_set import ImageSet
from tfwsss.data.sources import Splits
from tfwsss.errors import ImageFault, UserError
from tfwsss.inference.sharpen import CRF
from tfwsss.methods.icd import masker as module
from tfwsss.methods.icd.config import Config
from tfwsss.methods.icd.stages import stages
from tfwsss.methods.opened import load_run
from tfwsss.models.icd import ICD, scorer
from tfwsss.runs.stage import Context
from tfwsss.settings import reading
from tfwsss.steps.class_maps import ClassMapNetwork

pytestmark = pytest.mark.usefixtures("eagerly")      # in graphs: tests/inference/test_masker.py, tests/test_journeys*


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> ImageSet:
    """Five pictures, the left half bright, the right half dark."""
    base = tmp_path_factory.mktemp("data")
    return halves(image_set(base), base / "halves")


def built(**values) -> Config:
    small_maps = {"canvas": 33, "batch_size": 2}
    return reading.build(Config, {"method": "icd", "cam": small_maps, "scores": small_maps,
                                  "seeds": {"corners_aligned": True}, "pseudo": {"iterations": 0}, **values}, "test")


def load_plain(monkeypatch, cam: list[float]) -> list:
    """Lets the left half be object of every class, and class maps be plain ones of these heights."""
    asked = []
    network = plain_maps(cam=[(height, height) for height in cam], scores=[(-1.0, 1.0)] * 3)
    monkeypatch.setattr(module, "load_maps", lambda folder: asked.append(folder) or ClassMapNetwork(network,
                                                                                                    logits="cam"))
    return asked


def masks(config: Config, images: ImageSet, tagged: bool) -> dict[str, np.ndarray]:
    return {name: found.mask for name, found in
            module.masker(config, Path("run")).masks(images, images.names, tagged)}


@pytest.mark.parametrize(("cam", "expected"), [
    ([-1.0, 2.0, -3.0], {2}), ([0.5, 0.25, -1.0], {1}), ([-2.0, -3.0, -1.0], {3}), ([-2.0, -3.0, 9.0], {3})])
def test_without_tags_the_likely_classes_count(images, monkeypatch, cam, expected):
    """Those above one half, or else the likeliest; of two claims the stronger class map wins."""
    load_plain(monkeypatch, cam)
    found = masks(built(), images, tagged=False)
    assert set(found) == set(images.names)
    for mask in found.values():
        assert mask.shape == (24, 32) and set(np.unique(mask)) - {0, 255} == expected
        assert np.isin(mask[:, :13], list(expected)).all() and (mask[:, 20:] == 0).all()


def test_tags_are_believed(images, monkeypatch):
    """Whatever the class maps say."""
    asked = load_plain(monkeypatch, [-5.0, -5.0, -5.0])
    alone = images.subset(name for name in images.names if len(images.labels[name]) == 1)
    for name, mask in masks(built(), alone, tagged=True).items():
        assert set(np.unique(mask)) - {0, 255} == {alone.labels[name][0] + 1}
    none = dataclasses.replace(images, labels=dict.fromkeys(images.names, ()))
    assert all((mask == 255).all() or (mask == 0).all() for mask in masks(built(), none, tagged=True).values())
    assert asked == [Path("run/icd")] * 2


def test_a_given_network_is_used(monkeypatch):
    asked = load_plain(monkeypatch, [1.0, 1.0, 1.0])
    module.masker(built(given={"icd": "released"}), Path("run"))
    module.class_maps(built(given={"icd": "released"}), Path("run"))
    assert asked == [Path("released")] * 2


def test_masks_end_with_the_crf_of_the_pseudo_labels(monkeypatch):
    """From labels of one certainty, on the canvas of the scores."""
    load_plain(monkeypatch, [1.0, 1.0, 1.0])
    config = built(pseudo={"iterations": 7, "certainty": 0.4}, scores={"canvas": 65, "scales": [1.0, 0.5]})
    made = module.masker(config, Path("run"))
    own = config.pseudo.model_dump(exclude={"implementation", "certainty"})
    assert made.crf == CRF(own, 0.4, "lattice") and made.crf.parameters["iterations"] == 7
    assert (made.view.side, made.view.scales, made.num_ids) == (65, (1.0, 0.5), 4)


@pytest.mark.parametrize(("cam", "scores"), [(33, 65), (65, 33), (None, 65)])
def test_canvases_that_cover_different_parts_of_an_image(images, monkeypatch, cam, scores):
    """One would lie askew on the other: such images are faults that name both settings; the stage refuses them too."""
    load_plain(monkeypatch, [1.0, 1.0, 1.0])
    config = built(cam={"canvas": cam}, scores={"canvas": scores})
    found = dict(module.masker(config, Path("run")).masks(images, images.names, tagged=False))
    assert set(found) == set(images.names)
    for name, fault in found.items():
        assert isinstance(fault, ImageFault)
        assert re.match(rf"{name}: maps of scores cover \({scores}, {scores}\) pixels of an image, those of cam .*; "
                        "see images on the same canvas: set scores.canvas and cam.canvas alike", str(fault))


def test_a_saved_network_gives_logits_and_scores(tmp_path):
    model = ICD(small(width=0.25), 3, head_width=8)
    write_model(tmp_path / "icd", model)
    found = module.load_maps(tmp_path / "icd")
    image = np.random.default_rng(0).uniform(0, 255, (1, 33, 41, 3)).astype("float32")
    maps, expected = found.network(image), scorer(model)(image)
    assert found.logits == "cam" and set(maps) == {"cam", "scores"} and found.colour == (127.0,) * 3
    for key in maps:
        np.testing.assert_allclose(maps[key], expected[key], rtol=0, atol=1e-6)


def test_files_that_are_no_network_of_ours(tmp_path):
    with pytest.raises(UserError, match="model.keras: no such file; let python -m tfwsss.train finish its stage"):
        module.load_maps(tmp_path)
    other = tmp_path / "icd" / "model.keras"
    other.parent.mkdir()
    small(width=0.1).save(other)
    with pytest.raises(UserError, match="model.keras: holds a Functional; expected the ICD"):
        module.load_maps(other.parent)
    other.write_bytes(other.read_bytes()[:1000])
    with pytest.raises(UserError, match="model.keras: cannot be read .*; train again with --redo icd"):
        module.load_maps(other.parent)


@pytest.mark.parametrize(("cam", "side", "looks"), [
    ({"scales": [1.0, 0.5]}, 65, 1), ({"scales": [1.0, 1.5], "mirror": True}, 65, 2),
    ({"scales": [1.0, 0.5], "canvas": 21}, 29, 2), ({"scales": [1.0, 0.5], "affinity": "vit"}, 65, 1),
    pytest.param({"scales": [1.0, 1.5], "affinity": "vit"}, 65, 2, marks=pytest.mark.slow)])  # both of those above
def test_class_maps_are_seen_as_their_own_stage_sees_them(tmp_path, monkeypatch, cam, side, looks):
    """Masks of the stages `cam`, `scores`, `seeds` and `pseudo`, and of the Masker, are the same.

    Also on canvases of two sides, where images are larger than both: they cover the same; and where class maps are
    spread along a transformer's attention.
    """
    images = image_set(tmp_path / "data")
    if "affinity" in cam:
        make_shallow(monkeypatch)
        build_backbone("dinov2_small", width=1 / 64).save_weights(tmp_path / "vit.weights.h5")
        cam = {**cam, "transformer": {"initial": str(tmp_path / "vit.weights.h5"), "width": 1 / 64}}
    run = untrained_run(tmp_path / "run", "icd", cam={"canvas": side, **cam},
                        scores={"canvas": side, "scales": [1.0, 0.5]}, pseudo={"iterations": 2})
    config = load_run(run).config
    found = {stage.name: stage for stage in stages(config, Splits(images, images, None))}
    for name in ("cam", "scores", "seeds", "pseudo"):
        assert found[name].work(Context(), {need: run / need for need in found[name].needs}, run / name) == {}
    made = module.masker(config, run)
    assert len(made.looks) == looks
    for name, mask in made.masks(images, images.names, tagged=True):
        np.testing.assert_array_equal(mask.mask, read_mask(run / "pseudo", name))
