"""What a segmentation network says of whole images of any size: windows, scales and mirror images put together."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import keras
import numpy as np
import pydantic

from tfwsss.data.images import scale_image
from tfwsss.inference.served import OVERLAP
from tfwsss.methods import maps
from tfwsss.ops.resize import resize
from tfwsss.settings.sections import CRFSettings, Settings
from tfwsss.training.fitting import mean_colour


class SegmentSettings(Settings):
    """How a segmentation network sees whole images.

    Args:
        scales: factors at which it sees each image. mirror: also see each mirrored.
        window: side in pixels of the largest piece that it sees at once; larger images are seen in overlapping pieces.
        batch_size: pieces at a time.
        average: what is averaged over scales and mirror images: `probabilities`, `logits`, or `logits_and_maximum`,
            where the largest logits over all scales count as one scale more.
        tagged: only classes that the image is labelled with count, and background.
        crf: begins from the probabilities; 0 iterations for none. Its `certainty` is not read.
    """

    scales: tuple[pydantic.PositiveFloat, ...] = pydantic.Field((1.0,), min_length=1)
    mirror: bool = False
    window: int = pydantic.Field(513, ge=33)
    batch_size: pydantic.PositiveInt = 4
    average: Literal["probabilities", "logits", "logits_and_maximum"] = "probabilities"
    tagged: bool = False
    crf: CRFSettings = CRFSettings(iterations=0)


class Viewer(NamedTuple):
    """A segmentation network, ready for whole images.

    Args:
        network: image `(batch, row, column, 3)` to "logits" `(batch, row', column', id)`.
        stride: pixels between positions of the logits; the first lies on the first pixel.
        colour: red, green, blue round images that do not fill the grid.
    """

    network: keras.Model
    stride: int
    colour: tuple[float, float, float]


class View(NamedTuple):
    """What a network says of an image.

    Args:
        probabilities: float32 `(id, row', column')`, background first; they sum to 1.
        size: rows and columns of the image.
        covers: rows and columns in pixels that the grid covers.
    """

    probabilities: np.ndarray
    size: tuple[int, int]
    covers: tuple[int, int]


def prepare(network: keras.Model, backbone: str) -> Viewer:
    """Prepares a network for whole images.

    Args:
        network: image to a dictionary with "logits".
        backbone: name of its backbone, for the colour that it takes for zero.

    Returns:
        What `look` needs.
    """
    return Viewer(network, maps.stride_of(network), mean_colour(backbone))


def look(viewer: Viewer, image: np.ndarray, settings: SegmentSettings) -> View:
    """Shows an image to a network at all scales, mirrored too where asked, in windows where it is large.

    The grids of all scales lie corners on corners, so that they can be averaged
    position by position. Memory grows with the grid, not with the pixels.

    Args:
        viewer: the network.
        image: uint8 `(row, column, 3)`.
        settings: scales, mirror, windows and what is averaged.

    Returns:
        Probabilities on the grid of scale 1.
    """
    steps = tuple(max(1, -(-(side - 1) // viewer.stride)) for side in image.shape[:2])        # grid positions - 1
    probable = settings.average == "probabilities"
    directions = []
    for way in (1, -1) if settings.mirror else (1,):
        grids = []
        for scale in settings.scales:
            pieces = tuple(max(1, round(count * scale)) for count in steps)
            canvas = _canvas(image, steps, pieces, viewer)
            found = _in_windows(viewer, canvas[:, ::way], settings, softmax if probable else np.asarray)[:, ::way]
            grids.append(np.asarray(resize(found[None], steps[0] + 1, steps[1] + 1, align_corners=True))[0])
        if settings.average == "logits_and_maximum":
            grids.append(np.max(grids, axis=0))
        directions.append(np.mean(grids, axis=0))
    mean = np.mean(directions, axis=0)                                                     # (row', column', id)
    covers = tuple(count * viewer.stride + 1 for count in steps)
    return View(np.moveaxis(mean if probable else softmax(mean), -1, 0), image.shape[:2], covers)


def _canvas(image: np.ndarray, steps: tuple[int, int], pieces: tuple[int, int], viewer: Viewer) -> np.ndarray:
    """Scales an image by pieces / steps and fills it up to whole strides: float32 `(row, column, 3)`."""
    sides = [count * viewer.stride + 1 for count in pieces]
    size = [min(side, max(1, round(length * piece / step)))
            for length, piece, step, side in zip(image.shape, pieces, steps, sides, strict=False)]
    canvas = np.empty((*sides, 3), np.float32)
    canvas[:] = viewer.colour
    canvas[:size[0], :size[1]] = image if pieces == steps else np.asarray(scale_image(image, size))
    return canvas


def _in_windows(viewer: Viewer, canvas: np.ndarray, settings: SegmentSettings, treat: Callable) -> np.ndarray:
    """Applies the network to a canvas, piece by piece; where pieces overlap, what `treat` makes of them is averaged."""
    shape = [(side - 1) // viewer.stride for side in canvas.shape[:2]]
    largest = (settings.window - 1) // viewer.stride
    windows = [(top, left) for top in window_starts(shape[0], largest) for left in window_starts(shape[1], largest)]
    height, width = (min(count, largest) for count in shape)
    total: Any = 0.0
    counts = np.zeros((shape[0] + 1, shape[1] + 1, 1), np.float32)
    for start in range(0, len(windows), settings.batch_size):
        part = windows[start : start + settings.batch_size]
        batch = np.stack([canvas[top * viewer.stride : (top + height) * viewer.stride + 1,
                                 left * viewer.stride : (left + width) * viewer.stride + 1] for top, left in part])
        for (top, left), logits in zip(part, _logits(viewer.network, batch), strict=True):
            place = np.s_[top : top + height + 1, left : left + width + 1]
            if isinstance(total, float):
                total = np.zeros((*counts.shape[:2], logits.shape[-1]), np.float32)
            total[place] += treat(logits)
            counts[place] += 1
    return total / counts


def _logits(network: keras.Model, batch: np.ndarray) -> np.ndarray:
    """Applies the network; inside a training on several replicas, without those: each would show the whole batch."""
    if network.distribute_strategy.num_replicas_in_sync == 1:
        return network.predict_on_batch(batch)["logits"]
    return keras.ops.convert_to_numpy(network(batch, training=False)["logits"])


def window_starts(length: int, window: int) -> list[int]:
    """Places windows along a side so that neighbours overlap by a third at least.

    Args:
        length: of the side.
        window: length of a window.

    Returns:
        Where they start; the last one ends with the side.

    Example:

    >>> window_starts(100, 60), window_starts(60, 60), window_starts(10, 60)
    ([0, 40], [0], [0])
    """
    hop = max(1, window - -(-window // OVERLAP))
    return [min(hop * place, length - window) for place in range(-(-max(0, length - window) // hop) + 1)] \
        if length > window else [0]


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns probabilities over the last axis.

    Args:
        logits: float array, of any shape.
    """
    exponential = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponential / exponential.sum(axis=-1, keepdims=True)
