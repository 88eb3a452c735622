"""The stage that trains a graph network on each image and makes its pseudo label (A2GNN)."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pydantic

from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.scores import Scores, read_scores
from tfwsss.data.image_set import ImageSet
from tfwsss.data.weak_labels import Box
from tfwsss.errors import ImageFault
from tfwsss.inference.graph_nodes import NodeReader
from tfwsss.inference.graph_walk import GraphWalk, mix_with_walk
from tfwsss.inference.sharpen import sharpen_arrays
from tfwsss.runs.stage import Inputs, Stage, infer
from tfwsss.settings.sections import CRFSettings, Settings
from tfwsss.steps.crf import VERSIONS, crf_from_scores
from tfwsss.training.graph_problem import GraphProblem, Prepared
from tfwsss.training.graph_settings import GraphSettings
from tfwsss.training.graph_solver import VERSION, GraphSolver, Solved

PUBLISHED_CRF = CRFSettings(gaussian_deviation=2.0, gaussian_weight=3.0, position_deviation=50.0, colour_deviation=5.0,
                            bilateral_weight=10.0)
"""The dense CRF of A2GNN's pseudo labels."""


class GraphWalkSettings(Settings):
    """The random walk of class maps along the graph, as image tags and points need it.

    Args:
        power: of the background, (1 - strongest class map)^power.
        sharpness: power of the affinities. steps: of the walk.
        weight: of the walked maps beside the network's probabilities.
    """

    power: pydantic.PositiveFloat = 6.0
    sharpness: pydantic.PositiveFloat = 8.0
    steps: pydantic.NonNegativeInt = 64
    weight: pydantic.NonNegativeFloat = 3.0


class GraphLabelSettings(Settings):
    """How an image's pseudo label is made by a graph network of its own.

    Args:
        graph: the network and its training.
        walk: the random walk of class maps; None: none.
        crf: the dense CRF at the end.
    """

    graph: GraphSettings = GraphSettings()
    walk: GraphWalkSettings | None = None
    crf: CRFSettings = PUBLISHED_CRF

    def facts(self) -> dict[str, Any]:
        """Returns all that changes a result."""
        return {**super().facts(), "graph": self.graph.facts()}


class _Waiting(NamedTuple):
    """What is needed of an image once its network has learned."""

    image: np.ndarray
    affinity: np.ndarray
    maps: Scores | None


class GraphLabels:
    """Makes pseudo labels of images, several at once, each by a graph network that is trained on it alone.

    Args:
        settings: of the labels.
        num_ids: classes with background.
        read: shows an image to the network that makes the graph.
    """

    def __init__(self, settings: GraphLabelSettings, num_ids: int, read: NodeReader):
        self._settings, self._num_ids, self._read = settings, num_ids, read
        self._solver = GraphSolver(settings.graph, num_ids, read.stride)
        self._walk = None if settings.walk is None else GraphWalk(**settings.walk.model_dump())

    def probabilities(self, names: Sequence[str], image: Callable[[str], np.ndarray],
                      seeds: Callable[[str], np.ndarray], boxes: Callable[[str], Sequence[Box]],
                      maps: Callable[[str], Scores] | None = None,
                      ) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray] | ImageFault]]:
        """Trains and classifies images.

        Args:
            names: of images.
            image: name to uint8 `(row, column, 3)`.
            seeds: name to ids `(row, column)`, 255 unknown.
            boxes: name to boxes; read where settings say so.
            maps: name to class maps, where they walk along the graph.

        Yields:
            Name, and float32 `(row, column, id)` with the image, or a fault; not in the order of the names.
        """
        waiting: dict[str, _Waiting] = {}
        faults: dict[str, ImageFault] = {}

        def prepared() -> Iterator[Prepared]:
            for name in names:
                try:
                    own = image(name)
                    walking = maps(name) if self._walk and maps else None
                    nodes = self._read(own)
                    given = np.reshape(boxes(name) if self._settings.graph.boxes else (), (-1, 5))
                    one = self._solver.prepare(GraphProblem(name, nodes.features, nodes.affinity, seeds(name),
                                                            nodes.colours, given[:, 1:], given[:, 0].astype(int)))
                except ImageFault as fault:
                    faults[name] = fault
                    continue
                waiting[name] = _Waiting(own, nodes.affinity, walking)
                yield one

        for solved in self._solver.solve(prepared()):
            yield from faults.items()
            faults.clear()
            own = waiting.pop(solved.name)
            try:
                yield solved.name, (self._finished(solved, own), own.image)
            except ImageFault as fault:
                yield solved.name, fault
        yield from faults.items()

    def _finished(self, solved: Solved, own: _Waiting) -> np.ndarray:
        if not np.isfinite(solved.probabilities).all():
            raise ImageFault(f"{solved.name}: its graph network has diverged; lower graph.learning_rate")
        if own.maps is None:
            return solved.probabilities
        if tuple(own.maps.size) != own.image.shape[:2]:
            raise ImageFault(f"{solved.name}: class maps of an image of {own.maps.size}, expected "
                             f"{own.image.shape[:2]}; make them again")
        return mix_with_walk(self._walk, solved.probabilities, own.maps, own.affinity, self._read.stride)


def graph_label_stage(name: str, images: ImageSet, settings: GraphLabelSettings, *, seeds: str, affinity: str,
                      load: Callable[[Path], NodeReader], maps: str | None = None,
                      kind: Literal["masks", "scores"] = "masks") -> Stage:
    """Makes the stage that trains a graph network on each image and makes its pseudo label.

    Images of like sizes are trained at once. Each image's result hangs on its own arrays and name alone.

    Args:
        name: of the stage.
        images: what to make labels of.
        settings: of the labels.
        seeds: stage of the masks that are learnt from.
        affinity: stage of the network that makes the graph.
        load: reads that network from its folder.
        maps: stage of the class maps that walk along the graph; needed where `settings.walk` is not None.
        kind: `masks`, sharpened by the CRF, or `scores`, the probabilities before it, of all classes.

    Returns:
        Stage of that kind; masks without ignored pixels.

    Raises:
        ValueError: a walk without class maps.
    """
    if settings.walk and not maps:
        raise ValueError(f"stage {name}: received a walk and no stage of class maps; expected both or neither")
    walking, num_ids, crf = maps if settings.walk else None, len(images.classes), crf_from_scores(settings.crf)

    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | Scores | ImageFault]]:
        labels = GraphLabels(settings, num_ids, load(inputs[affinity]))
        reads = {"image": images.read_image, "seeds": lambda image: read_mask(inputs[seeds], image),
                 "boxes": lambda image: images.boxes.get(image, ()),
                 "maps": (lambda image: read_scores(inputs[walking], image)) if walking else None}
        for image, found in labels.probabilities(names, **reads):
            if isinstance(found, ImageFault):
                yield image, found
            elif kind == "scores":
                planes = np.ascontiguousarray(np.moveaxis(found[0][..., 1:], -1, 0))
                yield image, Scores(np.arange(num_ids - 1, dtype=np.int32), planes, found[0].shape[:2])
            else:
                yield image, sharpen_arrays(crf, found[0], found[0].argmax(axis=-1), found[1], num_ids)

    return infer(name, images, kind=kind, settings=settings, needs=(seeds, affinity, *([walking] if walking else [])),
                 predict=predict, versions={**VERSIONS, "graph": VERSION})
