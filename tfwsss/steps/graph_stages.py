"""The stage from seeds to probabilities by a graph network of each image's own, whatever label it has (A2GNN)."""

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pydantic

from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.scores import Scores, read_scores
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.inference.graph_nodes import NodeReader
from tfwsss.inference.stream import try_each
from tfwsss.palette import IGNORE
from tfwsss.runs.stage import Inputs, Stage, infer
from tfwsss.settings.sections import Settings
from tfwsss.steps.graph_labels import GraphLabels, GraphWalkSettings
from tfwsss.training.graph_settings import BoxGraphSettings, GraphSettings
from tfwsss.training.graph_solver import VERSION

Supervision = Callable[[str], str]
"""Name of an image to the label that supervises it: "mask", "scribble", "box", "point" or "image"."""


class GraphLabelSettings(Settings):
    """How seeds are spread by a graph network of each image's own; the defaults are the published ones.

    Args:
        network: of images that are supervised by tags, clicks or scribbles, and its training. box_network: the same of
            those that are supervised by boxes.
        radius: of the window whose positions the graph joins, in positions. box_radius: the same for boxes.
        walk: the random walk of class maps along the graph.
        walked: kinds of labels whose images take part in it; empty: none walks.
        superpixels_alone: kinds whose networks learn from their superpixels, without what class maps are sure of.
        least: classes whose probability is nowhere that high are not kept; 0 keeps all, at 2 bytes a pixel and class.
    """

    network: GraphSettings = GraphSettings()
    box_network: BoxGraphSettings = BoxGraphSettings()
    radius: int = pydantic.Field(3, ge=1, le=8)
    box_radius: int = pydantic.Field(4, ge=1, le=8)
    walk: GraphWalkSettings = GraphWalkSettings()
    walked: tuple[Literal["image", "point", "scribble", "box"], ...] = ("image", "point")
    superpixels_alone: tuple[Literal["point", "scribble"], ...] = ("scribble",)
    least: float = pydantic.Field(1e-3, ge=0.0, lt=1.0)


def graph_stage(name: str, images: ImageSet, settings: GraphLabelSettings, supervision: Supervision, *, seeds: str,
                affinity: str, load: Callable[[Path, int], NodeReader], maps: str | None = None,
                superpixels: Callable[[str], np.ndarray] | None = None) -> Stage:
    """Makes the stage that trains a graph network on each image, and keeps what it finds, before any CRF.

    Images of like sizes are trained at once, on one device. Each image's result hangs on its own arrays and name alone.
    Images that are supervised by masks are those.

    Args:
        name: of the stage.
        images: what to spread seeds of.
        settings: of the networks.
        supervision: which label each image is supervised by.
        seeds: stage of the masks that are learnt from.
        affinity: stage of the network that makes the graph.
        load: reads that network from its folder, for windows of a radius.
        maps: stage of the class maps that walk along the graph; None: none walk.
        superpixels: name to the seeds of images whose kind is in `settings.superpixels_alone`; None: those of the
            stage `seeds`.

    Returns:
        Stage of kind `probabilities`, of the classes; the background has what they leave.
    """
    walking, num_ids = maps if settings.walked else None, len(images.classes)

    def seeds_of(folder: Path, image: str) -> np.ndarray:
        alone = superpixels is not None and supervision(image) in settings.superpixels_alone
        return superpixels(image) if alone else read_mask(folder, image)

    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, Scores | ImageFault]]:
        groups: dict[tuple[bool, bool], list[str]] = {}
        for image in names:
            kind = supervision(image)
            if kind == "mask":
                yield from try_each(lambda one: scores_of_mask(images.read_full_mask(one)), [image])
            else:
                groups.setdefault((kind == "box", kind in settings.walked and walking is not None), []).append(image)
        reads = {"image": images.read_image, "seeds": functools.partial(seeds_of, inputs[seeds]),
                 "boxes": lambda image: images.boxes.get(image, ()),
                 "maps": (lambda image: read_scores(inputs[walking], image)) if walking else None}
        for (boxes, walks), group in groups.items():
            network, radius = ((settings.box_network, settings.box_radius) if boxes else
                               (settings.network, settings.radius))
            labels = GraphLabels(network, num_ids, load(inputs[affinity], radius), settings.walk if walks else None)
            for image, found in labels.probabilities(group, **reads):
                yield image, found if isinstance(found, ImageFault) else kept_scores(found, settings.least)

    return infer(name, images, kind="probabilities", settings=settings,
                 needs=(seeds, affinity, *([walking] if walking else [])), predict=predict,
                 versions={"graph": VERSION})


def kept_scores(probabilities: np.ndarray, least: float) -> Scores:
    """Returns the probabilities of the classes that an image may show.

    Args:
        probabilities: float `(row, column, id)`, of sum 1.
        least: classes that are nowhere that probable are left out.

    Returns:
        Planes of the others; the background, without a plane, has what they leave.

    Example:

    >>> kept_scores(np.array([[[0.4, 0.599, 0.001], [0.9, 0.1, 0.0]]]), 0.01).classes.tolist()
    [0]
    """
    classes = np.flatnonzero(probabilities[..., 1:].max(axis=(0, 1)) >= least).astype(np.int32)
    planes = np.ascontiguousarray(np.moveaxis(probabilities[..., classes + 1], -1, 0))
    return Scores(classes, planes, probabilities.shape[:2])


def scores_of_mask(mask: np.ndarray) -> Scores:
    """Returns a mask as probabilities of its classes; unknown pixels have none.

    Args:
        mask: uint8 `(row, column)`, ids, 255 unknown.

    Example:

    >>> found = scores_of_mask(np.array([[0, 2, 255]], np.uint8))
    >>> found.classes.tolist(), found.scores.tolist()
    ([1], [[[0.0, 1.0, 0.0]]])
    """
    ids = np.array([number for number in np.unique(mask) if number not in (0, IGNORE)], np.int32)
    return Scores(ids - 1, (mask == ids[:, None, None]).astype(np.float32), mask.shape)
