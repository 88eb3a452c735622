"""Class maps spread along affinities beside a slow form; their normalisation is that of the sum over all views."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support.oracles.background import normalise, with_background
from tests.support.oracles.seeds import resize_maps
from tests.support.oracles.upsample import upsample
from tests.support.untrained import NETWORKS
from tests.support.whole_images import pictures
from tfwsss.artefacts.scores import Scores
from tfwsss.inference.decide.walk import Walker, cam_with_background, decide_by_walk, walk_planes
from tfwsss.inference.kept import KeptRule
from tfwsss.inference.views import Picture
from tfwsss.models.affinity import affinities
from tfwsss.ops.offsets import half_disc
from tfwsss.ops.random_walk import random_walk
from tfwsss.steps.random_walk import WalkSettings, build_walker

RANDOM = np.random.default_rng(4)
COVERS, SIZES = (49, 49), [(33, 47), (1, 30), (48, 1), (16, 16), (1, 1)]


@pytest.mark.parametrize("views", [1, 2, 8])
@pytest.mark.parametrize("size", [1.0, 1e-5])
def test_the_constant_is_added_to_the_maximum_of_the_sum_over_views(views, size):
    """In doubles: the views' maps are summed, then divided by their maximum + 1e-5; small maps show the difference."""
    each = RANDOM.uniform(-1, 1, (views, 4, 5, 3)) * size
    total = each.sum(axis=0)
    expected = np.maximum(total, 0) / (np.maximum(total, 0).max((0, 1)) + 1e-5)
    found = np.asarray(cam_with_background(each.mean(axis=0).astype(np.float32), 4.0, views))
    np.testing.assert_allclose(found[..., 1:], expected, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(found[..., 0], (1 - expected.max(axis=-1)) ** 4, rtol=1e-4, atol=1e-9)
    whole = each.mean(axis=0)
    other = np.maximum(whole, 0) / (np.maximum(whole, 0).max((0, 1)) + 1e-5)        # the constant whole for the mean
    if size < 1 < views:
        assert abs(other - expected).max() > 0.05


def test_one_view_is_the_published_normalisation():
    maps = RANDOM.normal(size=(2, 5, 6)).astype(np.float32)
    found = cam_with_background(np.moveaxis(maps, 0, -1), 16.0, 1)
    np.testing.assert_allclose(np.moveaxis(found, -1, 0), with_background(normalise(maps), 16.0), rtol=1e-5, atol=1e-7)


def test_without_classes_all_is_background():
    np.testing.assert_array_equal(cam_with_background(np.zeros((2, 3, 0), np.float32), 16.0, 4), np.ones((2, 3, 1)))


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(1)
    return NETWORKS["affinitynet"]["affinity"]()


@pytest.fixture(scope="module")
def walker(model) -> Walker:
    return build_walker(model, WalkSettings(steps=16))


def by_hand(model, image: np.ndarray, planes: np.ndarray, steps: int = 16) -> np.ndarray:
    """Cells of four pixels; the image is filled up with the network's colour, planes (plane, row, column) with 0."""
    rows, columns = (-(-side // 4) for side in image.shape[:2])
    missing = ((0, 4 * rows - image.shape[0]), (0, 4 * columns - image.shape[1]))
    grid = np.pad(planes, ((0, 0), *missing)).reshape(len(planes), rows, 4, columns, 4).mean(axis=(2, 4))
    full = np.pad(image.astype(np.float32), (*missing, (0, 0)), constant_values=127.0)
    affinity = affinities(model)(full[None])["affinity"]
    spread = random_walk(np.moveaxis(grid, 0, -1)[None], affinity, half_disc(3), 8.0, steps)[0]
    large = resize_maps(np.moveaxis(np.asarray(spread), -1, 0), (4 * rows, 4 * columns))
    return large[:, :image.shape[0], :image.shape[1]]


@pytest.mark.parametrize("classes", [[0, 1, 2], [1], []])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("views", [1, 4])
def test_the_strongest_walked_plane_wins(model, walker, classes, size, views):
    """From the maps of all classes, and from the kept ones; ties to rounding may fall to either side."""
    maps, image = RANDOM.normal(size=(7, 7, 3)).astype(np.float16), pictures(1, size)[0]
    cam = upsample(np.moveaxis(maps, -1, 0)[classes], size, COVERS) * views
    expected = by_hand(model, image, with_background(normalise(cam), 4.0))
    two = np.sort(np.pad(expected, ((1, 0), (0, 0), (0, 0)), constant_values=-1.0), axis=0)[-2:]
    clear = two[1] - two[0] > 1e-5
    decision = decide_by_walk(walker, 4.0, views, {"cam": tf.constant(maps.astype(np.float32))},
                              Picture(size, COVERS, tf.constant(image)), tf.constant(classes, tf.int32))
    np.testing.assert_allclose(decision.scores, np.moveaxis(expected, 0, -1), atol=1e-5)
    np.testing.assert_array_equal(np.asarray(decision.ids)[clear], expected.argmax(axis=0)[clear])
    rule = KeptRule(functools.partial(decide_by_walk, walker, 4.0, views), ("cam",), image=True)
    kept = Scores(np.array(classes, np.int32), np.moveaxis(maps, -1, 0)[classes], size, COVERS)
    ids = np.array([0, *(label + 1 for label in classes)])
    np.testing.assert_array_equal(rule({"cam": kept}, image)[clear], ids[expected.argmax(axis=0)][clear])
    assert clear.mean() > 0.95


def test_planes_stay_within_their_range_and_keep_their_order(walker):
    cells = RANDOM.uniform(size=(4, 5, 3)).astype(np.float32)
    image = pictures(1, (14, 19))[0]
    found = np.asarray(walk_planes(walker, tf.constant(image), tf.constant(cells)))
    assert found.shape == (14, 19, 3)
    assert (found >= cells.min((0, 1)) - 1e-5).all() and (found <= cells.max((0, 1)) + 1e-5).all()
    order = np.array([2, 0, 1])
    swapped = walk_planes(walker, tf.constant(image), tf.constant(cells[..., order]))
    np.testing.assert_allclose(swapped, found[..., order], atol=1e-6)
