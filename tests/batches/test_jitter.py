"""Colours of a training image, beside Pillow itself, to the last grey level."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance

from tfwsss.batches.jitter import grey, jitter, turn_hue

PHOTO = np.random.default_rng(0).integers(0, 256, (61, 83, 3)).astype(np.uint8)
PHOTO[:8] = PHOTO[:8, :, :1]                                   # some without a colour
PHOTO[8:10], PHOTO[10:12] = 0, 255
KINDS = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
MOST = (0.3, 0.3, 0.3, 0.1)


def turned(image, turn):
    """Turns the hue as torchvision does: bytes of hue wrap round."""
    bytes_ = np.array(image.convert("HSV"))
    bytes_[..., 0] += np.uint8(int(turn * 255) % 256)
    return Image.fromarray(bytes_, "HSV").convert("RGB")


def by_pillow(image, amounts, order, most):
    image = Image.fromarray(image)
    for place in np.argsort(order):
        signed = np.float32(2) * np.float32(amounts[place]) - np.float32(1)
        if place == 3:
            image = turned(image, float(signed * np.float32(most[3])))
        else:
            image = KINDS[place](image).enhance(float(np.float32(1) + signed * np.float32(most[place])))
    return np.array(image)


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("amount", [0.0, 0.124, 0.5, 0.77, 0.999])
def test_each_change_is_pillows_to_the_last_pixel(place, amount):
    amounts, order = np.full(4, 0.5, np.float32), np.arange(4, dtype=np.float32)
    amounts[place] = amount
    most = [0.0, 0.0, 0.0, 0.0]
    most[place] = (0.9, 0.7, 1.0, 0.5)[place]
    ours = jitter(tf.cast(PHOTO, tf.float32), amounts, order, most)
    if place == 3:
        theirs = np.array(turned(Image.fromarray(PHOTO), float((2 * np.float32(amount) - 1) * np.float32(0.5))))
    else:
        theirs = np.array(KINDS[place](Image.fromarray(PHOTO)).enhance(
            float(np.float32(1) + (np.float32(2) * np.float32(amount) - np.float32(1)) * np.float32(most[place]))))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("seed", range(8))
def test_all_changes_in_any_order_are_pillows(seed):
    random = np.random.default_rng(seed)
    amounts, order = random.random(4).astype(np.float32), random.random(4).astype(np.float32)
    ours = tf.function(jitter)(tf.cast(PHOTO, tf.float32), amounts, order, MOST)
    np.testing.assert_array_equal(ours, by_pillow(PHOTO, amounts, order, MOST))


def test_every_hue_of_bytes_comes_back_as_pillow_gives_it_back():
    levels = np.arange(0, 256, 5)
    colours = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 52, 3).astype(np.uint8)
    for turn in (0.0, 0.37, -0.5):
        np.testing.assert_array_equal(turn_hue(tf.cast(colours, tf.float32), turn),
                                      np.array(turned(Image.fromarray(colours), turn)))


def test_grey_is_pillows():
    theirs = np.array(Image.fromarray(PHOTO).convert("L"))
    np.testing.assert_array_equal(grey(tf.cast(PHOTO, tf.float32))[..., 0], theirs)


def test_what_may_not_change_stays():
    image = tf.cast(PHOTO, tf.float32)
    np.testing.assert_array_equal(jitter(image, (0.1, 0.9, 0.3, 0.7), (0.5, 0.1, 0.2, 0.3), (0.0,) * 4), PHOTO)
