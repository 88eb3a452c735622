"""Kept class maps to proxy labels; for the rule itself see `tests.ops.test_proxy_labels`."""

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.support.fake_run import image_set
from tests.support.oracles.proxy_labels import proxy_labels
from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.scores import Scores, read_scores, write_scores
from tfwsss.errors import UserError
from tfwsss.inference.kept import KeptRule
from tfwsss.inference.sharpen import sharpen_arrays
from tfwsss.ops.proxy_labels import MCIS_LIMITS, OAA_LIMITS
from tfwsss.runs.stage import Context
from tfwsss.settings.sections import CRFSettings
from tfwsss.steps.crf import crf_from_masks
from tfwsss.steps.proxy_labels import (
    OAALabelSettings,
    ProxyLabelSettings,
    proxy_label_crf,
    proxy_label_rule,
    proxy_label_stages,
)
from tfwsss.steps.saliency import SaliencyMaps

CRF = CRFSettings(iterations=3, position_deviation=20.0, colour_deviation=20.0)


@pytest.fixture
def images(tmp_path):
    """Five of 24x32 pixels with saliency maps, whose left two thirds are salient."""
    found = image_set(tmp_path / "data")
    salient = np.zeros((24, 32), np.uint8)
    salient[:, :20] = 255
    Image.fromarray(salient).save(tmp_path / "salient.png")
    return dataclasses.replace(found, saliency=dict.fromkeys(found.names, tmp_path / "salient.png"))


@pytest.fixture
def maps(images, tmp_path) -> Path:
    """Kept maps in bytes, at the size of the images so that nothing is enlarged."""
    for place, name in enumerate(images.names):
        random = np.random.default_rng(place)
        planes = [cv2.GaussianBlur(random.normal(size=(24, 32)), (0, 0), 3) for _ in images.labels[name]]
        planes = [np.uint8((plane - plane.min()) / np.ptp(plane) * 255) for plane in planes]
        write_scores(tmp_path / "maps", name, Scores(np.array(images.labels[name], np.int32), np.stack(planes),
                                                     (24, 32)))
    return tmp_path / "maps"


def run_stages(images, maps, run, settings, saliency=None) -> list[dict]:
    """Runs the stages; returns their faults."""
    inputs = {"maps": maps, "labels": run / "labels"}
    maps_of = SaliencyMaps(saliency) if saliency else None
    made = proxy_label_stages(images, settings, CRF, source="maps", saliency=maps_of)
    return [stage.work(Context(), {need: inputs[need] for need in stage.needs}, run / stage.name) for stage in made]


def expected(images, maps, name, salient, threshold, limits) -> np.ndarray:
    planes, labels = read_scores(maps, name).scores, np.append(images.labels[name], 0)
    places = proxy_labels(planes.astype(np.uint8), images.read_saliency(name) if salient else None, threshold,
                          **limits._asdict())
    return np.where(np.isin(places, (0, 255)), places, labels[np.where(places == 255, 0, places) - 1] + 1)


@pytest.mark.parametrize(("settings", "limits"), [(ProxyLabelSettings(), MCIS_LIMITS), (
    OAALabelSettings(), OAA_LIMITS)])
def test_saliency_tells_the_background(images, maps, tmp_path, settings, limits):
    assert run_stages(images, maps, tmp_path, settings, tmp_path) == [{}]
    found = {name: read_mask(tmp_path / "pseudo", name) for name in images.names}
    for name, mask in found.items():
        np.testing.assert_array_equal(mask, expected(images, maps, name, True, 0.3, limits))
    assert all((mask[:, 20:] % 255 == 0).all() for mask in found.values())          # no object where nothing is salient
    assert {0, 255} < set(np.unique(np.stack(list(found.values()))))


@pytest.mark.parametrize("threshold", [0.3, 0.6])
def test_a_threshold_stands_for_saliency(images, maps, tmp_path, threshold):
    settings = ProxyLabelSettings(background="threshold", threshold=threshold)
    assert run_stages(images, maps, tmp_path, settings, tmp_path) == [{}]
    for name in images.names:
        mask = read_mask(tmp_path / "pseudo", name)
        np.testing.assert_array_equal(mask, expected(images, maps, name, False, threshold, MCIS_LIMITS))


def test_without_saliency_the_crf_draws_the_borders(images, maps, tmp_path):
    """It starts from the labels of the threshold."""
    assert run_stages(images, maps, tmp_path, ProxyLabelSettings(threshold=0.5)) == [{}, {}]
    for name in images.names:
        labels = read_mask(tmp_path / "labels", name)
        np.testing.assert_array_equal(labels, expected(images, maps, name, False, 0.5, MCIS_LIMITS))
        sharp = sharpen_arrays(crf_from_masks(CRF), None, labels, images.read_image(name), 4)
        np.testing.assert_array_equal(read_mask(tmp_path / "pseudo", name), sharp)


def test_a_chosen_threshold_is_kept_and_found_again(images, maps, tmp_path):
    settings = ProxyLabelSettings(threshold=None)
    run_stages(images, maps, tmp_path, settings)
    kept = json.loads((tmp_path / "labels" / "threshold.json").read_text())["threshold"]
    rule = KeptRule(proxy_label_rule(settings, tmp_path), ("cam",))
    for name in images.names:
        np.testing.assert_array_equal(rule({"cam": read_scores(maps, name)}), read_mask(tmp_path / "labels", name))
    (tmp_path / "labels" / "threshold.json").unlink()
    with pytest.raises(UserError, match="no threshold in it; add --redo labels, or set labels.threshold"):
        proxy_label_rule(settings, tmp_path)
    assert 0 < kept < 1


def test_stages_know_what_they_depend_on(images, tmp_path):
    """A finished stage is stale when another folder tells what is salient, not when a CRF that does not run changes."""
    def made(background=None, saliency=None):
        return proxy_label_stages(images, ProxyLabelSettings(background=background), CRF, source="maps",
                                  saliency=SaliencyMaps(saliency) if saliency else None)

    for background, saliency, names in (("saliency", "a", ["pseudo"]), (None, "a", ["pseudo"]),
                                        ("threshold", "a", ["pseudo"]), ("crf", "a", ["labels", "pseudo"]),
                                        (None, None, ["labels", "pseudo"])):
        stages = made(background, saliency)
        assert [stage.name for stage in stages] == names
        assert stages[0].needs == ("maps",) and (stages[0].section or stages[0].name) == "labels"
        assert stages[0].settings.get("saliency") == (saliency if names == ["pseudo"] and background != "threshold"
                                                      else None)
    with pytest.raises(UserError, match="labels.background is 'saliency' but data.saliency is not set; add"):
        made("saliency")


def test_torn_maps_and_missing_saliency_are_faults_of_their_images(images, maps, tmp_path):
    (maps / "image 1.npz").write_bytes(b"torn")
    some = dataclasses.replace(images, saliency={name: path for name, path in images.saliency.items()
                                                 if name != "image 2"})
    (faults,) = run_stages(some, maps, tmp_path, ProxyLabelSettings(), tmp_path)
    assert set(faults) == {"image 1", "image 2"} and "has no saliency map" in faults["image 2"]


def test_photographs_are_sharpened_unless_a_threshold_is_all(images):
    for background, on in ((None, True), ("saliency", True), ("crf", True), ("threshold", False)):
        assert proxy_label_crf(ProxyLabelSettings(background=background), CRF).on == on
