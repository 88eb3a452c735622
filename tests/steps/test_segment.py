"""Whole images to masks by a segmentation network."""

import keras
import numpy as np
import pytest

from tests.support.fake_run import image_set
from tests.support.whole_images import kernel, network
from tfwsss.artefacts.masks import read_mask
from tfwsss.backbones.facts import facts_of
from tfwsss.backbones.small import small
from tfwsss.errors import UserError
from tfwsss.inference import windows
from tfwsss.inference.views import Windows
from tfwsss.layers import dense_crf
from tfwsss.models.cian import CIAN
from tfwsss.models.classifier import Classifier
from tfwsss.models.segmenter import Segmenter
from tfwsss.runs.stage import Context
from tfwsss.settings.sections import CRFSettings
from tfwsss.steps.segment import (
    SegmentationNetwork,
    SegmentSettings,
    load_segmentation_network,
    segment_stage,
    segmentation_masker,
)

CRF = CRFSettings(iterations=2, position_deviation=9.0)


@pytest.fixture
def images(tmp_path):
    return image_set(tmp_path / "data")          # five of 24x32 pixels, one or two of three classes each


@pytest.fixture
def folder(tmp_path):
    keras.utils.set_random_seed(4)
    model = Segmenter(small(width=0.25), num_ids=4, width=8)
    for variable in model.trainable_variables:          # large enough that no map is all but flat
        if variable.path.split("/")[-2] == "score":
            variable.assign(variable * 30.0)
    (tmp_path / "segmenter").mkdir()
    model.save(tmp_path / "segmenter" / "model.keras")
    return tmp_path / "segmenter"


def test_how_a_masker_of_a_segmentation_network_is_put_together():
    settings = SegmentSettings(window=99, scales=(1.0, 0.5), mirror=True, average="logits", batch_size=7, crf=CRF)
    loaded = SegmentationNetwork(network({"logits": kernel(5, 0)}), (1.0, 2.0, 3.0))
    masker = segmentation_masker(loaded, settings)
    assert masker.view == Windows(99, (1.0, 0.5), True, (1.0, 2.0, 3.0), "logits", 7)
    assert masker.num_ids == 5 and masker.network is loaded.network and masker.others == ()
    assert masker.crf.parameters["iterations"] == 2 and masker.crf.certainty is None      # from the probabilities


@pytest.mark.parametrize(("scales", "iterations", "expected"), [
    ((1.0,), 0, {}), ((1.0, 0.5), 0, {"scales": windows.VERSION}), ((1.0,), 2, {"dense_crf": dense_crf.VERSION}),
    ((0.5,), 2, {"scales": windows.VERSION, "dense_crf": dense_crf.VERSION})])
def test_masks_rest_on_the_versions_of_what_made_them(images, scales, iterations, expected):
    """Those of one scale are what they were before the rule of the others was corrected."""
    settings = SegmentSettings(scales=scales, crf=CRFSettings(iterations=iterations))
    assert settings.versions == expected
    later = {layer: version for layer, version in expected.items() if version > 1}        # what a stage notes
    assert segment_stage("masks", images, settings, "segmenter").settings.get("versions", {}) == later


@pytest.mark.parametrize("tagged", [False, True])
def test_the_stage(images, folder, tmp_path, tagged):
    """Masks of all images but the broken one, which is told; tags strike classes."""
    images.images[images.names[1]].write_bytes(b"no image")
    settings = SegmentSettings(tagged=tagged, scales=(1.0, 0.5), crf=CRF)
    stage = segment_stage("masks", images, settings, "segmenter")
    assert (stage.name, stage.kind, stage.needs) == ("masks", "masks", ("segmenter",))
    assert list(stage.work(Context(), {"segmenter": folder}, tmp_path / "masks")) == [images.names[1]]
    masker, seen = segmentation_masker(load_segmentation_network(folder), settings), set()
    for name in set(images.names) - {images.names[1]}:
        mask = read_mask(tmp_path / "masks", name)
        ((_, found),) = masker.masks(images, [name], tagged)
        assert mask.shape == (24, 32) and np.mean(mask == found.mask) > 0.995
        assert set(np.unique(mask)) <= ({0, *(label + 1 for label in images.labels[name])} if tagged else set(range(4)))
        seen |= set(np.unique(mask))
    assert len(seen) > 1


@pytest.mark.parametrize("build", [lambda: Segmenter(small(width=0.25), num_ids=4, width=8),
                                   lambda: CIAN(small(width=0.25), num_ids=4, filters=8)], ids=["Segmenter", "CIAN"])
def test_networks_of_both_kinds_are_loaded(tmp_path, build):
    """With the colour of their backbone; they take single images."""
    build().save(tmp_path / "model.keras")
    loaded = load_segmentation_network(tmp_path)
    assert loaded.colour == facts_of("small").colour and list(loaded.network.output) == ["logits"]
    assert loaded.network(np.zeros((1, 33, 41, 3), np.float32))["logits"].shape == (1, 9, 11, 4)


def test_another_network_is_refused(tmp_path):
    Classifier(small(width=0.25), num_classes=3).save(tmp_path / "model.keras")
    with pytest.raises(UserError, match="holds a Classifier; expected the Segmenter"):
        load_segmentation_network(tmp_path)


@pytest.mark.parametrize(("values", "words"), [({"scales": ()}, "at least 1 item"), ({"window": 32}, "33"),
                                               ({"average": "median"}, "probabilities")])
def test_settings_that_make_no_sense(values, words):
    with pytest.raises(ValueError, match=words):
        SegmentSettings(**values)
