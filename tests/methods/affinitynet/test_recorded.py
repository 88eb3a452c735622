"""AffinityNet from a photograph to its label map, on VGG-16 of full width, against what the original programs gave."""

import keras
import numpy as np
import pytest
from tfwsss.steps.views import at_own_size

from tests.support.arrays import recorded
from tests.support.oracles.affinity_labels import cell_means
from tests.support.oracles.background import normalise, with_background
from tests.support.oracles.seeds import resize_maps
from tests.support.psa import fill, worst
from tests.support.shared import shared_file
from tfwsss.artefacts.scores import Scores
from tfwsss.backbones.vgg16 import vgg16
from tfwsss.layers.random_walk import RandomWalk
from tfwsss.methods import labelling, walking
from tfwsss.methods.affinitynet.stages import WalkSettings
from tfwsss.models.affinity import AffinityNet
from tfwsss.models.classifier import Classifier, class_maps
from tfwsss.settings.sections import CRFSettings

LOGARITHMS = (0, 2, 4, 8)          # of the recorded walks' steps


def fixture(name: str) -> dict:
    return dict(np.load(shared_file(f"fixtures/psa/{name}.npz"), allow_pickle=False))


def scores(planes: np.ndarray, classes) -> Scores:
    """Class maps as a stage leaves them, here at the image's own size."""
    return Scores(np.array(classes, np.int32), planes, planes.shape[1:])


@pytest.fixture(scope="module")
def affinity_net() -> AffinityNet:
    model = AffinityNet(vgg16(form="affinitynet", fc6_dilation=4), group_norm=True)
    fill(model, "vgg16_aff")
    return model


@pytest.fixture(scope="module")
def cam() -> np.ndarray:
    """Class maps of the recorded image by our network, at the image's own sizes: no canvas, as the original does."""
    data = fixture("pipeline_vgg16_2007_000032")
    model = Classifier(vgg16(form="affinitynet"), num_classes=20, root=True)
    fill(model, "vgg16_cls")
    classes = np.flatnonzero(data["label"]).astype(np.int32)
    return at_own_size(class_maps(model), data["image"], classes, (1.0, 0.5, 1.5, 2.0), mirror=True)["cam"]


def test_class_maps(cam):
    data = fixture("pipeline_vgg16_2007_000032")
    assert np.flatnonzero(data["label"]).tolist() == data["cam_keys"].tolist()
    assert worst(normalise(cam), data["cam"]) < 1e-4
    ids = np.array([0, *(data["cam_keys"] + 1)])
    plain = ids[np.concatenate([np.full((1, *cam.shape[1:]), 0.2), normalise(cam)]).argmax(axis=0)]
    assert np.mean(plain == data["cam_pred"]) >= 0.999


def test_labels_to_learn_from(cam, monkeypatch):
    """Both CRFs' marginals, and the label rule on them."""
    data, seen, run = fixture("pipeline_vgg16_2007_000032"), [], labelling.dense_crf
    monkeypatch.setattr(labelling, "dense_crf", lambda *args, **more: seen.append(run(*args, **more)) or seen[-1])
    found = labelling.sure_labels(data["image"], scores(cam, data["cam_keys"]), 4.0, 32.0, CRFSettings())
    strong, weak = np.moveaxis(seen[0], -1, 1)
    np.testing.assert_allclose(strong, data["la_crf"], atol=1e-4)
    np.testing.assert_allclose(weak, data["ha_crf"], atol=1e-4)
    expected = np.where(data["la_crf"].argmax(0) > 0, data["crf_keys"][data["la_crf"].argmax(0)], 255)
    expected[data["ha_crf"].argmax(0) == 0] = 0
    assert np.mean(found == expected) >= 0.999


def test_label_map(cam, affinity_net):
    data = fixture("pipeline_vgg16_2007_000032")
    walker = walking.build_walker(affinity_net, WalkSettings())
    found = walking.walked(walker, data["image"], scores(cam, data["cam_keys"]), 16.0)
    assert np.mean(found == data["rw_pred"]) >= 0.999 and set(np.unique(found)) == {1, 15}


@pytest.mark.parametrize("logarithm", LOGARITHMS)
def test_label_maps_after_fewer_steps(affinity_net, logarithm, monkeypatch):
    """Of given class maps, the second's maximum is 0.9, with all three ids in the result."""
    monkeypatch.setattr(walking, "normalise", lambda maps: maps)
    data = fixture("walk_vgg16_aff")
    walker = walking.build_walker(affinity_net, WalkSettings(alpha=16.0, sharpness=8.0, steps=2 ** logarithm))
    assert (walker.stride, walker.colour) == (8, (122.675, 116.669, 104.008))
    found = walking.walked(walker, data["image"], scores(data["cam"][1:], data["cam_rows"][1:] - 1), 16.0)
    assert np.mean(found == data[f"pred_logt{logarithm}"]) >= 0.999 and set(np.unique(found)) == {0, 1, 15}


@pytest.mark.parametrize("logarithm", LOGARITHMS)
def test_walked_planes(logarithm):
    """From given class maps along given affinities, up to the enlarged planes."""
    data, affinity = fixture("walk_vgg16_aff"), recorded("psa_walk")["affinity"]
    planes = with_background(data["cam"][1:], 16.0)
    np.testing.assert_allclose(planes[0], data["cam"][0], atol=1e-6)
    pooled = cell_means(planes, 8)
    np.testing.assert_allclose(pooled, data["cam_pooled"], atol=1e-6)
    walked = RandomWalk(steps=2 ** logarithm)(np.moveaxis(pooled, 0, -1)[None], affinity[None])
    walked = np.moveaxis(keras.ops.convert_to_numpy(walked)[0], -1, 0)
    np.testing.assert_allclose(walked.reshape(3, -1), data[f"rw_logt{logarithm}"], atol=1e-5)
    if logarithm == 8:
        np.testing.assert_allclose(resize_maps(walked, (104, 128)), data["rw_up"], atol=1e-5)
