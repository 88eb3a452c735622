"""Whole images at their own sizes, beside a slow form; for canvases see `test_maps.py`."""

import dataclasses

import keras
import numpy as np
import pytest
from PIL import Image
from tfwsss.steps.served import from_maps
from tfwsss.steps.views import at_own_size

from tests.steps.test_class_maps import KERNELS, network
from tests.support.fake_run import image_set
from tests.support.oracles.seeds import resize_maps
from tests.support.oracles.upsample import upsample
from tfwsss.artefacts.scores import read_scores
from tfwsss.errors import UserError
from tfwsss.methods import maps
from tfwsss.settings.sections import CRFSettings, RunSettings
from tfwsss.steps.class_maps import MapSettings, likely, map_stage, score_images

IMAGE = np.random.default_rng(5).integers(0, 256, (24, 33, 3)).astype(np.uint8)
OWN = MapSettings(canvas=None, scales=(1.0, 0.5, 1.5), mirror=True)


def slowly(image: np.ndarray, kernel: np.ndarray, scales, mirror: bool) -> np.ndarray:
    """Maps (class, row, column) by Pillow, one convolution of stride 4 and OpenCV."""
    layer = keras.layers.Conv2D(3, 3, 4, padding="same", use_bias=False)
    layer.build((None, None, None, 3))
    layer.set_weights([kernel])
    found, size = [], image.shape[:2]
    for scale in scales:
        rows, columns = (max(1, round(side * scale)) for side in size)
        seen = np.array(Image.fromarray(image).resize((columns, rows), Image.Resampling.BICUBIC), np.float32)
        for way in (1, -1) if mirror else (1,):
            one = np.asarray(layer(np.ascontiguousarray(seen[None, :, ::way])))[0]
            found.append(resize_maps(np.moveaxis(one, -1, 0), size)[:, :, ::way])
    return np.mean(found, axis=0)


@pytest.mark.parametrize(("scales", "mirror"), [((1.0,), False), ((1.0, 0.5, 1.5), True), ((0.7,), True),
                                               ((0.01,), False)])
@pytest.mark.parametrize("classes", [[0, 1, 2], [2], []])
def test_maps_are_averaged_over_scales_and_mirror_images(scales, mirror, classes):
    """Sides are rounded half to even, and never to nothing."""
    found = at_own_size(network(), IMAGE, np.array(classes, np.int32), scales, mirror)
    assert list(found) == list(KERNELS)
    for key, kernel in KERNELS.items():
        expected = slowly(IMAGE, kernel, scales, mirror)[classes]
        assert found[key].shape == (len(classes), 24, 33) and found[key].dtype == np.float32
        np.testing.assert_allclose(found[key], expected, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (33, 24)])
def test_images_of_any_size(size):
    image = IMAGE[:1].repeat(size[0], axis=0)[:, :size[1]] if size[0] == 1 else IMAGE.transpose(1, 0, 2)
    for way in (1, -1):
        found = at_own_size(network(), image[:, ::way], np.arange(3, dtype=np.int32), (1.0,), True)["cam"]
        assert found.shape == (3, *size)
        if way == 1:
            first = found
    np.testing.assert_allclose(found[:, :, ::-1], first, atol=1e-5)      # a mirrored image has mirrored maps


@pytest.fixture
def images(tmp_path):
    return image_set(tmp_path / "data")          # five of 24x32 pixels, one or two of three classes each


def test_no_canvas_means_the_images_own_sizes(images):
    found = dict(score_images(network(), images, images.names, OWN, (1.0, 2.0, 3.0)))
    assert list(found) == list(images.names)
    for name, maps_of in found.items():
        classes = np.array(images.labels[name], np.int32)
        expected = at_own_size(network(), images.read_image(name), classes, OWN.scales, OWN.mirror)
        for key, scores in maps_of.items():
            assert (scores.size, scores.covers) == ((24, 32), None) and scores.classes.tolist() == classes.tolist()
            np.testing.assert_array_equal(scores.scores, expected[key])
            np.testing.assert_allclose(upsample(scores.scores, scores.size, scores.covers), expected[key], atol=1e-5)


def test_a_stage_of_maps_without_a_canvas(images, tmp_path):
    stage = map_stage("cam", images, RunSettings(method="none"), OWN, "net", lambda folder: network())
    assert stage.settings["canvas"] is None and stage.work({"net": tmp_path}, tmp_path / "cam") == {}
    expected = dict(score_images(network(), images, images.names, OWN))
    for name in images.names:
        found = read_scores(tmp_path / "cam", name)
        np.testing.assert_array_equal(found.scores, expected[name]["cam"].scores.astype(np.float16))
        assert found.size == (24, 32) and found.covers in (None, (24, 32))


def test_untagged_images_without_a_canvas(images):
    everything = dataclasses.replace(images, labels=dict.fromkeys(images.names, (0, 1, 2)))
    _, found = next(score_images(network(), everything, ["image 0"], OWN))
    means = found["cam"].scores.mean(axis=(1, 2))
    assert likely(found, "cam")["scores"].classes.tolist() == np.flatnonzero(means >= min(0, means.max())).tolist()


def test_on_replicas_the_same(images, strategy):
    with strategy.scope():
        model = network()
    found = dict(score_images(model, images, ["image 1"], OWN))["image 1"]["cam"]
    expected = dict(score_images(network(), images, ["image 1"], OWN))["image 1"]["cam"]
    np.testing.assert_allclose(found.scores, expected.scores, rtol=0, atol=1e-5)


def test_a_server_needs_a_canvas():
    with pytest.raises(UserError, match="expected a canvas, .* such as --set cam.canvas=513 --redo cam"):
        from_maps(network(), OWN, CRFSettings(), logits="cam", decide=max)
    assert from_maps(network(), maps.MapSettings(), CRFSettings(), logits="cam", decide=max).look.side == 513
