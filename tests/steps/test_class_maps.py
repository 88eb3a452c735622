import dataclasses

import keras
import numpy as np
import pytest

from tests.support.fake_run import image_set
from tests.support.oracles.upsample import upsample
from tfwsss.artefacts.files import finished
from tfwsss.artefacts.models import write_model
from tfwsss.artefacts.scores import Scores, read_scores
from tfwsss.batches.streams import canvas_batches
from tfwsss.errors import UserError
from tfwsss.methods import maps
from tfwsss.settings.sections import RunSettings
from tfwsss.steps.class_maps import (
    MapSettings,
    likely,
    load_model,
    map_stage,
    score_images,
)

STRIDE = 4
KERNELS = {key: np.random.default_rng(seed).normal(size=(3, 3, 3, 3)).astype(np.float32) / 255
           for seed, key in enumerate(("cam", "scores"))}


def network() -> keras.Model:
    """One convolution a map, three classes, positions four pixels apart; not symmetric, so that mirrors differ."""
    image = keras.Input((None, None, 3))
    outputs = {}
    for key, kernel in KERNELS.items():
        layer = keras.layers.Conv2D(3, 3, STRIDE, padding="same", use_bias=False, name=key)
        outputs[key] = layer(image)
        layer.set_weights([kernel])
    return keras.Model(image, outputs)


@pytest.fixture
def images(tmp_path):
    return image_set(tmp_path / "data")          # five of 24x32 pixels, one or two of three classes each


def applied(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """The network's equation: maps (row', column', class) of an image whose sides are 4k + 1."""
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
    side = (len(image) - 1) // STRIDE + 1
    return np.array([[np.tensordot(padded[4 * row:4 * row + 3, 4 * column:4 * column + 3], kernel, 3)
                      for column in range(side)] for row in range(side)])


def oracle(images, settings: MapSettings) -> dict[str, np.ndarray]:
    """Averages over scales and mirror images, one after another: key to maps (image, class, row', column')."""
    steps = -(-(settings.canvas - 1) // STRIDE)
    passes = {key: [] for key in KERNELS}
    for scale in settings.scales:
        side = max(1, round(steps * scale)) * STRIDE + 1
        batches = canvas_batches(images, images.names, 1, side, steps * STRIDE + 1, 127.0)
        canvases = np.concatenate(list(batches.as_numpy_iterator()))
        for key, kernel in KERNELS.items():
            found = [[applied(image, kernel) for image in canvases]]
            if settings.mirror:
                found.append([applied(image[:, ::-1], kernel)[:, ::-1] for image in canvases])
            passes[key] += [[upsample(np.moveaxis(one, -1, 0), (steps + 1, steps + 1)) for one in each]
                            for each in found]
    return {key: np.mean(found, axis=0) for key, found in passes.items()}


@pytest.mark.parametrize(("canvas", "scales", "mirror", "side", "covers"), [
    (33, (1.0,), False, 9, 33), (33, (0.5, 1.0, 1.5), True, 9, 33), (34, (0.75,), True, 10, 37),
    (17, (0.5, 1.0), False, 5, 32)])
def test_maps_are_averaged_over_scales_and_mirror_images(images, canvas, scales, mirror, side, covers):
    """Canvas 34 is enlarged to the next grid, 37; images larger than canvas 17 are reduced to fit."""
    settings = MapSettings(canvas=canvas, scales=scales, mirror=mirror, batch_size=2)
    found, expected = dict(score_images(network(), images, images.names, settings)), oracle(images, settings)
    assert list(found) == list(images.names)
    for place, (name, maps_of) in enumerate(found.items()):
        for key, scores in maps_of.items():
            assert scores.classes.tolist() == list(images.labels[name])
            assert scores.scores.shape == (len(scores.classes), side, side)
            assert (scores.size, scores.covers) == ((24, 32), (covers, covers))
            own = expected[key][place][scores.classes]
            np.testing.assert_allclose(scores.scores, own, rtol=0, atol=2e-5 * np.abs(own).max())


@pytest.mark.parametrize(("given", "colour"), [
    ((), (127.0, 127.0, 127.0)), ((9.0,), (9.0, 9.0, 9.0)), (((1.0, 2.0, 3.0),), (1.0, 2.0, 3.0))])
def test_the_rest_of_a_canvas_is_grey_unless_said_otherwise(images, given, colour):
    """A network that hands on what it sees; its grid covers the canvas of 33 pixels."""
    image = keras.Input((None, None, 3))
    seen = keras.Model(image, {"cam": keras.layers.MaxPooling2D(1, STRIDE)(image)})
    images = dataclasses.replace(images, labels=dict.fromkeys(images.names, (0, 1, 2)))
    _, found = next(score_images(seen, images, ["image 0"], MapSettings(canvas=33, mirror=True), *given))
    assert (np.moveaxis(found["cam"].scores, 0, -1)[6:] == np.float32(colour)).all()


@pytest.mark.parametrize(("held", "batch_size"), [(2, 2), (1, 4), (100, 3)])
def test_neither_batches_nor_parts_change_the_maps(images, monkeypatch, held, batch_size):
    expected = dict(score_images(network(), images, images.names, MapSettings(canvas=33, batch_size=1)))
    monkeypatch.setattr(maps, "_HELD", held)
    settings = MapSettings(canvas=33, batch_size=batch_size)
    found = dict(score_images(network(), images, images.names, settings))
    assert list(found) == list(images.names)
    for name in images.names:
        np.testing.assert_allclose(found[name]["cam"].scores, expected[name]["cam"].scores, rtol=0, atol=1e-5)


def test_a_stage_of_maps(images, tmp_path):
    """The network is loaded once, from the folder of its stage, and asked for what is missing only."""
    loaded, settings, run = [], MapSettings(canvas=33), RunSettings(method="none")
    stage = map_stage("scores", images, run, settings, "net", lambda folder: loaded.append(folder) or network())
    assert (stage.name, stage.kind, stage.needs, stage.settings["canvas"]) == ("scores", "scores", ("net",), 33)
    assert stage.work({"net": tmp_path / "net"}, tmp_path / "scores") == {}
    expected = dict(score_images(network(), images, images.names, settings))
    for name in images.names:
        found = read_scores(tmp_path / "scores", name)
        np.testing.assert_array_equal(found.scores, expected[name]["scores"].scores.astype(np.float16))
        assert (found.size, found.covers) == ((24, 32), (33, 33))
    (tmp_path / "scores" / "image 3.npz").unlink()
    stage.work({"net": tmp_path / "net"}, tmp_path / "scores")
    stage.work({"net": tmp_path / "net"}, tmp_path / "scores")
    assert loaded == [tmp_path / "net"] * 2 and finished(tmp_path / "scores", "scores", images.names)


@pytest.mark.parametrize(("cam", "kept"), [
    ([-1.0, 2.0, -3.0], [5]), ([0.5, 0.25, -1.0], [0, 5]), ([-2.0, -3.0, -1.0], [7]), ([0.0, -1.0, -1.0], [0])])
def test_likely_classes(cam, kept):
    """Those of a probability of one half or more, or else the likeliest."""
    classes, planes = np.array([0, 5, 7], np.int32), np.array(cam)[:, None, None] + [[-1.0, 1.0]]
    found = likely({"cam": Scores(classes, planes, (1, 2)), "more": Scores(classes, planes * 0, (1, 2))}, "cam")
    assert [each.classes.tolist() for each in found.values()] == [kept, kept]
    assert len(found["cam"].scores) == len(kept)


def test_networks_are_loaded_by_kind(tmp_path):
    with pytest.raises(UserError, match="model.keras: no such file; let python -m tfwsss.train finish its stage"):
        load_model(tmp_path / "net", keras.Model)
    write_model(tmp_path / "net", network())
    image = np.ones((1, 33, 33, 3), "float32")
    np.testing.assert_array_equal(load_model(tmp_path / "net", keras.Model)(image)["cam"], network()(image)["cam"])
    with pytest.raises(UserError, match="model.keras: holds a Functional; expected the Sequential that"):
        load_model(tmp_path / "net", keras.Sequential)
    path = tmp_path / "net" / "model.keras"
    for contents in (path.read_bytes()[:900], b"", b"no archive"):
        path.write_bytes(contents)
        with pytest.raises(UserError, match="model.keras: cannot be read .*; train again with --redo net"):
            load_model(tmp_path / "net", keras.Model)


def test_a_network_on_replicas_gives_the_same(images, strategy):
    """A panel in a training on two replicas asks for one image: one of them would get none."""
    settings = MapSettings(canvas=33, batch_size=1, mirror=True)
    with strategy.scope():
        model = network()
    found = dict(score_images(model, images, ["image 0"], settings))["image 0"]
    expected = dict(score_images(network(), images, ["image 0"], settings))["image 0"]
    np.testing.assert_allclose(found["cam"].scores, expected["cam"].scores, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("values", "words"), [
    ({"scales": ()}, "at least 1 item"), ({"scales": (0.0,)}, "greater than 0"), ({"canvas": 0}, "greater than 0")])
def test_settings_that_make_no_sense(values, words):
    with pytest.raises(ValueError, match=words):
        MapSettings(**values)
