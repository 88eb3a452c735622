"""Graph networks that spread the seeds of images, each trained on one image alone (A2GNN)."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pydantic

from tfwsss.artefacts.scores import Scores
from tfwsss.data.weak_labels import Box
from tfwsss.errors import ImageFault
from tfwsss.inference.graph_nodes import NodeReader
from tfwsss.inference.graph_walk import GraphWalk, mix_with_walk
from tfwsss.settings.sections import Settings
from tfwsss.training.graph_problem import GraphProblem, Prepared
from tfwsss.training.graph_settings import GraphSettings
from tfwsss.training.graph_solver import GraphSolver, Solved


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


class _Waiting(NamedTuple):
    """What is needed of an image once its network has learned."""

    size: tuple[int, int]
    affinity: np.ndarray
    maps: Scores | None


class GraphLabels:
    """Spreads the seeds of images, several at once, each by a graph network that is trained on it alone.

    Args:
        settings: of the network and its training.
        num_ids: classes with background.
        read: shows an image to the network that makes the graph.
        walk: of class maps along the graph; None: none.
    """

    def __init__(self, settings: GraphSettings, num_ids: int, read: NodeReader,
                 walk: GraphWalkSettings | None = None):
        self._settings, self._read = settings, read
        self._solver = GraphSolver(settings, num_ids, read.stride)
        self._walk = None if walk is None else GraphWalk(**walk.model_dump())

    def probabilities(self, names: Sequence[str], image: Callable[[str], np.ndarray],
                      seeds: Callable[[str], np.ndarray], boxes: Callable[[str], Sequence[Box]],
                      maps: Callable[[str], Scores] | None = None,
                      ) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
        """Trains and classifies images.

        Args:
            names: of images.
            image: name to uint8 `(row, column, 3)`.
            seeds: name to ids `(row, column)`, 255 unknown.
            boxes: name to boxes; read where settings say so.
            maps: name to class maps, where they walk along the graph.

        Yields:
            Name, and float32 `(row, column, id)` or a fault; not in the order of the names.
        """
        waiting: dict[str, _Waiting] = {}
        faults: dict[str, ImageFault] = {}

        def prepared() -> Iterator[Prepared]:
            for name in names:
                try:
                    own = image(name)
                    walking = maps(name) if self._walk and maps else None
                    nodes = self._read(own)
                    given = np.reshape(boxes(name) if self._settings.boxes else (), (-1, 5))
                    one = self._solver.prepare(GraphProblem(name, nodes.features, nodes.affinity, seeds(name),
                                                            nodes.colours, given[:, 1:], given[:, 0].astype(int)))
                except ImageFault as fault:
                    faults[name] = fault
                    continue
                waiting[name] = _Waiting(own.shape[:2], nodes.affinity, walking)
                yield one

        for solved in self._solver.solve(prepared()):
            yield from faults.items()
            faults.clear()
            own = waiting.pop(solved.name)
            try:
                yield solved.name, self._finished(solved, own)
            except ImageFault as fault:
                yield solved.name, fault
        yield from faults.items()

    def _finished(self, solved: Solved, own: _Waiting) -> np.ndarray:
        if not np.isfinite(solved.probabilities).all():
            raise ImageFault(f"{solved.name}: its graph network has diverged; lower the learning_rate of "
                             "graph.network or graph.box_network")
        if own.maps is None:
            return solved.probabilities
        if tuple(own.maps.size) != own.size:
            raise ImageFault(f"{solved.name}: class maps of an image of {own.maps.size}, expected "
                             f"{own.size}; make them again")
        return mix_with_walk(self._walk, solved.probabilities, own.maps, own.affinity, self._read.stride)
