"""AffinityNet from a photograph to its label map, on VGG-16 of full width, against what the original programs gave."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support.arrays import recorded
from tests.support.oracles.affinity_labels import affinity_labels
from tests.support.oracles.background import normalise
from tests.support.oracles.seeds import resize_maps
from tests.support.psa import fill, worst
from tests.support.shared import shared_file
from tfwsss.artefacts.scores import Scores
from tfwsss.backbones.vgg16 import vgg16
from tfwsss.batches.sure_cells import sure_cells
from tfwsss.inference import own_size
from tfwsss.inference.decide import walk
from tfwsss.inference.kept import KeptRule
from tfwsss.inference.mirrored import as_kept
from tfwsss.inference.see import Seer
from tfwsss.inference.views import OwnSize
from tfwsss.layers.random_walk import RandomWalk
from tfwsss.models.affinity import AffinityNet
from tfwsss.models.classifier import Classifier, class_maps
from tfwsss.ops.cam import cell_means, with_background
from tfwsss.settings.sections import CRFSettings
from tfwsss.steps.confident_labels import sure_pixels, two_marginals
from tfwsss.steps.crf import crf_from_scores
from tfwsss.steps.random_walk import WalkSettings, build_walker

LOGARITHMS = (0, 2, 4, 8)          # of the recorded walks' steps
VIEW = OwnSize((1.0, 0.5, 1.5, 2.0), mirror=True)
VIEWS = 8


def fixture(name: str) -> dict:
    return dict(np.load(shared_file(f"fixtures/psa/{name}.npz"), allow_pickle=False))


@pytest.fixture(scope="module")
def data() -> dict:
    return fixture("pipeline_vgg16_2007_000032")


def scores(planes: np.ndarray, classes) -> Scores:
    """Class maps as a stage leaves them, here at the image's own size."""
    return Scores(np.array(classes, np.int32), planes, planes.shape[1:])


def walked(walker: walk.Walker, image: np.ndarray, cam: Scores, views: int) -> np.ndarray:
    rule = functools.partial(walk.decide_by_walk, walker, 16.0, views)
    return KeptRule(rule, ("cam",), image=True)({"cam": cam}, image)


@pytest.fixture(scope="module")
def affinity_net() -> AffinityNet:
    model = AffinityNet(vgg16(form="affinitynet", fc6_dilation=4), group_norm=True)
    fill(model, "vgg16_aff")
    return model


@pytest.fixture(scope="module")
def cam(data) -> np.ndarray:
    """Class maps of the recorded image by our network, `(class, row, column)`, before they are rounded to be kept."""
    model = Classifier(vgg16(form="affinitynet"), num_classes=20, root=True)
    fill(model, "vgg16_cls")
    classes = np.flatnonzero(data["label"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(own_size, "as_kept", lambda maps: maps)
        found = Seer(class_maps(model, ["cam"]), VIEW)(data["image"][None])["cam"][0].numpy()
    return np.ascontiguousarray(np.moveaxis(found[..., classes], -1, 0))


@pytest.fixture(scope="module")
def kept(cam, data) -> Scores:
    """The same as stages keep them, in half precision."""
    return scores(as_kept(cam).numpy().astype(np.float16), data["cam_keys"])


@pytest.fixture(scope="module")
def marginals(cam, data) -> np.ndarray:
    """Of both CRFs, `(2, 1 + class, row, column)`."""
    return two_marginals(data["image"], scores(cam, data["cam_keys"]), (4.0, 32.0), VIEWS,
                         crf_from_scores(CRFSettings()))


def test_class_maps(cam, data):
    assert np.flatnonzero(data["label"]).tolist() == data["cam_keys"].tolist()
    ours = normalise(VIEWS * cam)                                      # the original adds its views up
    print(f"class maps: within {worst(ours, data['cam']):.1e}")
    assert worst(ours, data["cam"]) < 3e-5
    ids = np.array([0, *(data["cam_keys"] + 1)])
    plain = ids[np.concatenate([np.full((1, *cam.shape[1:]), 0.2), ours]).argmax(axis=0)]
    assert np.mean(plain == data["cam_pred"]) >= 0.999


def test_marginals_of_both_crfs(marginals, data):
    """The constant is added to the sum of the views, as there."""
    for ours, name in zip(marginals, ("la_crf", "ha_crf"), strict=True):
        print(f"{name}: within {np.abs(ours - data[name]).max():.1e}")
        np.testing.assert_allclose(ours, data[name], rtol=0, atol=1e-4)


def test_labels_of_pixels(marginals, kept, data):
    """What both CRFs are sure of; also from class maps in half precision."""
    expected = affinity_labels(data["la_crf"], data["ha_crf"], data["cam_keys"], block=1)
    from_kept = two_marginals(data["image"], kept, (4.0, 32.0), VIEWS, crf_from_scores(CRFSettings()))
    for found in (marginals, from_kept):
        assert np.mean(sure_pixels(found, data["cam_keys"]) == expected) >= 0.999


@pytest.mark.parametrize("corner", [(0, 0), (3, 5), (17, 30)])
def test_labels_of_cells(marginals, data, corner):
    """Of any crop: the marginals' means over 8 x 8 pixels decide."""
    cut = np.s_[..., corner[0]:, corner[1]:]
    expected = affinity_labels(data["la_crf"][cut], data["ha_crf"][cut], data["cam_keys"], block=8)
    own = marginals[cut]
    planes = tf.constant(np.moveaxis(own.reshape(-1, *own.shape[2:]), 0, -1))
    assert np.mean(sure_cells(planes, data["label"].astype(np.float32), 8) == expected) >= 0.999


def test_label_map(cam, kept, affinity_net, data):
    walker = build_walker(affinity_net, WalkSettings())
    for maps in (scores(cam, data["cam_keys"]), kept):
        found = walked(walker, data["image"], maps, VIEWS)
        assert np.mean(found == data["rw_pred"]) >= 0.999 and set(np.unique(found)) == {1, 15}


@pytest.mark.parametrize("logarithm", LOGARITHMS)
def test_label_maps_after_fewer_steps(affinity_net, logarithm, monkeypatch):
    """Of given class maps, the second's maximum is 0.9, with all three ids in the result."""
    monkeypatch.setattr(walk, "normalise_by_class", lambda maps, *_, **__: maps)
    own = fixture("walk_vgg16_aff")
    walker = build_walker(affinity_net, WalkSettings(alpha=16.0, sharpness=8.0, steps=2 ** logarithm))
    assert (walker.stride, walker.colour) == (8, (122.675, 116.669, 104.008))
    found = walked(walker, own["image"], scores(own["cam"][1:], own["cam_rows"][1:] - 1), 1)
    assert np.mean(found == own[f"pred_logt{logarithm}"]) >= 0.999 and set(np.unique(found)) == {0, 1, 15}


@pytest.mark.parametrize("logarithm", LOGARITHMS)
def test_walked_planes(logarithm):
    """From given class maps along given affinities, up to the enlarged planes."""
    own, affinity = fixture("walk_vgg16_aff"), recorded("psa_walk")["affinity"]
    planes = with_background(np.moveaxis(own["cam"][1:], 0, -1), 16.0)
    np.testing.assert_allclose(planes[..., 0], own["cam"][0], atol=1e-6)
    pooled = cell_means(planes, 8)
    np.testing.assert_allclose(np.moveaxis(pooled, -1, 0), own["cam_pooled"], atol=1e-6)
    spread = keras.ops.convert_to_numpy(RandomWalk(steps=2 ** logarithm)(pooled[None], affinity[None]))
    spread = np.moveaxis(spread[0], -1, 0)
    np.testing.assert_allclose(spread.reshape(3, -1), own[f"rw_logt{logarithm}"], atol=1e-5)
    if logarithm == 8:
        np.testing.assert_allclose(resize_maps(spread, (104, 128)), own["rw_up"], atol=1e-5)
