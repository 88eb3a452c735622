"""How the methods' rules from class maps to masks are served: the graph's form of what `predict` does with arrays."""

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from tfwsss.errors import UserError
from tfwsss.inference.served import (
    Canvas,
    Decision,
    Served,
    Windows,
    decide_by_probability,
    likely_by_logits,
    likely_somewhere,
)
from tfwsss.methods import maps
from tfwsss.ops.resize import resize, resize_part
from tfwsss.ops.seeds import icd_seeds
from tfwsss.steps.crf import UNSURE
from tfwsss.steps.random_walk import Walker
from tfwsss.steps.viewing import SegmentSettings, Viewer
from tfwsss.training.fitting import GREY

_TINY = 1e-5


def from_maps(network: keras.Model, settings: maps.MapSettings, crf: Any, *, logits: str, decide: Callable,
              colour: float | tuple[float, float, float] = GREY, others: tuple[keras.Model, ...] = ()) -> Served:
    """Says how a network of class maps is served, whose masks a CRF sharpens.

    Args:
        network: image to a dictionary of maps, as `maps.score_images` takes it.
        settings: canvas, scales, mirror.
        crf: `CRFSettings`, of the CRF that starts from the masks.
        logits: key of the raw class maps, whose mean over the image is a class' logit.
        decide: as in `Served`.
        colour: grey, or red, green, blue of the rest of the canvas.
        others: networks that `decide` calls.

    Returns:
        Served.

    Raises:
        UserError: class maps without a canvas.
    """
    if settings.canvas is None:
        raise UserError("canvas: this run's class maps are made at the images' own sizes; expected a canvas, since a "
                        "server sees images of one size: train again with one, such as --set cam.canvas=513 --redo cam")
    return Served(network, maps.stride_of(network), Canvas(settings.canvas, settings.scales, settings.mirror, colour),
                  functools.partial(likely_by_logits, logits), decide, _parameters(crf), certainty=crf.certainty,
                  unsure=UNSURE, others=others)


def from_viewer(viewer: Viewer, settings: SegmentSettings) -> Served:
    """Says how a segmentation network is served.

    Args:
        viewer: the network, ready for whole images.
        settings: windows, scales, mirror, and the CRF that starts from the probabilities.

    Returns:
        Served.
    """
    look = Windows(settings.window, settings.scales, settings.mirror, viewer.colour, settings.average)
    return Served(viewer.network, viewer.stride, look, likely_somewhere, decide_by_probability,
                  _parameters(settings.crf))


def _parameters(crf: Any) -> dict[str, Any]:
    return crf.model_dump(exclude={"implementation", "certainty"})


def decide_by_icd(corners_aligned: bool, found, picture, classes) -> Decision:
    """Makes ICD's seeds; `refine.icd.seeds_of_scores` does with arrays.

    Args:
        corners_aligned: how maps are resized.
        found: maps "cam" and "scores" `(row', column', class)`.
        picture: `inference.served.Picture`.
        classes: int32 `(kept class,)`.

    Returns:
        Decision; a score is how likely the discriminator finds object, the background's what the best leaves.
    """
    icd, cam = (resize_part(ops.take(found[key], classes, axis=-1), picture.size, picture.covers, corners_aligned)
                for key in ("scores", "cam"))
    objects = ops.sigmoid(icd)
    return Decision(ops.concatenate([1 - _strongest(objects), objects], axis=-1), icd_seeds(icd, cam))


def decide_by_threshold(threshold: float, found, picture, classes) -> Decision:
    """Thresholds class maps; `refine.seeds.decide_cam` does with arrays.

    Args:
        threshold: in parts of each map's maximum.
        found: maps "cam" `(row', column', class)`.
        picture: `inference.served.Picture`.
        classes: int32 `(kept class,)`.

    Returns:
        Decision; a score is a class map in parts of its maximum, the background's what the strongest leaves.
    """
    planes = resize_part(ops.take(found["cam"], classes, axis=-1), picture.size, picture.covers, align_corners=True)
    positive = ops.maximum(planes, 0.0)
    largest = ops.max(positive, axis=(0, 1), keepdims=True, initial=0.0)
    positive = positive / ops.where(largest > 0, largest, 1.0)
    strongest = _strongest(positive)
    planes = ops.concatenate([ops.full_like(strongest, -1.0), positive], axis=-1)      # the first of equals; none: 0
    ids = ops.where(strongest[..., 0] > threshold, ops.argmax(planes, axis=-1), 0)
    return Decision(ops.concatenate([1 - strongest, positive], axis=-1), ops.cast(ids, "int32"))


def decide_by_walk(walker: Walker, power: float, found, picture, classes) -> Decision:
    """Spreads class maps along affinities; `walking.walked` does with arrays.

    Args:
        walker: the affinity network with its walk.
        power: of the background.
        found: maps "cam" `(row', column', class)`.
        picture: `inference.served.Picture`.
        classes: int32 `(kept class,)`.

    Returns:
        Decision by the walked planes.
    """
    (rows, columns), stride = picture.size, walker.stride
    planes = resize_part(ops.take(found["cam"], classes, axis=-1), picture.size, picture.covers, align_corners=True)
    positive = ops.maximum(planes, 0.0)
    planes = positive / (ops.max(positive, axis=(0, 1), keepdims=True, initial=0.0) + _TINY)
    planes = ops.concatenate([(1 - _strongest(planes)) ** power, planes], axis=-1)      # (row, column, 1 + class)
    down, right = -(-rows // stride), -(-columns // stride)
    margins = ((0, down * stride - rows), (0, right * stride - columns), (0, 0))
    cells = ops.reshape(ops.pad(planes, margins), (down, stride, right, stride, ops.shape(planes)[-1]))
    inside = ops.pad(ops.ones_like(planes[..., :1], dtype="bool"), margins)
    full = ops.where(inside, ops.pad(ops.cast(picture.image, "float32"), margins), walker.colour)
    spread = walker.network({"image": full[None], "planes": ops.mean(cells, axis=(1, 3))[None]}, training=False)
    spread = resize(spread, down * stride, right * stride)[0, :rows, :columns]
    return Decision(spread, ops.cast(ops.argmax(spread, axis=-1), "int32"))


def _strongest(planes):
    """Returns the largest of all classes, 0 where there is none: `(row, column, 1)`."""
    return ops.max(planes, axis=-1, keepdims=True, initial=0.0)
