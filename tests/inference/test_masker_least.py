"""Images that show nothing: by every rule, in one go and inside a graph."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.support.untrained import untrained_run
from tests.support.whole_images import pictures, written
from tfwsss.inference.see import see
from tfwsss.methods.opened import load_run

pytestmark = pytest.mark.large

RULES = [("icd", "pseudo"), ("affinitynet", "pseudo"), ("affinitynet", "cam_masks"),
         ("oaa", "pseudo"), ("retrain", "masks")]


@pytest.mark.parametrize(("method", "stage"), RULES)
def test_an_image_whose_likeliest_class_is_less_likely_gets_a_mask_of_background(tmp_path, method, stage):
    """Midway between the least and the most likely of four images; the others' masks stay, and so do those of tags."""
    shown = [pictures(1, (48, 64), seed)[0] for seed in range(4)]
    images = written(tmp_path, shown, [(0,), (1,), (0, 2), (2,)])
    sections = {"cam_masks": {"threshold": 0.3}, "walk": {"alpha": 4.0}, "labels": {"threshold": 0.3}}
    sections = {key: sections[key] for key in sections if (method, key) in
                {("affinitynet", "cam_masks"), ("affinitynet", "walk"), ("oaa", "labels")}}
    masker = load_run(untrained_run(tmp_path / "run", method, **sections)).masker(stage)[1]
    before = dict(masker.masks(images, images.names, tagged=False, certainty=True))
    likely = {name: found.likely.max() for name, found in before.items()}
    least = (min(likely.values()) + max(likely.values())) / 2
    careful = dataclasses.replace(masker, least=float(least))
    after = dict(careful.masks(images, images.names, tagged=False, certainty=True))
    nothing = {name for name in images.names if likely[name] < least}
    assert 0 < len(nothing) < 4 and any(before[name].mask.any() for name in nothing)
    for name, found in after.items():
        np.testing.assert_array_equal(found.mask, 0 if name in nothing else before[name].mask)
        np.testing.assert_allclose(found.likely, before[name].likely, atol=1e-6)      # told all the same
    tagged = dict(careful.masks(images, images.names, tagged=True))
    for name, found in masker.masks(images, images.names, tagged=True):
        np.testing.assert_array_equal(tagged[name].mask, found.mask)
    name = min(nothing)
    image, maps = tf.constant(images.read_image(name)), {}
    for look in careful.looks:
        maps |= see(look.network, careful.stride, look.view, image[None], careful.num_ids)
    answer = tf.function(careful.answer, autograph=False)({key: each[0] for key, each in maps.items()}, image)
    assert not answer.mask.numpy().any()
