"""Rules on kept maps; for each rule itself see `tests.inference.decide`."""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.support.fake_run import image_set, write_maps
from tfwsss.artefacts.scores import read_scores
from tfwsss.inference.decide.decision import Decision
from tfwsss.inference.decide.threshold import decide_by_threshold
from tfwsss.inference.kept import KeptRule
from tfwsss.steps.kept_masks import kept_masks
from tfwsss.steps.saliency import SaliencyMaps


@pytest.fixture
def images(tmp_path):
    """Five of 24x32 pixels; the saliency of the third is too narrow, the fourth has none."""
    found, saliency = image_set(tmp_path / "data"), {}
    for name in ("image 0", "image 1", "image 2", "image 4"):
        saliency[name] = tmp_path / f"{name}.png"
        Image.fromarray(np.full((24, 32 if name != "image 2" else 30), 200, np.uint8)).save(saliency[name])
    return dataclasses.replace(found, saliency=saliency)


def test_a_rule_sees_the_maps_of_each_image(images, tmp_path):
    write_maps(tmp_path / "cam", images)
    (tmp_path / "cam" / "image 3.npz").write_bytes(b"torn")
    rule = KeptRule(functools.partial(decide_by_threshold, 0.4), ("cam",))
    found = dict(kept_masks(rule, images, {"maps": tmp_path / "cam"}, {"cam": "maps"}, images.names))
    assert list(found) == list(images.names) and "image 3.npz" in str(found.pop("image 3"))
    for name, mask in found.items():
        np.testing.assert_array_equal(mask, rule({"cam": read_scores(tmp_path / "cam", name)}))


def test_saliency_is_of_the_images_size(images, tmp_path):
    """The rule here says nothing but what is salient."""
    write_maps(tmp_path / "cam", images)
    rule = KeptRule(lambda maps, picture, classes: Decision(None, tf.cast(picture.saliency > 100, tf.int32)), ("cam",),
                    saliency=True)
    found = dict(kept_masks(rule, images, {"cam": tmp_path / "cam"}, {"cam": "cam"}, images.names,
                            SaliencyMaps(tmp_path)))
    assert "image 2.png: a saliency map of (24, 30); expected" in str(found["image 2"])
    assert "'image 3' has no saliency map" in str(found["image 3"])
    for name in ("image 0", "image 1", "image 4"):
        assert (found[name] == images.labels[name][0] + 1).all()
