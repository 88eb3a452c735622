import json

import numpy as np
import pytest

from tests.support.fake_run import image_set, write_maps
from tests.support.oracles.background import normalise, with_background
from tests.support.oracles.upsample import upsample
from tests.support.tiny_run import AFFINITYNET
from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.scores import Scores, read_scores
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import UserError
from tfwsss.layers.dense_crf import dense_crf
from tfwsss.methods import labelling
from tfwsss.methods.affinitynet.stages import Config
from tfwsss.settings import reading
from tfwsss.settings.sections import CRFSettings
from tfwsss.steps.cam_masks import ThresholdSettings
from tfwsss.steps.confident_labels import LabelSettings, label_stage, power, sure_labels

RUN = reading.build(Config, {**AFFINITYNET, "method": "affinitynet"}, "test")
CRF = CRFSettings(iterations=3, position_deviation=20.0)


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> ImageSet:
    return image_set(tmp_path_factory.mktemp("data"))      # five of 24x32 pixels, one or two of three classes each


@pytest.mark.parametrize(("alpha", "threshold", "kept", "expected"), [
    (16.0, None, None, 16.0), (16.0, 0.3, 0.4, 16.0), (None, 0.5, 0.4, 1.0), (None, None, 0.275508, 4.0),
    (None, None, 0.122833, 16.0)])
def test_which_power_counts(tmp_path, alpha, threshold, kept, expected):
    """The one that is set, else that of the threshold that is set, else that of the chosen one."""
    if kept is not None:
        (tmp_path / "threshold.json").write_text(json.dumps({"threshold": kept}))
    assert power(alpha, ThresholdSettings(threshold=threshold), tmp_path) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("contents", [None, "", "{}", "[1]", '{"threshold": null}', "\xff", '{"threshold": "x"}'])
def test_no_power_without_a_threshold(tmp_path, contents):
    if contents is not None:
        (tmp_path / "cam_masks").mkdir()
        (tmp_path / "cam_masks" / "threshold.json").write_bytes(contents.encode("latin-1"))
    with pytest.raises(UserError, match="threshold.json: no threshold in it; add --redo cam_masks, or set cam_masks."):
        power(None, ThresholdSettings(), tmp_path / "cam_masks")


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_a_threshold_that_parts_nothing_has_no_power(tmp_path, threshold):
    with pytest.raises(UserError, match="parts nothing"):
        power(None, ThresholdSettings(threshold=threshold), tmp_path)


@pytest.fixture
def inputs(images, tmp_path):
    """What the stages before leave: class maps and the masks' threshold."""
    write_maps(tmp_path / "cam", images)
    (tmp_path / "cam_masks").mkdir()
    (tmp_path / "cam_masks" / "threshold.json").write_text('{"threshold": 0.25}')
    return {name: tmp_path / name for name in ("cam", "cam_masks")}


def cam_of(inputs, name: str) -> Scores:
    return read_scores(inputs["cam"], name)


def planes_of(cam: Scores, alpha: float) -> np.ndarray:
    return with_background(normalise(upsample(cam.scores, cam.size, cam.covers)), alpha)


def expected_labels(image, cam: Scores, low: float, high: float) -> np.ndarray:
    """One CRF after another, and the published rule pixel by pixel."""
    parameters = CRF.model_dump(exclude={"implementation", "certainty"})
    p, q = (dense_crf(-np.log(np.clip(np.moveaxis(planes_of(cam, alpha), 0, -1), 1e-5, 1)), image, **parameters)
            .argmax(-1) for alpha in (low, high))
    found = np.full(p.shape, 255, np.uint8)
    for place, label in enumerate(cam.classes, 1):
        found[p == place] = label + 1
    found[q == 0] = 0
    return found


@pytest.mark.parametrize("powers", [(1.0, 64.0), (4.0, 32.0)])
def test_sure_is_what_both_crfs_agree_upon(images, inputs, powers):
    seen = set()
    for name in images.names:
        image, cam = images.read_image(name), cam_of(inputs, name)
        found = sure_labels(image, cam, *powers, CRF)
        assert found.dtype == np.uint8 and found.shape == (24, 32)
        np.testing.assert_array_equal(found, expected_labels(image, cam, *powers))
        assert set(np.unique(found)) <= {0, 255, *(label + 1 for label in images.labels[name])}
        seen |= set(np.unique(found))
    assert {0, 255} < seen


def nothing(size=(24, 32)) -> Scores:
    return Scores(np.zeros(0, np.int32), np.zeros((0, 6, 8), np.float16), size)


def test_an_image_without_classes_is_background(images):
    image = images.read_image("image 0")
    np.testing.assert_array_equal(sure_labels(image, nothing(), 4.0, 32.0, CRF), np.zeros((24, 32)))


@pytest.mark.parametrize(("labels", "powers"), [
    ({"low": 2.0, "high": 9.0}, (2.0, 9.0)), ({"low": None, "high": None}, (0.25, 2.0)),
    ({"low": 3.0, "high": None}, (3.0, 2.0)), ({"low": None, "high": 9.0}, (0.25, 9.0))])
def test_powers_of_the_labels(images, inputs, tmp_path, monkeypatch, labels, powers):
    """Those that are not set are a quarter and twice that of the masks' threshold."""
    monkeypatch.setattr(labelling, "background_power", lambda threshold: {0.25: 1.0}[threshold])
    asked = []
    monkeypatch.setattr(labelling, "sure_labels", lambda image, cam, *found: asked.append(found) or image[..., 0] * 0)
    stage = label_stage("labels", images, RUN, LabelSettings(**labels, crf={"iterations": 3}))
    assert stage.work(inputs, tmp_path / "labels") == {} and len(asked) == 5
    assert {found[:2] for found in asked} == {powers} and asked[0][2].iterations == 3


def test_a_stage_of_labels(images, inputs, tmp_path):
    (inputs["cam"] / "image 1.npz").unlink()
    (inputs["cam"] / "image 3.npz").write_bytes(b"torn")
    stage = label_stage("labels", images, RUN, LabelSettings(low=1.0, high=64.0, crf=CRF))
    assert (stage.name, stage.kind, stage.needs) == ("labels", "masks", ("cam", "cam_masks"))
    faults = stage.work(inputs, tmp_path / "labels")
    assert set(faults) == {"image 1", "image 3"} and "no such file" in faults["image 1"]
    for name in ("image 0", "image 2", "image 4"):
        expected = sure_labels(images.read_image(name), cam_of(inputs, name), 1.0, 64.0, CRF)
        np.testing.assert_array_equal(read_mask(tmp_path / "labels", name), expected)
