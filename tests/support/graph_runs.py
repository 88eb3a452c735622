"""Images, seeds and class maps on which graph networks learn in a moment, and what one network says of one image."""

import dataclasses
from pathlib import Path

import keras
import numpy as np

from tests.support.fake_run import image_set, write_maps
from tfwsss.artefacts.masks import read_mask, write_mask
from tfwsss.artefacts.scores import read_scores
from tfwsss.backbones.small import small
from tfwsss.data.image_set import ImageSet
from tfwsss.data.weak_labels import Box
from tfwsss.inference.graph_nodes import NodeReader
from tfwsss.inference.graph_walk import GraphWalk, mix_with_walk
from tfwsss.models.window_affinity import WindowAffinityNet, graph_network
from tfwsss.steps.graph_labels import GraphWalkSettings
from tfwsss.training.graph_problem import GraphProblem
from tfwsss.training.graph_settings import BoxGraphSettings, GraphSettings
from tfwsss.training.graph_solver import GraphSolver

SMALL = {"width": 8, "epochs": (30, 3), "learning_rate": 0.1}
TAGS, BOXES, WALK = GraphSettings(**SMALL), BoxGraphSettings(**SMALL), GraphWalkSettings(steps=9)


def node_reader(radius: int) -> NodeReader:
    """A network of random weights, the same in every call."""
    keras.utils.set_random_seed(0)
    return NodeReader(graph_network(WindowAffinityNet(small(width=0.1), widths=(4, 4, 4)), radius), (127.0,) * 3)


def boxed_images(folder: Path) -> ImageSet:
    """Five of 24x32 pixels, one or two of three classes each; all but one have two boxes."""
    images = image_set(folder)
    boxes = {name: (Box(2, 5, 5, 18, 14), Box(1, 20, 2, 32, 24)) for name in images.names if name != "image 2"}
    return dataclasses.replace(images, boxes=boxes)


KINDS = dict(zip((f"image {place}" for place in range(5)), ("mask", "box", "image", "scribble", "point"), strict=True))
"""What supervises each of them."""


def supervised_images(folder: Path) -> ImageSet:
    """The same; the first has its true mask."""
    images = boxed_images(folder)
    return dataclasses.replace(images, full_masks={"image 0": images.masks["image 0"]})


def write_inputs(folder: Path, images: ImageSet) -> dict[str, Path]:
    """Writes what stages before leave, seeds and class maps; returns folders by stage, that of a network among them."""
    for place, name in enumerate(images.names):
        seeds = np.full((24, 32), 255, np.uint8)
        seeds[:3], seeds[6:10, 6:12] = 0, images.labels[name][0] + 1
        seeds[20 + place % 4:, 20:] = 0
        write_mask(folder / "seeds", name, seeds, images.palette)
    write_maps(folder / "cam", images)
    return {name: folder / name for name in ("seeds", "cam", "affinity", "graph", "pseudo")}


def expected(images: ImageSet, inputs, read: NodeReader, network: GraphSettings, walk, name: str) -> np.ndarray:
    """Returns the probabilities of one image by itself."""
    image = images.read_image(name)
    nodes, solver = read(image), GraphSolver(network, 4, read.stride)
    given = GraphProblem(name, nodes.features, nodes.affinity, read_mask(inputs["seeds"], name), nodes.colours)
    if network.boxes and name in images.boxes:
        given = given._replace(boxes=np.array([(5, 5, 18, 14), (20, 2, 32, 24)]), labels=np.array([2, 1]))
    found = next(solver.solve([solver.prepare(given)])).probabilities
    if walk:
        own = GraphWalk(**walk.model_dump())
        found = mix_with_walk(own, found, read_scores(inputs["cam"], name), nodes.affinity, read.stride)
    return found


def probabilities(folder: Path, name: str) -> np.ndarray:
    """Returns kept planes with the background that they leave, of all ids."""
    found = read_scores(folder, name)
    whole = np.zeros((*found.size, 4), np.float32)
    whole[..., found.classes + 1] = np.moveaxis(found.scores, 0, -1)
    whole[..., 0] = 1 - whole.sum(axis=-1)
    return whole
