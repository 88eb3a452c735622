"""The stage of class maps, and what panels show of them."""

import keras
import numpy as np
import pytest

from tests.support.fake_run import image_set
from tests.support.oracles.seeds import strongest_class
from tests.support.oracles.upsample import upsample
from tests.support.transformers import make_shallow
from tests.support.whole_images import network
from tfwsss.artefacts.files import finished
from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.scores import Scores, read_scores
from tfwsss.backbones.build import build_backbone
from tfwsss.inference.see import Seer
from tfwsss.inference.views import Canvas, OwnSize, squares
from tfwsss.runs.stage import Context
from tfwsss.steps.attention_spread import BEFORE, spread_network
from tfwsss.steps.cam_masks import ThresholdSettings, cam_mask_stage, cam_masker
from tfwsss.steps.class_maps import (
    ClassMapNetwork,
    MapSettings,
    SpreadMapSettings,
    class_map_stage,
    strongest_panel,
)
from tfwsss.training.fitting import PANEL_THRESHOLD

COLOUR = (1.0, 2.0, 3.0)


@pytest.fixture
def images(tmp_path):
    return image_set(tmp_path / "data")          # five of 24x32 pixels, one or two of three classes each


@pytest.mark.parametrize(("settings", "view", "views"), [
    (MapSettings(), Canvas(513, colour=COLOUR), 1),
    (MapSettings(canvas=99, scales=(1.0, 0.5), mirror=True, batch_size=7), Canvas(99, (1.0, 0.5), True, COLOUR, 7), 4),
    (MapSettings(canvas=None, scales=(0.5, 1.0, 2.0)), OwnSize((0.5, 1.0, 2.0)), 3),
    (MapSettings(canvas=None, mirror=True), OwnSize(mirror=True), 2),
    (MapSettings(canvas=65, stretch=True, scales=(1.0, 0.5), batch_size=7), squares(65, (1.0, 0.5), False, 7), 2)])
def test_settings_say_how_images_are_seen(settings, view, views):
    assert settings.view(COLOUR) == view and settings.views == views


@pytest.mark.parametrize("key", ["cam", "scores"])
@pytest.mark.parametrize("canvas", [33, None])
def test_a_stage_of_maps(images, tmp_path, canvas, key):
    """The network is loaded once, from the folder of its stage, and asked for what is missing only."""
    loaded, settings = [], MapSettings(canvas=canvas, scales=(1.0, 0.5), mirror=True)
    stage = class_map_stage("maps", images, settings, "net",
                            lambda folder: loaded.append(folder) or ClassMapNetwork(network(), COLOUR), key)
    assert (stage.name, stage.kind, stage.needs, stage.settings["canvas"]) == ("maps", "scores", ("net",), canvas)
    inputs, output = {"net": tmp_path / "net"}, tmp_path / "maps"
    assert stage.work(Context(), inputs, output) == {}
    seer = Seer(network(), settings.view(COLOUR))
    for name in images.names:
        found, classes = read_scores(output, name), list(images.labels[name])
        maps = seer(images.read_image(name)[None])[key].numpy()[0][..., classes]
        np.testing.assert_allclose(found.scores, np.moveaxis(maps, -1, 0), rtol=2.0**-10, atol=1e-5)
        assert found.classes.tolist() == classes and found.scores.dtype == np.float16
        assert (found.size, found.covers) == ((24, 32), (canvas or 24, canvas or 32))
    (output / "image 3.npz").unlink()
    assert stage.work(Context(), inputs, output) == {} and stage.work(Context(), inputs, output) == {}
    assert loaded == [tmp_path / "net"] * 2 and finished(output, "scores", images.names)


def test_an_image_that_cannot_be_read_is_a_fault(images, tmp_path):
    images.images["image 1"].write_bytes(b"no image")
    stage = class_map_stage("cam", images, MapSettings(canvas=33), "net", lambda folder: ClassMapNetwork(network()))
    faults = stage.work(Context(), {"net": tmp_path}, tmp_path / "cam")
    assert list(faults) == ["image 1"] and len(finished(tmp_path / "cam", "scores", images.names)) == 4


def test_a_panel_shows_strength_and_the_mask_of_a_fixed_threshold():
    planes = np.random.default_rng(0).normal(size=(2, 5, 6)).astype(np.float16)
    cam = Scores(np.array([0, 2]), planes, (17, 23), (33, 33))
    strengths, masks = strongest_panel(cam)
    ids, strength = strongest_class(upsample(cam.scores, cam.size, cam.covers), cam.classes)
    np.testing.assert_allclose(strengths["CAM"], strength, atol=1e-5)
    expected = np.where(strength > PANEL_THRESHOLD, ids, 0)
    assert np.mean(masks["CAM mask"] == expected) > 0.99 and masks["CAM mask"].dtype == np.uint8
    assert set(np.unique(masks["CAM mask"])) == {0, 1, 3}


@pytest.mark.parametrize(("values", "words"), [
    ({"scales": ()}, "at least 1 item"), ({"scales": (0.0,)}, "greater than 0"), ({"canvas": 0}, "greater than 0"),
    ({"canvas": None, "stretch": True}, "stretch needs a canvas to fill")])
def test_settings_that_make_no_sense(values, words):
    with pytest.raises(ValueError, match=words):
        MapSettings(**values)


@pytest.fixture
def spread_settings(tmp_path, monkeypatch):
    make_shallow(monkeypatch)
    keras.utils.set_random_seed(0)
    build_backbone("dinov2_small", width=1 / 64).save_weights(tmp_path / "vit.weights.h5")
    return SpreadMapSettings(canvas=33, scales=(1.0, 0.5), mirror=True, affinity="vit", transformer={
        "initial": tmp_path / "vit.weights.h5", "width": 1 / 64})


def test_a_stage_of_spread_maps_and_its_masker_agree(images, tmp_path, spread_settings):
    """A photograph's mask is that of the stages, to the rounding of kept maps; and spreading changes it."""
    loaded = ClassMapNetwork(network(), COLOUR, logits="cam")
    plain = spread_settings.model_copy(update={"affinity": None})
    for name, settings in (("spread", spread_settings), ("plain", plain)):
        stage = class_map_stage("cam", images, settings, "net", lambda folder: loaded)
        assert stage.work(Context(), {"net": tmp_path}, tmp_path / name / "cam") == {}
        masks = cam_mask_stage("cam_masks", images, ThresholdSettings(threshold=0.5), "cam")
        assert masks.work(Context(), {"cam": tmp_path / name / "cam"}, tmp_path / name / "masks") == {}
    seer = Seer(spread_network(network(), "cam", spread_settings.transformer), spread_settings.view(COLOUR))
    changed = 0
    for name, found in cam_masker(loaded, spread_settings, 0.5).masks(images, images.names, tagged=True):
        kept, mask = read_scores(tmp_path / "spread" / "cam", name), read_mask(tmp_path / "spread" / "masks", name)
        maps = seer(images.read_image(name)[None])["cam"].numpy()[0][..., kept.classes]
        np.testing.assert_allclose(kept.scores, np.moveaxis(maps, -1, 0), rtol=2.0**-10, atol=1e-5)
        assert np.mean(found.mask == mask) > 0.99
        changed += np.count_nonzero(mask != read_mask(tmp_path / "plain" / "masks", name))
    assert changed > 100
    spread = loaded.spread(spread_settings)
    assert spread.logits == BEFORE and loaded.spread(MapSettings()) is loaded


def test_spreading_is_asked_for_with_weights(spread_settings):
    with pytest.raises(ValueError, match=r"random weights says nothing; set transformer.initial"):
        SpreadMapSettings(affinity="vit")
    assert SpreadMapSettings().facts() == MapSettings().facts()              # runs that are there stay as they are
    assert spread_settings.facts()["transformer"]["blocks"] == 8
