"""What a small network says of whole images, by hand: one image and one view after another, in double precision."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from tfwsss.data.image_set import ImageSet
from tfwsss.palette import voc_palette

STRIDE = 4
COLOUR = (100.0, 120.0, 90.0)


def kernel(channels: int, seed: int, size: int = 3) -> np.ndarray:
    """Draws weights `(size, size, 3, channel)`; not symmetric, so that mirrors differ."""
    return (np.random.default_rng(seed).normal(size=(size, size, 3, channels)) / 255).astype(np.float32)


KERNELS = {"cam": kernel(3, 0), "scores": kernel(3, 1)}
"""Of a network of two maps of three classes."""


def network(kernels=None) -> keras.Model:
    """Returns a network of one convolution a map, positions four pixels apart."""
    image, outputs = keras.Input((None, None, 3)), {}
    for key, weights in (kernels or KERNELS).items():
        layer = keras.layers.Conv2D(weights.shape[-1], weights.shape[0], STRIDE, padding="same", use_bias=False,
                                    name=key)
        outputs[key] = layer(image)
        layer.set_weights([weights])
    return keras.Model(image, outputs)


def said(image: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns what that network says of one image by its equation: `(row', column', channel)`."""
    side, margins = weights.shape[0], []
    for length in image.shape[:2]:
        missing = max((-(-length // STRIDE) - 1) * STRIDE + side - length, 0)
        margins.append((missing // 2, missing - missing // 2))
    padded = np.pad(image.astype(np.float64), (*margins, (0, 0)))
    pieces = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(0, 1))[::STRIDE, ::STRIDE]
    return np.einsum("yxcij,ijck->yxk", pieces, weights.astype(np.float64))


def interpolated(maps: np.ndarray, rows: int, columns: int, corners: bool) -> np.ndarray:
    """Resizes `(row, column, channel)` linearly: corners on corners, or between pixel centres."""
    for axis, target in ((0, rows), (1, columns)):
        source = maps.shape[axis]
        places = (np.arange(target) * ((source - 1) / max(target - 1, 1)) if corners
                  else (np.arange(target) + 0.5) * (source / target) - 0.5)
        maps = np.apply_along_axis(lambda line, at, count: np.interp(at, np.arange(count), line), axis,
                                   maps.astype(np.float64), places, source)
    return maps


def both(image: np.ndarray, mirror: bool, work) -> list[np.ndarray]:
    """Returns the maps of an image and, turned back, those of its mirror image."""
    return [work(image), *([work(image[:, ::-1])[:, ::-1]] if mirror else [])]


def pictures(count: int, size: Sequence[int], seed: int = 0) -> np.ndarray:
    """Draws images of one size: smooth blots and some noise."""
    random = np.random.default_rng(seed)
    blots = random.integers(0, 256, (count, size[0] // 7 + 1, size[1] // 7 + 1, 3)).repeat(7, 1).repeat(7, 2)
    noise = random.normal(0, 9, (count, *size, 3))
    return np.clip(blots[:, :size[0], :size[1]] + noise, 0, 255).astype(np.uint8)


def written(folder: Path, images: Sequence[np.ndarray], labels: Sequence[Sequence[int]] = (),
            classes: int = 3) -> ImageSet:
    """Writes images as PNGs; where no labels are given, each shows all classes."""
    folder.mkdir(parents=True, exist_ok=True)
    names = tuple(f"image {place}" for place in range(len(images)))
    paths = {name: folder / f"{name}.png" for name in names}
    for name, image in zip(names, images, strict=True):
        Image.fromarray(image).save(paths[name])
    labels = [tuple(each) for each in labels] or [tuple(range(classes))] * len(images)
    kinds = ("background", *(f"class {place}" for place in range(classes)))
    return ImageSet(names, folder, kinds, voc_palette(), paths, dict(zip(names, labels, strict=True)), {})


def near(found, expected: np.ndarray) -> None:
    """Asserts maps that are rounded to half precision, as stages keep them, and else right to five digits."""
    found = np.asarray(found)
    np.testing.assert_array_equal(found, found.astype(np.float16).astype(np.float32))
    np.testing.assert_allclose(found, expected, rtol=2.0**-11, atol=1e-5 * np.abs(expected).max())
