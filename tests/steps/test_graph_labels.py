"""Graph networks of several images: each has what it has alone, faults are told; networks are in `tests.training`."""

import numpy as np
import pytest

from tests.support.graph_runs import BOXES, WALK, boxed_images, expected, node_reader, write_inputs
from tests.support.graph_runs import TAGS as NETWORK
from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.scores import read_scores
from tfwsss.errors import ImageFault
from tfwsss.steps.graph_labels import GraphLabels, GraphWalkSettings
from tfwsss.training.graph_solver import GraphSolver


@pytest.fixture(scope="module")
def read():
    return node_reader(2)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return boxed_images(tmp_path_factory.mktemp("data"))


@pytest.fixture
def reads(images, tmp_path):
    """What the networks read of images."""
    inputs = write_inputs(tmp_path, images)
    return inputs, {"image": images.read_image, "seeds": lambda name: read_mask(inputs["seeds"], name),
                    "boxes": lambda name: images.boxes.get(name, ()),
                    "maps": lambda name: read_scores(inputs["cam"], name)}


@pytest.mark.parametrize(("network", "walk"), [(NETWORK, WALK), (NETWORK, None), (BOXES, None), (BOXES, WALK)],
                         ids=["tags", "scribbles", "boxes", "boxes and a walk"])
def test_each_image_has_the_probabilities_that_it_has_alone(images, reads, read, network, walk):
    """In whatever order, and whatever becomes of others: seeds of one are torn."""
    inputs, own = reads
    (inputs["seeds"] / "image 1.png").write_bytes(b"torn")
    found = dict(GraphLabels(network, 4, read, walk).probabilities(images.names[::-1], **own))
    assert set(found) == set(images.names) and isinstance(found.pop("image 1"), ImageFault)
    for name, probabilities in found.items():
        np.testing.assert_allclose(probabilities, expected(images, inputs, read, network, walk, name), atol=1e-5)
        np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=1e-5)


def test_maps_are_read_only_where_they_walk(images, reads, read):
    own = {**reads[1], "maps": lambda name: pytest.fail("were read")}
    (found,) = GraphLabels(NETWORK, 4, read).probabilities(["image 0"], **own)
    assert found[1].shape == (24, 32, 4)


def test_an_image_without_classes_walks_too(images, reads, read):
    """It has no class map: all that walks is background."""
    inputs, own = reads
    without = read_scores(inputs["cam"], "image 0")
    without = without._replace(classes=without.classes[:0], scores=without.scores[:0])
    (found,) = GraphLabels(NETWORK, 4, read, GraphWalkSettings(weight=1e6)).probabilities(
        ["image 0"], **{**own, "maps": lambda name: without})
    assert found[1][..., 0].min() > 0.999


def test_a_network_that_diverges_is_told(images, reads, read, monkeypatch):
    solve_group = GraphSolver.solve_group
    monkeypatch.setattr(GraphSolver, "solve_group", lambda self, group: (
        one._replace(probabilities=one.probabilities * np.nan) for one in solve_group(self, group)))
    (found,) = GraphLabels(BOXES, 4, read).probabilities(["image 0"], **reads[1])
    assert "has diverged; lower the learning_rate" in str(found[1])


def test_class_maps_of_another_size_and_missing_ones_are_faults(images, reads, read):
    inputs, own = reads
    (inputs["cam"] / "image 0.npz").unlink()
    other = {**own, "maps": lambda name: read_scores(inputs["cam"], name)._replace(size=(23, 32), covers=(23, 32))}
    found = dict(GraphLabels(NETWORK, 4, read, WALK).probabilities(["image 0", "image 1"], **other))
    assert "no such file" in str(found["image 0"]) and "class maps of an image of (23, 32)" in str(found["image 1"])
