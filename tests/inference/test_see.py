"""Whole images shown to a network: one trace for all sizes, several at once as one by one."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support.whole_images import COLOUR, KERNELS, STRIDE, kernel, network, pictures, written
from tfwsss.errors import ImageFault, UserError
from tfwsss.inference import see as seeing
from tfwsss.inference.see import Seer, check_covers, covered, images_at_a_time, see, stride_of
from tfwsss.inference.views import Canvas, OwnSize, Resized, Windows

VIEWS = {"canvas": Canvas(60, (1.0, 0.5), True, COLOUR), "own size": OwnSize((1.0, 1.5), True),
         "resized": Resized(41, stride=4, scales=(1.0, 0.5), mirror=True),
         "windows": Windows(41, (1.0, 1.5), True, COLOUR)}
SIZES = [(40, 57), (57, 40), (1, 1), (1, 150), (150, 1), (90, 64)]
EACH = pytest.mark.parametrize("kind", VIEWS)


def model_of(kind: str) -> keras.Model:
    return network({"logits": kernel(4, 5)} if kind == "windows" else KERNELS)


@functools.cache
def seer_of(kind: str) -> Seer:
    """Returns one that is traced once for all tests."""
    return Seer(model_of(kind), VIEWS[kind])


@pytest.mark.parametrize("stride", [1, 4, 8, 16])
def test_the_stride_of_a_network(stride):
    image = keras.Input((None, None, 3))
    assert stride_of(keras.Model(image, {"cam": keras.layers.Conv2D(2, 3, stride, padding="same")(image)})) == stride


@EACH
def test_unknown_sizes_are_traced_once(kind, monkeypatch):
    traces, work = [], seeing.see
    monkeypatch.setattr(seeing, "see", lambda *arguments: traces.append(1) or work(*arguments))
    seer = Seer(model_of(kind), VIEWS[kind])
    for place, size in enumerate(SIZES):
        seer(pictures(1 + place % 3, size))
    assert len(traces) == 1


@EACH
def test_several_images_at_once_are_as_one_by_one(kind):
    seer = seer_of(kind)
    for size in SIZES:
        images = pictures(3, size)
        together = seer(images)
        for place in range(3):
            alone = seer(images[place:place + 1])
            assert list(alone) == list(together)
            for key, maps in alone.items():         # rounding to half precision may fall to the other side
                np.testing.assert_allclose(together[key][place], maps[0], rtol=2.0**-10, atol=1e-5)


@EACH
def test_a_compiled_network_sees_what_an_uncompiled_one_does(kind):
    model, images = model_of(kind), pictures(2, (40, 57))
    found = seer_of(kind)(images)
    expected = see(lambda x: model(x, training=False), STRIDE, VIEWS[kind], tf.constant(images), 4)
    for key, maps in expected.items():
        np.testing.assert_allclose(found[key], maps, rtol=2.0**-10, atol=1e-5)


@pytest.mark.parametrize(("kind", "size", "expected"), [
    ("canvas", (40, 57), (61, 61)), ("canvas", (90, 64), (90, 90)), ("own size", (40, 57), (40, 57)),
    ("windows", (40, 57), (41, 57))])
def test_what_maps_cover_of_an_image(kind, size, expected):
    assert tuple(map(int, covered(STRIDE, VIEWS[kind], size))) == expected
    assert seer_of(kind).covered(size) == expected


@pytest.mark.parametrize(("view", "size", "expected"), [
    (Canvas(65, batch_size=7), (3000, 4000), 7), (OwnSize(), (100, 100), 4), (OwnSize(), (300, 500), 2),
    (OwnSize(), (3000, 4000), 1), (Windows(65, batch_size=3), (10, 10), 3), (Windows(65, batch_size=3), (65, 130), 1),
    (Windows(513, batch_size=4), (375, 500), 4)])
def test_as_many_images_at_a_time_as_memory_allows(view, size, expected):
    assert images_at_a_time(view, size) == expected


@pytest.mark.parametrize("kind", ["canvas", "own size"])          # no stage keeps probabilities
def test_kept_maps_are_those_of_the_labelled_classes(kind, tmp_path):
    """Each image once, whatever the order; what cannot be read is a fault beside the others."""
    labels = [(0, 2), (1,), (), (0, 1, 2), (2,), (0,)]
    shown = [pictures(1, size, seed)[0] for seed, size in enumerate([(40, 57), (90, 64), (40, 57), (1, 30), (57, 40)])]
    images = written(tmp_path, [*shown, shown[0]], labels)
    images.images["image 4"].write_bytes(b"no image")
    seer = seer_of(kind)
    pairs = list(seer.scores(images, images.names))
    found = dict(pairs)
    assert len(pairs) == 6 and set(found) == set(images.names) and isinstance(found["image 4"], ImageFault)
    for place, name in enumerate(images.names):
        if name == "image 4":
            continue
        image = images.read_image(name)
        for key, scores in found[name].items():
            assert scores.classes.tolist() == list(labels[place]) and scores.size == image.shape[:2]
            assert scores.covers == seer.covered(image.shape[:2])
            expected = np.moveaxis(seer(image[None])[key].numpy()[0][..., list(labels[place])], -1, 0)
            np.testing.assert_allclose(scores.scores, expected, rtol=2.0**-10, atol=1e-5)


@EACH
def test_a_network_on_replicas_gives_the_same(kind, strategy):
    """A panel in a training on two replicas asks for one image: one of them would get none."""
    with strategy.scope():
        shared = model_of(kind)
        found = Seer(shared, VIEWS[kind])(pictures(1, (40, 57)))
    assert shared.distribute_strategy.num_replicas_in_sync == 2
    for key, maps in seer_of(kind)(pictures(1, (40, 57))).items():
        np.testing.assert_allclose(found[key], maps, rtol=2.0**-10, atol=1e-5)


def test_maps_that_cover_different_parts_of_an_image_are_refused():
    check_covers({"cam": (33, 33), "scores": (33, 33)})
    check_covers({"cam": (5, 9)})
    with pytest.raises(UserError, match=r"maps of a cover \(33, 33\) pixels of an image, those of c \(33, 65\); see "
                                        r"images on the same canvas: set a.canvas and c.canvas alike"):
        check_covers({"a": (33, 33), "b": (33, 33), "c": (33, 65)})
