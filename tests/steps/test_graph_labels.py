"""The stage of graph networks: files, faults, resume; the networks themselves are in `tests.training`."""

import dataclasses

import keras
import numpy as np
import pytest

from tests.support.fake_run import image_set, write_maps
from tfwsss.artefacts.masks import read_mask, write_mask
from tfwsss.artefacts.scores import read_scores, write_scores
from tfwsss.backbones.small import small
from tfwsss.data.weak_labels import Box
from tfwsss.inference.graph_nodes import NodeReader
from tfwsss.inference.graph_walk import GraphWalk, mix_with_walk
from tfwsss.inference.sharpen import sharpen_arrays
from tfwsss.models.window_affinity import WindowAffinityNet, graph_network
from tfwsss.runs.stage import Context
from tfwsss.settings.sections import CRFSettings
from tfwsss.steps.crf import crf_from_scores
from tfwsss.steps.graph_labels import PUBLISHED_CRF, GraphLabelSettings, GraphWalkSettings, graph_label_stage
from tfwsss.training.graph_problem import GraphProblem
from tfwsss.training.graph_settings import FOR_BOXES, GraphSettings
from tfwsss.training.graph_solver import GraphSolver

SMALL = {"width": 8, "epochs": (30, 3), "learning_rate": 0.1}
CRF = PUBLISHED_CRF.model_copy(update={"iterations": 1, "gaussian_weight": 0.5, "bilateral_weight": 0.5})
TAGS = GraphLabelSettings(graph=GraphSettings(**SMALL), walk=GraphWalkSettings(steps=9), crf=CRF)
BOXES = GraphLabelSettings(graph=FOR_BOXES.model_copy(update=SMALL), crf=CRF)


@pytest.fixture(scope="module")
def read() -> NodeReader:
    keras.utils.set_random_seed(0)
    return NodeReader(graph_network(WindowAffinityNet(small(width=0.1), widths=(4, 4, 4)), radius=2), (127.0,) * 3)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Five of 24x32 pixels, one or two of three classes each."""
    images = image_set(tmp_path_factory.mktemp("data"))
    boxes = {name: (Box(2, 5, 5, 18, 14), Box(1, 20, 2, 32, 24)) for name in images.names if name != "image 2"}
    return dataclasses.replace(images, boxes=boxes)


@pytest.fixture
def inputs(images, tmp_path):
    """What stages before leave: seeds and class maps, and a folder for a network."""
    for place, name in enumerate(images.names):
        seeds = np.full((24, 32), 255, np.uint8)
        seeds[:3], seeds[6:10, 6:12] = 0, images.labels[name][0] + 1
        seeds[20 + place % 4:, 20:] = 0
        write_mask(tmp_path / "seeds", name, seeds, images.palette)
    write_maps(tmp_path / "cam", images)
    return {name: tmp_path / name for name in ("seeds", "cam", "affinity", "labels")}


def stage_of(images, read, settings, **changed):
    given = {"seeds": "seeds", "affinity": "affinity", "load": lambda folder: read, **changed}
    return graph_label_stage("labels", images, settings, **given)


def expected(images, inputs, read, settings, name):
    """One image by itself: probabilities and the walk."""
    image = images.read_image(name)
    nodes, solver = read(image), GraphSolver(settings.graph, 4, read.stride)
    given = GraphProblem(name, nodes.features, nodes.affinity, read_mask(inputs["seeds"], name), nodes.colours)
    if settings.graph.boxes and name != "image 2":
        given = given._replace(boxes=np.array([(5, 5, 18, 14), (20, 2, 32, 24)]), labels=np.array([2, 1]))
    found = next(solver.solve([solver.prepare(given)])).probabilities
    if settings.walk:
        walk = GraphWalk(**settings.walk.model_dump())
        found = mix_with_walk(walk, found, read_scores(inputs["cam"], name), nodes.affinity, read.stride)
    return found


@pytest.mark.parametrize(("settings", "given"), [(TAGS, {"maps": "cam"}), (BOXES, {})],
                         ids=["tags", "boxes"])
def test_a_stage_makes_masks_and_tells_what_cannot_be_used(images, inputs, read, settings, given):
    """Seeds of one image are torn, of another too small; the others have the masks that each has alone."""
    (inputs["seeds"] / "image 1.png").write_bytes(b"torn")
    write_mask(inputs["seeds"], "image 3", np.zeros((4, 4), np.uint8), images.palette)
    stage = stage_of(images, read, settings, **given)
    needs = ("seeds", "affinity", *([given["maps"]] if "maps" in given else []))
    assert (stage.name, stage.kind, stage.needs) == ("labels", "masks", needs)
    faults = stage.work(Context(), inputs, inputs["labels"])
    assert set(faults) == {"image 1", "image 3"} and "expected 1 x 1 positions" in faults["image 3"]
    seen = set()
    for name in ("image 0", "image 2", "image 4"):
        scores = expected(images, inputs, read, settings, name)
        mask = sharpen_arrays(crf_from_scores(CRF), scores, scores.argmax(axis=-1), images.read_image(name), 4)
        assert np.mean(read_mask(inputs["labels"], name) != mask) < 0.01         # rounding decides here and there
        seen |= set(np.unique(mask))
    assert len(seen) > 2


def test_a_stage_goes_on_where_it_was_killed_and_writes_the_same(images, inputs, read):
    whole = stage_of(images, read, BOXES)
    assert whole.work(Context(), inputs, inputs["labels"]) == {}
    first = {name: read_mask(inputs["labels"], name) for name in images.names}
    for name in ("image 4", "image 1"):
        (inputs["labels"] / f"{name}.png").unlink()
    before = (inputs["labels"] / "image 0.png").stat().st_mtime_ns
    assert whole.work(Context(), inputs, inputs["labels"]) == {}
    assert (inputs["labels"] / "image 0.png").stat().st_mtime_ns == before
    for name, mask in first.items():
        assert np.mean(read_mask(inputs["labels"], name) != mask) < 0.01


def test_scores_are_the_probabilities_before_the_crf(images, inputs, read):
    stage = stage_of(images, read, BOXES, kind="scores")
    assert stage.kind == "scores" and stage.work(Context(), inputs, inputs["labels"]) == {}
    found = read_scores(inputs["labels"], "image 0")
    assert found.classes.tolist() == [0, 1, 2] and found.size == (24, 32)
    np.testing.assert_allclose(np.moveaxis(found.scores, 0, -1),
                               expected(images, inputs, read, BOXES, "image 0")[..., 1:], atol=1e-3)


def test_a_network_that_diverges_is_told(images, inputs, read, monkeypatch):
    monkeypatch.setattr(GraphSolver, "solve_group", lambda self, group: (
        one._replace(probabilities=one.probabilities * np.nan) for one in solve_group(self, group)))
    faults = stage_of(images.subset(["image 0"]), read, BOXES).work(Context(), inputs, inputs["labels"])
    assert "has diverged" in faults["image 0"]


solve_group = GraphSolver.solve_group


def test_class_maps_of_another_size_and_missing_ones_are_faults(images, inputs, read):
    (inputs["cam"] / "image 0.npz").unlink()
    smaller = read_scores(inputs["cam"], "image 1")._replace(size=(23, 32), covers=(23, 32))
    write_scores(inputs["cam"], "image 1", smaller)
    some = images.subset(["image 0", "image 1", "image 2"])
    faults = stage_of(some, read, TAGS, maps="cam").work(Context(), inputs, inputs["labels"])
    assert set(faults) == {"image 0", "image 1"} and "class maps of an image of (23, 32)" in faults["image 1"]


def test_facts_of_a_stage(images, read):
    """Memory is none; versions of what it rests on would be told; a walk needs maps, and without one none are read."""
    facts = stage_of(images, read, BOXES, maps="cam")
    assert facts.needs == ("seeds", "affinity") and "memory" not in facts.settings["graph"]
    assert facts.settings["crf"]["gaussian_deviation"] == 2.0 and facts.settings["graph"]["epochs"] == [30, 3]
    with pytest.raises(ValueError, match="a walk and no stage of class maps"):
        stage_of(images, read, TAGS)
    assert PUBLISHED_CRF == CRFSettings(gaussian_deviation=2, gaussian_weight=3, position_deviation=50,
                                        colour_deviation=5, bilateral_weight=10)
