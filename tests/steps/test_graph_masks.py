import shutil

import numpy as np
import pytest

from tests.support.graph_runs import KINDS, probabilities, supervised_images, write_inputs
from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.scores import Scores, write_scores
from tfwsss.errors import ImageFault
from tfwsss.inference.sharpen import sharpen_arrays
from tfwsss.runs.stage import Context
from tfwsss.settings.sections import CRFSettings
from tfwsss.steps.crf import crf_from_scores
from tfwsss.steps.graph_masks import GraphMaskSettings, graph_mask_stage, mask_of_scores
from tfwsss.steps.graph_stages import kept_scores

SETTINGS = GraphMaskSettings(iterations=1, gaussian_weight=0.5, bilateral_weight=0.5)
OFF = GraphMaskSettings(iterations=0)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return supervised_images(tmp_path_factory.mktemp("data"))


@pytest.fixture
def inputs(images, tmp_path):
    """Seeds, and probabilities of three classes, smooth ones, as the stage of graph networks leaves them."""
    folders = write_inputs(tmp_path, images)
    rows, columns = np.mgrid[:24, :32]
    for place, name in enumerate(images.names):
        waves = np.stack([np.sin(0.2 * rows + turn + place) + np.cos(0.15 * columns * turn) for turn in range(4)], -1)
        shares = np.exp(waves)
        write_scores(folders["graph"], name, kept_scores(shares / shares.sum(-1, keepdims=True), 0.0))
    return folders


def made(images, inputs, settings, superpixels=None) -> dict[str, np.ndarray]:
    shutil.rmtree(inputs["pseudo"], ignore_errors=True)         # what is there is not made again
    stage = graph_mask_stage("pseudo", images, settings, KINDS.__getitem__, source="graph", seeds="seeds",
                             superpixels=superpixels)
    assert stage.kind == "masks" and stage.work(Context(), inputs, inputs["pseudo"]) == {}
    return {name: read_mask(inputs["pseudo"], name) for name in images.names}


def test_masks_are_what_the_crf_makes_of_all_classes(images, inputs):
    """A mask is taken with what it leaves open."""
    found = made(images, inputs, SETTINGS)
    np.testing.assert_array_equal(found["image 0"], images.read_mask("image 0"))
    assert (images.read_mask("image 0") == 255).any()
    shown = set()
    for name in images.names[1:]:
        scores = probabilities(inputs["graph"], name)
        mask = sharpen_arrays(crf_from_scores(SETTINGS), scores, scores.argmax(axis=-1), images.read_image(name), 4)
        assert np.mean(found[name] != mask) < 0.01
        shown |= set(np.unique(mask))
    assert len(shown) > 2


def test_seeds_of_full_weight_are_kept_and_others_are_as_they_were(images, inputs):
    plain, told = made(images, inputs, OFF), made(images, inputs, OFF.model_copy(update={"seed_weight": 1.0}))
    np.testing.assert_array_equal(told["image 0"], plain["image 0"])
    for name in images.names[1:]:
        seeds = read_mask(inputs["seeds"], name)
        assert (plain[name] != seeds)[seeds != 255].any()
        np.testing.assert_array_equal(told[name], np.where(seeds == 255, plain[name], seeds))


def test_superpixels_tell_of_clicks_and_scribbles_alone(images, inputs):
    """And after the seeds, which have less weight here."""
    other, asked = np.full((24, 32), 255, np.uint8), []
    other[4:8] = 3
    settings = OFF.model_copy(update={"seed_weight": 0.4, "superpixel_weight": 1.0})
    told = made(images, inputs, settings, superpixels=lambda name: asked.append(name) or other)
    without = made(images, inputs, settings)
    assert sorted(asked) == ["image 3", "image 4"]
    for name in images.names:
        expected = np.where(other == 255, without[name], other) if name in asked else without[name]
        np.testing.assert_array_equal(told[name], expected)


def test_boxes_bound_their_classes_in_images_that_they_supervise(images, inputs):
    plain, told = made(images, inputs, OFF), made(images, inputs, OFF.model_copy(update={"inside_boxes": True}))
    outside = {2: np.ones((24, 32), bool), 1: np.ones((24, 32), bool)}
    outside[2][5:14, 5:18] = outside[1][2:24, 20:32] = False
    for mask_id, place in outside.items():
        assert (plain["image 1"][place] == mask_id).any() and not (told["image 1"][place] == mask_id).any()
    anywhere = probabilities(inputs["graph"], "image 1")
    anywhere[..., 1:3] *= ~np.stack([outside[1], outside[2]], axis=-1)
    np.testing.assert_array_equal(told["image 1"], anywhere.argmax(axis=-1))
    for name in set(images.names) - {"image 1"}:
        np.testing.assert_array_equal(told[name], plain[name])


def test_seeds_are_needed_where_they_have_a_weight(images):
    def needs(settings):
        return graph_mask_stage("pseudo", images, settings, KINDS.get, source="graph", seeds="seeds").needs

    assert needs(GraphMaskSettings()) == ("graph",)
    assert needs(GraphMaskSettings(seed_weight=0.5)) == ("graph", "seeds")


def test_a_mask_without_a_crf_is_the_likeliest_class():
    image, off = np.zeros((1, 3, 3), np.uint8), crf_from_scores(CRFSettings(iterations=0))
    found = Scores(np.array([1, 4]), np.float16([[[0.3, 0.2, 0.1]], [[0.1, 0.6, 0.1]]]), (1, 3))
    assert mask_of_scores("x", off, found, image).tolist() == [[0, 5, 0]]
    nothing = Scores(np.zeros(0, np.int32), np.zeros((0, 1, 3), np.float16), (1, 3))
    assert mask_of_scores("x", off, nothing, image).tolist() == [[0, 0, 0]]
    assert mask_of_scores("x", crf_from_scores(SETTINGS), nothing, image).tolist() == [[0, 0, 0]]
    told = [(np.uint8([[255, 9, 0]]), 0.9)]                      # a class of which the networks have found nothing
    assert mask_of_scores("x", off, found, image, told).tolist() == [[0, 9, 0]]
    with pytest.raises(ImageFault, match=r"x: probabilities of \(1, 3\) pixels, but the image has \(2, 3\)"):
        mask_of_scores("x", off, found, np.zeros((2, 3, 3), np.uint8))
    with pytest.raises(ImageFault, match=r"x: seeds of \(1, 2\) pixels, but the image has \(1, 3\)"):
        mask_of_scores("x", off, found, image, [(np.zeros((1, 2), np.uint8), 0.5)])


def test_defaults_are_the_published_ones():
    assert GraphMaskSettings(iterations=3).model_dump(exclude={"iterations"}) == {
        "implementation": "lattice", "gaussian_deviation": 2.0, "gaussian_weight": 3.0, "position_deviation": 50.0,
        "colour_deviation": 5.0, "bilateral_weight": 10.0, "certainty": 0.5, "seed_weight": 0.0,
        "superpixel_weight": 0.0, "inside_boxes": False}
    assert not {"seed_weight", "superpixel_weight", "inside_boxes"} & set(GraphMaskSettings().facts())
