"""Whole images at one size: sizes, the two programs' rules of resizing, coins, and batches that go on."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from tests.support.fake_run import image_set
from tests.support.pillow import pillow
from tfwsss.batches.frames import LONGEST, Frame, frame_size, framed_batches, in_frame
from tfwsss.errors import UserError


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return image_set(tmp_path_factory.mktemp("data"))


def photo(rows=37, columns=53, seed=0):
    small = np.random.default_rng(seed).integers(0, 256, (rows // 6 + 1, columns // 6 + 1, 3))
    return small.repeat(6, 0).repeat(6, 1)[:rows, :columns].astype(np.uint8)


@pytest.mark.parametrize(("size", "frame", "expected"), [
    ((375, 500), Frame(224), (224, 299)), ((500, 375), Frame(224), (299, 224)), ((333, 500), Frame(224), (224, 336)),
    ((10, 10), Frame(224), (224, 224)), ((1, 5000), Frame(224), (224, 672)), ((375, 500), Frame(225, True), (225, 225)),
    ((375, 500), Frame(224, stride=16), (225, 305)), ((30, 30), Frame(3, stride=16), (17, 17)),
    ((375, 500), Frame(100, True, 16), (97, 97)), ((7, 9), Frame(97, True, 4), (97, 97))])
def test_sizes(size, frame, expected):
    """224 / 375 of 500 is 298.67; a whole number of strides and a pixel; a thin image is cut off at three sides."""
    assert tuple(frame_size(size, frame).numpy()) == expected and LONGEST == 3


def test_opencvs_cubic_rule_keeps_what_leaves_the_bytes():
    found = in_frame(photo(), Frame(64)).numpy()
    expected = cv2.resize(photo().astype(np.float32), (92, 64), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(found, expected, atol=2e-3)
    assert found.min() < 0 and found.max() > 255


def test_pillows_cubic_rule_gives_its_bytes():
    found = in_frame(photo(), Frame(20, rule="cubic")).numpy()
    np.testing.assert_array_equal(found, pillow(photo(), (20, 29), "cubic"))
    assert found.dtype == np.float32


@pytest.mark.parametrize("frame", [Frame(33, True, 4), Frame(20), Frame(20, rule="cubic")])
def test_a_batch_is_its_images_in_a_graph_of_unknown_sizes(frame):
    graph = tf.function(lambda x: in_frame(x, frame), input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8)])
    both = np.stack([photo(seed=0), photo(seed=1)])
    found = graph(both)
    for place, each in enumerate(both):
        np.testing.assert_allclose(found[place], in_frame(each, frame), atol=1e-4)
    assert graph.get_concrete_function().output_shapes[1:3] == ([33, 33] if frame.square else [None, None])


def read(data):
    return [({key: value.numpy() for key, value in x.items()}, {key: value.numpy() for key, value in y.items()})
            for x, y in data]


def test_each_image_once_an_epoch_with_its_place_and_coins(images):
    elements = read(framed_batches(images, Frame(24), batch_size=1, drop=0.5, epochs=8))
    assert len(elements) == 40
    coins = {"mirrored": set(), "dropped": set()}
    for epoch in range(8):
        own = elements[5 * epoch:5 * epoch + 5]
        assert sorted(int(x["index"][0]) for x, _ in own) == list(range(5))
        for x, y in own:
            name = images.names[x["index"][0]]
            expected = in_frame(images.read_image(name), Frame(24)).numpy()
            np.testing.assert_allclose(x["image"][0], expected[:, ::-1] if x["mirrored"][0] else expected, atol=1e-4)
            np.testing.assert_array_equal(y["labels"][0], images.multi_hot(name))
            for coin, seen in coins.items():
                seen.add(int(x[coin][0]))
    assert coins == {"mirrored": {0, 1}, "dropped": {0, 1}}
    plain = read(framed_batches(images, Frame(24), batch_size=1, mirror=False, epochs=4))
    assert not any(x["mirrored"].any() or x["dropped"].any() for x, _ in plain)


def test_batches_go_on_where_training_stopped(images):
    whole = read(framed_batches(images, Frame(25, True, 4), batch_size=2, epochs=3, seed=1))
    rest = read(framed_batches(images, Frame(25, True, 4), batch_size=2, epochs=3, seed=1, initial_epoch=1))
    assert len(whole) == 6 and len(rest) == 4
    for (x, y), (later, same) in zip(whole[2:], rest, strict=True):
        assert x["image"].shape == (2, 25, 25, 3)
        for key in x:
            np.testing.assert_array_equal(x[key], later[key])
        np.testing.assert_array_equal(y["labels"], same["labels"])


def test_maps_to_learn_are_mirrored_with_their_image(images):
    def attention(name):
        maps = np.zeros((2, 3, 3), np.float32)
        maps[:, 0, images.names.index(name) % 3] = 0.5
        return maps

    mirrored = set()
    for x, y in read(framed_batches(images, Frame(25, True, 4), batch_size=5, epochs=3, attention=attention)):
        for place, index in enumerate(x["index"]):
            expected = attention(images.names[index])
            flip = bool(x["mirrored"][place])
            np.testing.assert_array_equal(y["attention"][place], expected[:, ::-1] if flip else expected)
            mirrored.add(flip)
    assert mirrored == {False, True}


@pytest.mark.parametrize("rule", ["opencv", "cubic"])
def test_colours_are_changed_as_bytes(images, rule):
    plain, other = (read(framed_batches(images, Frame(24, rule=rule), batch_size=1, colours=colours))
                    for colours in ((), (0.3, 0.3, 0.3, 0.1)))
    assert len(plain) == len(other) == 5
    for (before, _), (after, _) in zip(plain, other, strict=True):
        image = after["image"]
        assert before["index"] == after["index"] and np.abs(image - before["image"]).max() > 1
        assert (image == np.round(image)).all() and image.min() >= 0 and image.max() <= 255


def test_no_images(images):
    with pytest.raises(UserError, match="no usable image"):
        framed_batches(images.subset(()), Frame(24), batch_size=1)
