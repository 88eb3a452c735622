"""From a network that gives class maps to scores, and from class maps to masks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import pydantic

from tfwsss.artefacts.scores import Scores
from tfwsss.data.image_set import ImageSet
from tfwsss.refine.upsample import upsample
from tfwsss.runs.stages import Inputs, Stage, infer
from tfwsss.settings.sections import RunSettings, Settings
from tfwsss.steps.views import at_own_size, on_canvases
from tfwsss.training.fitting import GREY

_HELD = 32
"""Images whose maps are in memory at a time."""


class MapSettings(Settings):
    """How class maps of whole images are made.

    Args:
        canvas: side in pixels; images lie at its upper left, larger ones are reduced to fit. Nothing: images at their
            own sizes, one at a time, as AffinityNet's released code sees them; such maps are as large as the images.
        scales: factors at which the network sees each image; their maps are averaged.
        mirror: also see each image mirrored.
        batch_size: canvases at a time, over all devices.
    """

    canvas: pydantic.PositiveInt | None = 513
    scales: tuple[pydantic.PositiveFloat, ...] = pydantic.Field((1.0,), min_length=1)
    mirror: bool = False
    batch_size: pydantic.PositiveInt = 4


def score_images(network: keras.Model, images: ImageSet, names: Sequence[str], settings: MapSettings,
                 pad_value: float | Sequence[float] = GREY) -> Iterator[tuple[str, dict[str, Scores]]]:
    """Computes the maps of the labelled classes of each image.

    Positions of the network's grid lie `stride` pixels apart, the first on the first
    pixel. Canvases of `stride k + 1` pixels make the grids of all scales fall on each
    other, corners on corners. Without a canvas see `views.at_own_size`.

    Args:
        network: image `(batch, row, column, 3)` to a dictionary of maps `(batch, row', column', class)`.
        images: the data set.
        names: what to compute.
        settings: canvas, scales, mirror.
        pad_value: grey 0-255, or red, green, blue of the rest of the canvas.

    Yields:
        Name and maps by the network's keys; they cover the canvas, and only the image's own labels are kept.
    """
    if settings.canvas is None:
        for name in names:
            image, classes = images.read_image(name), np.array(images.labels[name], np.int32)
            found = at_own_size(network, image, classes, settings.scales, settings.mirror)
            yield name, {key: Scores(classes, values, image.shape[:2]) for key, values in found.items()}
        return
    stride = stride_of(network)
    steps = -(-(settings.canvas - 1) // stride)                       # grid positions - 1 at scale 1
    base = steps * stride + 1
    held = -(-_HELD // settings.batch_size) * settings.batch_size
    for start in range(0, len(names), held):
        part = list(names[start : start + held])
        maps = on_canvases(network, images, part, settings, stride, steps, pad_value)
        for place, name in enumerate(part):
            rows, columns = images.read_size(name)
            cover = max(base, rows, columns)                          # what the canvas covers, in the image's pixels
            classes = np.array(images.labels[name], np.int32)
            yield name, {key: Scores(classes, np.moveaxis(values[place][..., classes], -1, 0), (rows, columns),
                                     (cover, cover)) for key, values in maps.items()}


def stride_of(network: keras.Model) -> int:
    """Returns the number of pixels between positions of a network's maps.

    Args:
        network: image `(batch, row, column, 3)` to a dictionary of maps.
    """
    rows = next(iter(network.compute_output_shape((1, 257, 257, 3)).values()))[1]
    return 256 // (rows - 1)


def map_stage(key: str, images: ImageSet, config: RunSettings, settings: MapSettings, source: str,
              load: Callable[[Path], keras.Model]) -> Stage:
    """Makes the stage that writes one of a network's maps of whole images.

    Args:
        key: of the map; also the stage's name.
        images: what to make maps of.
        config: the run's settings.
        settings: canvas, scales, mirror.
        source: stage of the network.
        load: folder of that stage to a network as `score_images` takes it.

    Returns:
        Stage of kind `scores`.
    """
    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, Scores]]:
        for name, found in score_images(load(inputs[source]), images, names, settings):
            yield name, found[key]

    return infer(key, images, config, kind="scores", settings=settings, needs=(source,), predict=predict)


def likely(found: Mapping[str, Scores], logits: str) -> dict[str, Scores]:
    """Keeps of an untagged image's maps the classes that the network finds likelier than not, or else the likeliest.

    Args:
        found: maps of all classes, by key.
        logits: key of the raw class maps, whose mean over the image is a class' logit.

    Returns:
        The same keys, of fewer classes.
    """
    raw = found[logits]
    means = upsample(raw.scores, raw.size, raw.covers).mean(axis=(1, 2))     # (class,)
    keep = means >= min(0.0, means.max())
    return {key: each._replace(classes=each.classes[keep], scores=each.scores[keep]) for key, each in found.items()}
