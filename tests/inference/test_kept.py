"""Rules on maps that a stage has kept."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.support.oracles.seeds import strongest_class
from tests.support.oracles.upsample import upsample
from tfwsss.artefacts.scores import Scores
from tfwsss.errors import ImageFault, UserError
from tfwsss.inference.decide.decision import Decision
from tfwsss.inference.decide.threshold import decide_by_threshold
from tfwsss.inference.kept import KeptRule, channels_last, strongest

RANDOM = np.random.default_rng(3)


def kept(classes=(0, 3), size=(17, 23), covers=(33, 33), grid=(5, 6)) -> Scores:
    planes = RANDOM.normal(size=(len(classes), *grid)).astype(np.float16)
    return Scores(np.array(classes, np.int32), planes, size, covers)


class Noting:
    """A rule that notes what it is given at each trace, and says the third id, background and undecided in turn."""

    def __init__(self):
        self.traces = []

    def __call__(self, maps, picture, classes):
        self.traces.append((sorted(maps), picture, classes))
        places = tf.range(picture.size[0] * picture.size[1]) % 3
        ids = tf.gather(tf.stack([tf.size(classes), 0, 255]), tf.reshape(places, picture.size))
        return Decision(tf.zeros([1, 1, 1]), ids)


def test_places_among_the_kept_classes_become_mask_ids():
    found = KeptRule(Noting(), ("cam",))({"cam": kept((0, 3), size=(1, 6))})
    assert found.dtype == np.uint8 and found.tolist() == [[4, 0, 255, 4, 0, 255]]


def test_one_trace_serves_all_sizes_and_numbers_of_classes():
    noting = Noting()
    rule = KeptRule(noting, ("cam",))
    for classes, size in (((1,), (4, 5)), ((0, 1, 2), (9, 3)), ((), (1, 1)), ((7,), (1, 300))):
        assert rule({"cam": kept(classes, size, size)}).shape == size
    assert len(noting.traces) == 1


@pytest.mark.parametrize(("image", "saliency"), [(True, False), (False, True), (False, False), (True, True)])
def test_a_rule_sees_what_it_asks_for_and_nothing_else(image, saliency):
    noting, maps = Noting(), {key: kept() for key in ("cam", "scores")}
    rule = KeptRule(noting, ("cam", "scores"), image=image, saliency=saliency)
    rule(maps, np.zeros((17, 23, 3), np.uint8), np.zeros((17, 23), np.uint8))
    (keys, picture, _), = noting.traces
    assert keys == ["cam", "scores"]
    assert (picture.image is not None, picture.saliency is not None) == (image, saliency)


def test_maps_that_say_nothing_of_what_they_cover_cover_the_image():
    rule, cam = KeptRule(functools.partial(decide_by_threshold, 0.4), ("cam",)), kept(covers=None)
    found = rule({"cam": cam})
    np.testing.assert_array_equal(found, rule({"cam": cam._replace(covers=(17, 23))}))
    assert (found != rule({"cam": cam._replace(covers=(33, 33))})).any()


def test_maps_are_given_channels_last():
    cam = kept((0, 1, 2))
    found = channels_last(cam)
    assert found.shape == (5, 6, 3) and found.dtype == np.float32 and found.flags.c_contiguous
    for place in range(3):
        np.testing.assert_array_equal(found[..., place], cam.scores[place].astype(np.float32))


def test_maps_on_canvases_of_several_sides_do_not_go_together():
    """A rule has one picture for all of its maps."""
    rule = KeptRule(Noting(), ("cam", "scores"))
    with pytest.raises(UserError, match=r"maps of cam cover \(33, 33\) .*, those of scores \(17, 23\); see images on"):
        rule({"cam": kept(), "scores": kept(covers=None)})


@pytest.mark.parametrize("other", [kept((0, 2)), kept((0,)), kept((3, 0)), kept((0, 3), size=(17, 24))])
def test_maps_of_other_classes_or_another_image_do_not_go_together(other):
    """Planes would be mixed up without a word."""
    rule = KeptRule(Noting(), ("cam", "scores"))
    message = (r"^cow: maps of cam are of classes \[0, 3\] of an image of \(17, 23\), those of scores of classes "
               rf"\[{', '.join(map(str, other.classes))}\] of \(17, 2[34]\); expected the same")
    with pytest.raises(ImageFault, match=message):
        rule({"cam": kept(), "scores": other}, name="cow")
    assert rule({"cam": kept(), "scores": kept()}, name="cow").shape == (17, 23)


@pytest.mark.parametrize("size", [(17, 22), (18, 23), (23, 17)])
def test_images_and_saliency_of_another_size_do_not_go_with_maps(size):
    image, saliency = np.zeros((*size, 3), np.uint8), np.zeros(size, np.uint8)
    right = np.zeros((17, 23), np.uint8)
    with pytest.raises(ImageFault, match=rf"^an image: an image of \({size[0]}, {size[1]}\); expected \(17, 23\), as"):
        KeptRule(Noting(), ("cam",), image=True)({"cam": kept()}, image)
    rule = KeptRule(Noting(), ("cam",), saliency=True)
    with pytest.raises(ImageFault, match=rf"^cow: a saliency map of \({size[0]}, {size[1]}\); expected a grey 8-bit "
                                         r"image of \(17, 23\), as its photograph"):
        rule({"cam": kept()}, image, saliency, name="cow")
    assert rule({"cam": kept()}, image, right).shape == (17, 23)         # at the image it does not look


@pytest.mark.parametrize("covers", [None, (33, 33)])
@pytest.mark.parametrize("classes", [(2,), (0, 3, 7)])
def test_the_strongest_class_of_kept_maps(classes, covers):
    cam = kept(classes, covers=covers)
    ids, strength = strongest(cam)
    expected = strongest_class(upsample(cam.scores, cam.size, cam.covers), classes)
    np.testing.assert_allclose(strength, expected[1], atol=1e-5)
    clear = expected[1] > 1e-5
    assert np.mean(ids[clear] == expected[0][clear]) > 0.99 and not ids[strength == 0].any()
    assert ids.dtype == np.uint8 and set(np.unique(ids)) <= {0, *(label + 1 for label in classes)}


def test_an_image_without_classes_has_no_strength():
    ids, strength = strongest(kept(()))
    assert ids.shape == strength.shape == (17, 23) and not ids.any() and not strength.any()
