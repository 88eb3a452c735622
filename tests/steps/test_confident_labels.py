import json

import numpy as np
import pytest

from tests.support.fake_run import image_set, kept_maps
from tests.support.oracles.affinity_labels import affinity_labels
from tests.support.oracles.background import normalise, with_background
from tests.support.oracles.upsample import upsample
from tfwsss.artefacts.files import finished
from tfwsss.artefacts.marginals import read_marginals
from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.scores import Scores, read_scores
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import UserError
from tfwsss.layers.dense_crf import dense_crf
from tfwsss.runs.stage import Context
from tfwsss.settings.sections import CRFSettings
from tfwsss.steps import confident_labels as module
from tfwsss.steps.cam_masks import ThresholdSettings
from tfwsss.steps.confident_labels import (
    KeptMaps,
    LabelSettings,
    label_stage,
    power,
    sure_pixels,
    sure_stage,
    two_marginals,
)
from tfwsss.steps.crf import crf_from_scores

CRF = CRFSettings(iterations=3, position_deviation=20.0)
MAPS = KeptMaps(ThresholdSettings(), views=4)
PARAMETERS = CRF.model_dump(exclude={"implementation", "certainty"})


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
    maps = KeptMaps(ThresholdSettings(threshold=threshold), 1)
    assert power(alpha, maps, tmp_path) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("contents", [None, "", "{}", "[1]", '{"threshold": null}', "\xff", '{"threshold": "x"}'])
def test_no_power_without_a_threshold(tmp_path, contents):
    if contents is not None:
        (tmp_path / "cam_masks").mkdir()
        (tmp_path / "cam_masks" / "threshold.json").write_bytes(contents.encode("latin-1"))
    with pytest.raises(UserError, match="threshold.json: no threshold in it; add --redo cam_masks, or set cam_masks."):
        power(None, MAPS, tmp_path / "cam_masks")


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_a_threshold_that_parts_nothing_has_no_power(tmp_path, threshold):
    with pytest.raises(UserError, match="parts nothing"):
        power(None, KeptMaps(ThresholdSettings(threshold=threshold), 1), tmp_path)


@pytest.fixture
def inputs(images, tmp_path):
    """What the stages before leave: class maps and the masks' threshold."""
    return kept_maps(tmp_path, images)


def cam_of(inputs, name: str) -> Scores:
    return read_scores(inputs["cam"], name)


def planes_of(cam: Scores, alpha: float, views: int = 1) -> np.ndarray:
    """The published program's planes, from the sum of the views' class maps."""
    return with_background(normalise(views * upsample(cam.scores, cam.size, cam.covers)), alpha)


def marginals_of(image, cam: Scores, alpha: float, views: int = 1) -> np.ndarray:
    """Of one CRF by itself, `(1 + class, row, column)`."""
    unary = -np.log(np.clip(np.moveaxis(planes_of(cam, alpha, views), 0, -1), 1e-5, 1))
    return np.moveaxis(dense_crf(unary, image, **PARAMETERS), -1, 0)


@pytest.mark.parametrize("views", [1, 8])
@pytest.mark.parametrize("powers", [(1.0, 64.0), (4.0, 32.0)])
def test_both_crfs_run_as_each_by_itself(images, inputs, powers, views):
    for name in images.names:
        image, cam = images.read_image(name), cam_of(inputs, name)
        found = two_marginals(image, cam, powers, views, crf_from_scores(CRF))
        expected = np.stack([marginals_of(image, cam, alpha, views) for alpha in powers])
        np.testing.assert_allclose(found, expected, atol=1e-4)
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_the_constant_counts_once_for_all_views(images, inputs):
    """Of faint class maps: eight views' mean is normalised as the published program does their sum."""
    faint = cam_of(inputs, "image 1")
    faint = faint._replace(scores=(faint.scores.astype(np.float32) * 1e-6).astype(np.float16))
    off = CRF.model_copy(update={"iterations": 0})
    found = [two_marginals(images.read_image("image 1"), faint, (1.0, 4.0), views, crf_from_scores(off))
             for views in (1, 8)]
    for views, planes in zip((1, 8), found, strict=True):
        expected = np.stack([planes_of(faint, alpha, views) for alpha in (1.0, 4.0)]).clip(1e-5)
        np.testing.assert_allclose(planes, expected / expected.sum(axis=1, keepdims=True), atol=1e-5)
    assert np.abs(found[0] - found[1]).max() > 0.1


def test_sure_is_what_both_crfs_agree_upon(images, inputs):
    """Pixel by pixel, by the published rule."""
    seen = set()
    for name in images.names:
        cam = cam_of(inputs, name)
        marginals = two_marginals(images.read_image(name), cam, (1.0, 64.0), 1, crf_from_scores(CRF))
        found = sure_pixels(marginals, cam.classes)
        assert found.dtype == np.uint8 and found.shape == (24, 32)
        np.testing.assert_array_equal(found, affinity_labels(*marginals, cam.classes, block=1))
        seen |= set(np.unique(found))
    assert {0, 255} < seen


def nothing(size=(24, 32)) -> Scores:
    return Scores(np.zeros(0, np.int32), np.zeros((0, 6, 8), np.float16), size)


def test_an_image_without_classes_is_background(images):
    found = two_marginals(images.read_image("image 0"), nothing(), (4.0, 32.0), 1, crf_from_scores(CRF))
    np.testing.assert_allclose(found, np.ones((2, 1, 24, 32)))
    np.testing.assert_array_equal(sure_pixels(found, np.zeros(0, np.int32)), np.zeros((24, 32)))


@pytest.mark.parametrize("kind", ["marginals", "masks"])
@pytest.mark.parametrize(("labels", "powers"), [
    ({"low": 2.0, "high": 9.0}, (2.0, 9.0)), ({"low": None, "high": None}, (0.25, 2.0)),
    ({"low": 3.0, "high": None}, (3.0, 2.0)), ({"low": None, "high": 9.0}, (0.25, 9.0))])
def test_powers_of_the_labels(images, inputs, tmp_path, monkeypatch, kind, labels, powers):
    """Those that are not set are a quarter and twice that of the masks' threshold."""
    monkeypatch.setattr(module, "background_power", lambda threshold: {0.25: 1.0}[threshold])
    asked = []

    def marginals(image, cam, *found):
        asked.append(found)
        return np.full((2, 1 + len(cam.classes), 24, 32), 1 / (1 + len(cam.classes)), np.float32)

    monkeypatch.setattr(module, "two_marginals", marginals)
    settings = LabelSettings(**labels, crf={"iterations": 3})
    stage = label_stage("labels", images, settings, MAPS, kind)
    assert stage.work(Context(), inputs, tmp_path / "labels") == {} and len(asked) == 5
    assert {(found[0], found[1]) for found in asked} == {(powers, 4)} and asked[0][2].parameters["iterations"] == 3


def spoilt(inputs) -> None:
    (inputs["cam"] / "image 1.npz").unlink()
    (inputs["cam"] / "image 3.npz").write_bytes(b"torn")


SETTINGS = LabelSettings(low=1.0, high=64.0, crf=CRF)


def test_a_stage_of_marginals(images, inputs, tmp_path):
    """Of both CRFs, kept to 1e-5; images whose maps are missing or torn are faults, and the others are made."""
    spoilt(inputs)
    stage = label_stage("marginals", images, SETTINGS, MAPS, "marginals")
    assert (stage.kind, stage.needs, stage.section, stage.split) == ("marginals", ("cam", "cam_masks"), "labels",
                                                                     "training")
    faults = stage.work(Context(), inputs, tmp_path / "marginals")
    assert set(faults) == {"image 1", "image 3"} and "no such file" in faults["image 1"]
    for name in ("image 0", "image 2", "image 4"):
        cam = cam_of(inputs, name)
        expected = two_marginals(images.read_image(name), cam, (1.0, 64.0), 4, crf_from_scores(CRF))
        np.testing.assert_allclose(read_marginals(tmp_path / "marginals", name, 1 + len(cam.classes)), expected,
                                   atol=1e-5)


def test_a_killed_stage_of_marginals_goes_on(images, inputs, tmp_path, monkeypatch):
    """What was written stays; only the rest is made; nothing half written is taken for whole."""
    stage = label_stage("marginals", images, SETTINGS, MAPS, "marginals")
    assert stage.work(Context(), inputs, tmp_path / "whole") == {}
    write = module.two_marginals

    def killed(image, cam, *found):
        if killed.left == 0:
            raise KeyboardInterrupt
        killed.left -= 1
        return write(image, cam, *found)

    killed.left = 2
    with monkeypatch.context() as patch:
        patch.setattr(module, "two_marginals", killed)
        with pytest.raises(KeyboardInterrupt):
            stage.work(Context(), inputs, tmp_path / "out")
    done = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.png")}
    assert len(done) <= 2 and stage.work(Context(), inputs, tmp_path / "out") == {}
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert finished(tmp_path / "out", "marginals", images.names) == set(images.names)
    for name in images.names:
        planes = 1 + len(images.labels[name])
        found, whole = (read_marginals(tmp_path / folder, name, planes) for folder in ("out", "whole"))
        np.testing.assert_array_equal(found, whole)


def test_a_stage_of_seeds(images, inputs, tmp_path):
    """What both CRFs are sure of, without keeping how sure."""
    spoilt(inputs)
    stage = label_stage("seeds", images, SETTINGS, MAPS, "masks")
    assert (stage.name, stage.kind, stage.needs) == ("seeds", "masks", ("cam", "cam_masks"))
    assert set(stage.work(Context(), inputs, tmp_path / "seeds")) == {"image 1", "image 3"}
    for name in ("image 0", "image 2", "image 4"):
        cam = cam_of(inputs, name)
        marginals = two_marginals(images.read_image(name), cam, (1.0, 64.0), 4, crf_from_scores(CRF))
        np.testing.assert_array_equal(read_mask(tmp_path / "seeds", name), sure_pixels(marginals, cam.classes))


def test_a_stage_of_sure_pixels(images, inputs, tmp_path):
    """Of kept marginals; those that are missing, torn or of another image's classes are faults."""
    made = label_stage("marginals", images, SETTINGS, MAPS, "marginals")
    made.work(Context(), inputs, tmp_path / "marginals")
    (tmp_path / "marginals" / "image 1.png").unlink()
    (tmp_path / "marginals" / "image 3.png").write_bytes(b"torn")
    stage = sure_stage("labels", images, SETTINGS, "marginals")
    assert (stage.kind, stage.needs, stage.split) == ("masks", ("marginals",), "training")
    faults = stage.work(Context(), {"marginals": tmp_path / "marginals"}, tmp_path / "labels")
    assert set(faults) == {"image 1", "image 3"}
    for name in ("image 0", "image 2", "image 4"):
        classes = np.array(images.labels[name])
        kept = read_marginals(tmp_path / "marginals", name, 1 + len(classes))
        np.testing.assert_array_equal(read_mask(tmp_path / "labels", name), sure_pixels(kept, classes))
