import numpy as np
import pytest

from tests.support.graph_runs import (
    BOXES,
    KINDS,
    TAGS,
    WALK,
    expected,
    node_reader,
    probabilities,
    supervised_images,
    write_inputs,
)
from tfwsss.artefacts.masks import read_mask, write_mask
from tfwsss.artefacts.scores import read_scores
from tfwsss.runs.stage import Context
from tfwsss.steps.graph_labels import GraphWalkSettings
from tfwsss.steps.graph_stages import GraphLabelSettings, graph_stage, kept_scores
from tfwsss.training.graph_settings import FOR_BOXES, GraphSettings

SETTINGS = GraphLabelSettings(network=TAGS, box_network=BOXES, radius=2, box_radius=1, walk=WALK, least=0.0)
READERS = {radius: node_reader(radius) for radius in (1, 2)}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return supervised_images(tmp_path_factory.mktemp("data"))


@pytest.fixture
def inputs(images, tmp_path):
    return write_inputs(tmp_path, images)


def stage_of(images, settings=SETTINGS, maps="cam", superpixels=None):
    return graph_stage("graph", images, settings, KINDS.__getitem__, seeds="seeds", affinity="affinity",
                       load=lambda folder, radius: READERS[radius], maps=maps, superpixels=superpixels)


def test_of_each_image_the_network_that_belongs_to_its_label(images, inputs):
    """Boxes have their own network and window; tags and clicks walk, scribbles do not; masks are masks."""
    stage = stage_of(images)
    assert (stage.name, stage.kind, stage.needs) == ("graph", "probabilities", ("seeds", "affinity", "cam"))
    assert stage.work(Context(), inputs, inputs["graph"]) == {}
    for name, (network, radius, walk) in {"image 1": (BOXES, 1, None), "image 2": (TAGS, 2, WALK),
                                          "image 3": (TAGS, 2, None), "image 4": (TAGS, 2, WALK)}.items():
        one = expected(images, inputs, READERS[radius], network, walk, name)
        np.testing.assert_allclose(probabilities(inputs["graph"], name), one, atol=2e-3, err_msg=name)
    mask = images.read_mask("image 0")
    found = probabilities(inputs["graph"], "image 0").argmax(axis=-1)
    np.testing.assert_array_equal(found, np.where(mask == 255, 0, mask))


def test_the_stage_goes_on_where_it_was_killed_and_writes_the_same(images, inputs):
    stage = stage_of(images)
    assert stage.work(Context(), inputs, inputs["graph"]) == {}
    first = {name: read_scores(inputs["graph"], name) for name in images.names}
    for name in ("image 4", "image 1"):
        (inputs["graph"] / f"{name}.npz").unlink()
    before = (inputs["graph"] / "image 2.npz").stat().st_mtime_ns
    assert stage.work(Context(), inputs, inputs["graph"]) == {}
    assert (inputs["graph"] / "image 2.npz").stat().st_mtime_ns == before
    for name, scores in first.items():
        np.testing.assert_allclose(read_scores(inputs["graph"], name).scores, scores.scores, atol=2e-3)


def test_what_cannot_be_used_is_told(images, inputs):
    (inputs["seeds"] / "image 1.png").write_bytes(b"torn")
    write_mask(inputs["seeds"], "image 3", np.zeros((4, 4), np.uint8), images.palette)
    (inputs["cam"] / "image 4.npz").unlink()
    faults = stage_of(images).work(Context(), inputs, inputs["graph"])
    assert set(faults) == {"image 1", "image 3", "image 4"} and "expected 1 x 1 positions" in faults["image 3"]
    assert {path.stem for path in inputs["graph"].iterdir()} == {"image 0", "image 2"}


def test_without_a_walk_no_class_maps_are_read(images, inputs):
    assert stage_of(images, maps=None).needs == ("seeds", "affinity")
    still = SETTINGS.model_copy(update={"walked": ()})
    assert stage_of(images, still).needs == ("seeds", "affinity")
    assert stage_of(images, maps=None).work(Context(), inputs, inputs["graph"]) == {}
    one = expected(images, inputs, READERS[2], TAGS, None, "image 2")
    np.testing.assert_allclose(probabilities(inputs["graph"], "image 2"), one, atol=2e-3)


def test_scribbles_may_learn_from_superpixels_alone(images, inputs):
    """Those of a function; all others from the stage of seeds."""
    other = read_mask(inputs["seeds"], "image 2")
    asked = []
    stage = stage_of(images, superpixels=lambda name: asked.append(name) or other)
    assert stage.work(Context(), inputs, inputs["graph"]) == {} and asked == ["image 3"]
    found = {name: read_scores(inputs["graph"], name).scores for name in images.names}
    write_mask(inputs["seeds"], "image 3", other, images.palette)
    assert stage_of(images).work(Context(), inputs, inputs["pseudo"]) == {}
    for name, scores in found.items():
        np.testing.assert_allclose(read_scores(inputs["pseudo"], name).scores, scores, atol=2e-3)


def test_classes_that_are_kept():
    one = np.array([[[0.6, 0.0005, 0.3, 0.0995], [0.1, 0.0009, 0.8991, 0.0]]])
    found = kept_scores(one, 1e-3)
    assert found.classes.tolist() == [1, 2] and found.size == (1, 2)
    np.testing.assert_allclose(found.scores, [[[0.3, 0.8991]], [[0.0995, 0.0]]])
    assert kept_scores(one, 0.0).classes.tolist() == [0, 1, 2]
    assert kept_scores(np.array([[[1.0, 0.0]]]), 0.5).scores.shape == (0, 1, 1)


def test_defaults_are_the_published_ones(images):
    """One key set leaves the others as they are published; memory is no part of a result."""
    settings = GraphLabelSettings.model_validate({"box_network": {"memory": 9}})
    assert (settings.network, settings.radius, settings.box_radius) == (GraphSettings(), 3, 4)
    assert settings.box_network.facts() == FOR_BOXES.facts() and "memory" not in settings.facts()["box_network"]
    assert settings.walk == GraphWalkSettings(power=6, sharpness=8, steps=64, weight=3)
    assert settings.walked == ("image", "point")
    assert stage_of(images).settings["network"]["epochs"] == [30, 3]
