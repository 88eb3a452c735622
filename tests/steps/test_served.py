"""The methods' rules in the graph, beside the same rules on arrays."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tfwsss.inference.served import Canvas, Picture, Windows
from tfwsss.steps.served import decide_by_icd, decide_by_threshold, decide_by_walk, from_maps, from_viewer
from tfwsss.steps.viewing import Viewer

from tests.support.oracles.icd import seeds_of_scores
from tests.support.oracles.seeds import decide_cam
from tests.support.oracles.upsample import upsample
from tests.support.untrained import NETWORKS, untrained_run
from tfwsss.artefacts.scores import Scores
from tfwsss.methods import affinitynet, icd, walking
from tfwsss.methods.opened import load_run
from tfwsss.methods.retrain.stages import Config
from tfwsss.settings.reading import build
from tfwsss.settings.sections import CRFSettings
from tfwsss.steps.class_maps import MapSettings
from tfwsss.steps.crf import UNSURE

RANDOM = np.random.default_rng(4)
SIZES = [(33, 47), (1, 30), (48, 1), (16, 16), (1, 1)]


def picture(size):
    image = RANDOM.integers(0, 256, (*size, 3)).astype(np.uint8)
    return image, Picture(tf.constant(image), (49, 49))


def in_mask(found, classes) -> np.ndarray:
    """The graph's numbers of kept classes as mask ids."""
    ids = np.zeros(256, np.uint8)
    ids[: len(classes) + 1], ids[255] = [0, *(label + 1 for label in classes)], 255
    return ids[np.asarray(found)]


@pytest.mark.parametrize("corners_aligned", [True, False])
@pytest.mark.parametrize("classes", [[0, 1, 2], [1], [0, 2], []])
@pytest.mark.parametrize("size", SIZES)
def test_icds_seeds(corners_aligned, classes, size):
    maps = {key: RANDOM.normal(size=(7, 7, 3)).astype(np.float32) for key in ("cam", "scores")}
    decision = decide_by_icd(corners_aligned, maps, picture(size)[1], tf.constant(classes, tf.int32))
    arrays = {key: Scores(np.array(classes, int), np.moveaxis(value, -1, 0)[classes], size, (49, 49))
              for key, value in maps.items()}
    wanted = seeds_of_scores(arrays["scores"], arrays["cam"], corners_aligned=corners_aligned)
    np.testing.assert_array_equal(in_mask(decision.ids, classes), wanted)
    assert decision.scores.shape == (*size, 1 + len(classes))
    assert np.all((decision.scores >= 0) & (decision.scores <= 1))


@pytest.mark.parametrize("lift", [0.0, -9.0])         # below 0 everywhere: nothing but background
@pytest.mark.parametrize("classes", [[0, 1, 2], [1], []])
@pytest.mark.parametrize("size", SIZES)
def test_class_maps_under_a_threshold(lift, classes, size):
    maps = RANDOM.normal(lift, size=(7, 7, 3)).astype(np.float32)
    decision = decide_by_threshold(0.4, {"cam": maps}, picture(size)[1], tf.constant(classes, tf.int32))
    cam = upsample(np.moveaxis(maps, -1, 0)[classes], size, (49, 49))
    np.testing.assert_array_equal(in_mask(decision.ids, classes), decide_cam(cam, classes, 0.4))
    assert decision.scores.shape == (*size, 1 + len(classes))
    assert np.all((decision.scores >= 0) & (decision.scores <= 1))


@pytest.fixture(scope="module")
def walker():
    keras.utils.set_random_seed(1)
    settings = build(affinitynet.Config, {"method": "affinitynet", "walk": {"steps": 16}}, "test").walk
    return walking.build_walker(NETWORKS["affinitynet"]["affinity"](), settings)


@pytest.mark.parametrize("classes", [[0, 1, 2], [1], []])
@pytest.mark.parametrize("size", SIZES)
def test_the_walk(walker, classes, size):
    maps = RANDOM.normal(size=(7, 7, 3)).astype(np.float32)
    image, place = picture(size)
    decision = decide_by_walk(walker, 4.0, {"cam": maps}, place, tf.constant(classes, tf.int32))
    cam = Scores(np.array(classes, int), np.moveaxis(maps, -1, 0)[classes], size, (49, 49))
    np.testing.assert_array_equal(in_mask(decision.ids, classes), walking.walked(walker, image, cam, 4.0))
    assert decision.scores.shape == (*size, 1 + len(classes)) and np.isfinite(decision.scores).all()


def test_how_networks_of_maps_are_served():
    network = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(2, 3, 4, padding="same")])
    network = keras.Model(network.inputs, {"cam": network.outputs[0]})
    crf = CRFSettings(iterations=4, certainty=0.7)
    served = from_maps(network, MapSettings(canvas=99, scales=(1.0, 0.5), mirror=True), crf, logits="cam", decide=max)
    assert served.look == Canvas(99, (1.0, 0.5), True, 127.0) and served.stride == 4
    other = from_maps(network, MapSettings(canvas=99), crf, logits="cam", decide=max, colour=(1.0, 2.0, 3.0))
    assert other.look == Canvas(99, pad_value=(1.0, 2.0, 3.0))
    assert (served.certainty, served.unsure, served.crf["iterations"]) == (0.7, UNSURE, 4)
    assert set(served.crf) == {"iterations", "gaussian_deviation", "gaussian_weight", "position_deviation",
                               "colour_deviation", "bilateral_weight"}


def test_how_segmentation_networks_are_served():
    network = keras.Model((image := keras.Input((None, None, 3))), {"logits": keras.layers.Conv2D(3, 1)(image)})
    settings = build(Config, {"method": "retrain", "masks": {"window": 99, "average": "logits", "mirror": True}}, "")
    served = from_viewer(Viewer(network, 1, (1.0, 2.0, 3.0)), settings.masks)
    assert served.look == Windows(99, (1.0,), True, (1.0, 2.0, 3.0), "logits")
    assert served.certainty is None and served.crf["iterations"] == 0 and served.network is network


@pytest.mark.parametrize("method", [icd, affinitynet])
def test_methods_say_how_they_are_served(method, tmp_path):
    """A run's own files, or those that are given; with what a CRF needs."""
    run = untrained_run(tmp_path / "run", method.__name__.rpartition(".")[2])
    if method is affinitynet:
        (run / "cam_masks").mkdir()
        (run / "cam_masks" / "threshold.json").write_text('{"threshold": 0.3}')
    served = method.served(load_run(run).config, run)
    assert isinstance(served.look, Canvas) and served.look.side == 65 and served.crf["iterations"] == 2
    assert len(served.others) == (method is affinitynet)
