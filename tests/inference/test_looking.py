"""How the graph shows images to a network, beside what `steps.class_maps` and `steps.viewing` do with arrays."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tfwsss.inference.served import Canvas, Windows
from tfwsss.serving import looking
from tfwsss.steps.viewing import SegmentSettings, Viewer, look

from tests.support.fake_run import image_set
from tfwsss.methods import maps

COLOUR = (100.0, 120.0, 90.0)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """A network of stride 8 that sees colours and their places."""
    keras.utils.set_random_seed(3)
    image = keras.Input((None, None, 3))
    x = keras.layers.Rescaling(1 / 64)(image)
    for _ in range(3):
        x = keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="tanh", bias_initializer="normal")(x)
    return keras.Model(image, {"logits": keras.layers.Conv2D(4, 3, padding="same")(x)})


def called(network):
    return lambda image: network(image, training=False)


PICTURES = [np.random.default_rng(k).integers(0, 256, (*size, 3)).astype(np.uint8)
            for k, size in enumerate([(40, 57), (57, 57), (1, 30), (90, 64), (1, 1), (31, 150)])]


@pytest.mark.parametrize(("scales", "mirror", "colour"), [
    ((1.0,), False, 127.0), ((1.0, 0.5, 1.5), True, 127.0), ((0.75,), True, COLOUR)])
def test_canvases(network, tmp_path, scales, mirror, colour):
    """Maps of several images at once: those that `score_images` averages, whatever the size of the images."""
    images = image_set(tmp_path, count=len(PICTURES))
    for name, picture in zip(images.names, PICTURES, strict=True):
        Image.fromarray(picture).save(images.images[name])
    images = dataclasses.replace(images, labels=dict.fromkeys(images.names, (0, 1, 2)))
    settings = maps.MapSettings(canvas=60, scales=scales, mirror=mirror, batch_size=3)
    stride, view = maps.stride_of(network), Canvas(60, scales, mirror, colour)
    side = looking.canvas_side(stride, view)
    assert (stride, side) == (8, 65)
    files = tf.ragged.constant([picture.tolist() for picture in PICTURES], dtype=tf.uint8, inner_shape=(3,))
    found = looking.see_on_canvases(called(network), stride, view, lambda place: files[place].to_tensor(),
                                    len(PICTURES))["logits"].numpy()
    assert found.shape == (len(PICTURES), 9, 9, 4)
    for place, (_, maps_of) in enumerate(maps.score_images(network, images, images.names, settings, colour)):
        wanted = maps_of["logits"]
        np.testing.assert_allclose(found[place][..., :3], np.moveaxis(wanted.scores, 0, -1), atol=1e-5)
        picture = looking.canvas_cover(tf.constant(PICTURES[place]), side)
        assert tuple(map(int, picture.covers)) == wanted.covers and tuple(picture.size) == wanted.size


@pytest.mark.parametrize("average", ["probabilities", "logits", "logits_and_maximum"])
@pytest.mark.parametrize(("scales", "mirror", "window"), [((1.0,), False, 513), ((1.0, 0.75, 1.5), True, 513),
                                                         ((1.0, 1.5), True, 41), ((0.5,), False, 33)])
def test_windows(network, average, scales, mirror, window):
    """Probabilities of images of any size: those of `viewing.look`, in one window or in many."""
    settings = SegmentSettings(scales=scales, mirror=mirror, window=window, average=average)
    view = Windows(window, scales, mirror, COLOUR, average)
    traced = tf.function(lambda image: looking.see_in_windows(called(network), 4, 8, view, image), autograph=False,
                         input_signature=[tf.TensorSpec((None, None, 3), tf.uint8)])
    for pixels in PICTURES:
        found, picture = traced(pixels)
        wanted = look(Viewer(network, 8, COLOUR), pixels, settings)
        np.testing.assert_allclose(found["probabilities"], np.moveaxis(wanted.probabilities, 0, -1), atol=1e-5)
        assert tuple(map(int, picture.covers)) == wanted.covers
