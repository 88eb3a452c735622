import numpy as np
import pytest
from tfwsss.steps.viewing import SegmentSettings, View, look

from tests.support.fake_run import image_set
from tests.support.oracles.upsample import strongest, upsample
from tfwsss.artefacts.masks import read_mask
from tfwsss.backbones.small import small
from tfwsss.errors import ImageFault, UserError
from tfwsss.layers.dense_crf import dense_crf
from tfwsss.models.classifier import Classifier
from tfwsss.models.segmenter import Segmenter
from tfwsss.settings.sections import CRFSettings, RunSettings
from tfwsss.steps.segment import decide, keep_labels, load_viewer, mask_stage, segment

RANDOM = np.random.default_rng(0)
CRF = CRFSettings(iterations=2, position_deviation=9.0)


@pytest.fixture
def images(tmp_path):
    return image_set(tmp_path / "data")          # five of 24x32 pixels, one or two of three classes each


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "segmenter"
    folder.mkdir()
    Segmenter(small(width=0.25), num_ids=4, width=8).save(folder / "model.keras")
    return folder


def view() -> View:
    planes = RANDOM.uniform(0.1, 1.0, (4, 7, 9)).astype(np.float32)
    return View(planes / planes.sum(axis=0), (24, 32), (25, 33))


@pytest.mark.parametrize("labels", [(), (1,), (0, 2), (0, 1, 2)])
def test_only_an_images_own_classes_count(labels):
    before, kept = view(), {0, *(label + 1 for label in labels)}
    after = keep_labels(before, labels)
    np.testing.assert_allclose(after.probabilities.sum(axis=0), 1, atol=1e-6)
    for plane in range(4):
        assert after.probabilities[plane].any() == (plane in kept)
    ratio = after.probabilities[sorted(kept)] / before.probabilities[sorted(kept)]
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:1], ratio.shape), rtol=1e-5)


def test_no_probability_for_any_label_leaves_numbers():
    nothing = View(np.stack([np.zeros((2, 2)), np.ones((2, 2))]).astype(np.float32), (5, 5), (5, 5))
    assert np.isfinite(keep_labels(nothing, ()).probabilities).all()


def test_a_mask_is_the_likeliest_id():
    image = RANDOM.integers(0, 256, (24, 32, 3)).astype(np.uint8)
    found = view()
    np.testing.assert_array_equal(decide(found, image, CRFSettings(iterations=0)),
                                  strongest(found.probabilities, (24, 32), (25, 33))[0])


def test_the_crf_begins_with_the_probabilities():
    image, found = RANDOM.integers(0, 256, (24, 32, 3)).astype(np.uint8), view()
    planes = np.moveaxis(upsample(found.probabilities, (24, 32), (25, 33)), 0, -1)
    parameters = CRF.model_dump(exclude={"certainty"})
    expected = dense_crf(-np.log(planes), image, **parameters).argmax(-1)
    mask = decide(found, image, CRF)
    np.testing.assert_array_equal(mask, expected)
    assert mask.dtype == np.uint8 and (mask != decide(found, image, CRFSettings(iterations=0))).any()


@pytest.mark.parametrize("tagged", [False, True])
def test_images_one_after_another(images, folder, tagged):
    """A broken image is a fault, and the others go on; tags strike classes."""
    settings = SegmentSettings(tagged=tagged, scales=(1.0, 0.5))
    images.images[images.names[1]].write_bytes(b"no image")
    viewer = load_viewer(folder)
    found = dict(segment(viewer, images, images.names, settings))
    assert list(found) == list(images.names) and isinstance(found[images.names[1]], ImageFault)
    name = images.names[0]
    expected = look(viewer, images.read_image(name), settings)
    expected = keep_labels(expected, images.labels[name]) if tagged else expected
    np.testing.assert_array_equal(found[name][0].probabilities, expected.probabilities)
    allowed = {0, *(label + 1 for label in images.labels[name])} if tagged else set(range(4))
    assert found[name][1].shape == (24, 32) and set(np.unique(found[name][1])) <= allowed


def test_the_stage(images, folder, tmp_path):
    """Masks of all images but the broken one, which is told."""
    images.images[images.names[1]].write_bytes(b"no image")
    stage = mask_stage("masks", images, RunSettings(method="none"), SegmentSettings(), "segmenter")
    assert (stage.kind, stage.needs) == ("masks", ("segmenter",))
    (tmp_path / "masks").mkdir()
    faults = stage.work({"segmenter": folder}, tmp_path / "masks")
    assert list(faults) == [images.names[1]]
    for name in set(images.names) - set(faults):
        assert read_mask(tmp_path / "masks", name).shape == (24, 32)


def test_another_network(tmp_path):
    Classifier(small(width=0.25), num_classes=3).save(tmp_path / "model.keras")
    with pytest.raises(UserError, match="holds a Classifier; expected the Segmenter"):
        load_viewer(tmp_path)
