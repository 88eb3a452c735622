"""A network without weights to learn, whose maps one can foresee, and pictures of two halves for it."""

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np
from PIL import Image

from tfwsss.data.image_set import ImageSet

STRIDE = 4


def plain_maps(**maps: Sequence[tuple[float, float]]) -> keras.Model:
    """Returns a network of stride 4: each map's values are `(dark, bright)` of each class, straight lines between."""
    image = keras.Input((None, None, 3), name="image")
    light = keras.layers.AveragePooling2D(STRIDE, STRIDE, padding="same")(image)
    outputs = {}
    for key, values in maps.items():
        layer = keras.layers.Conv2D(len(values), 1, name=key)
        outputs[key] = layer(light)
        dark, bright = np.array(values, np.float32).T
        layer.set_weights([np.stack([bright - dark, 0 * dark, 0 * dark])[None, None] / 255, dark])
    return keras.Model(image, outputs)


def halves(images: ImageSet, folder) -> ImageSet:
    """Gives an image set pictures of 24x32 pixels whose left half is bright and whose right half is dark."""
    picture = np.zeros((24, 32, 3), np.uint8)
    picture[:, :16] = 255
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(folder / "halves.png")
    return dataclasses.replace(images, images=dict.fromkeys(images.names, folder / "halves.png"))
