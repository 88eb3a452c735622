"""The layer round `ops.random_walk`, whose numbers `tests/ops/test_random_walk.py` checks."""

import keras
import numpy as np
import pytest

from tests.support.arrays import recorded
from tfwsss.layers.random_walk import RandomWalk
from tfwsss.ops.offsets import half_disc
from tfwsss.ops.random_walk import random_walk

RANDOM = np.random.default_rng(0)
PLANES = RANDOM.random((2, 9, 11, 4)).astype("float32")
AFFINITY = RANDOM.random((2, 9, 11, 34)).astype("float32")


@pytest.mark.parametrize(("radius", "sharpness", "steps"), [(5, 8.0, 256), (5, 3.0, 7), (2, 0.5, 33), (3, 8.0, 1)])
def test_the_layer_is_the_function(radius, sharpness, steps):
    offsets = half_disc(radius)
    affinity = AFFINITY[..., :len(offsets)]
    found = RandomWalk(radius, sharpness, steps)(PLANES, affinity)
    np.testing.assert_array_equal(found, random_walk(PLANES, affinity, offsets, sharpness, steps))
    assert np.abs(np.asarray(found) - PLANES).max() > 0.05


def test_the_published_walk_is_the_default():
    data = recorded("psa_walk")
    walked = RandomWalk()(data["planes"].transpose(1, 2, 0)[None], data["affinity"][None])
    np.testing.assert_allclose(np.moveaxis(np.asarray(walked)[0], -1, 0), data["walked_256"], atol=1e-5)


def test_no_steps_leave_the_planes():
    np.testing.assert_array_equal(RandomWalk(steps=0)(PLANES, AFFINITY), PLANES)


@pytest.mark.parametrize("steps", [1, 256])
def test_constant_planes_stay_and_others_within_their_range(steps):
    walked = np.asarray(RandomWalk(steps=steps)(PLANES, AFFINITY))
    slack = 1e-5
    assert (walked.min((1, 2)) >= PLANES.min((1, 2)) - slack).all()
    assert (walked.max((1, 2)) <= PLANES.max((1, 2)) + slack).all()
    flat = np.float32([0.0, 0.25, 1.0, 7.0]) * np.ones_like(PLANES)
    np.testing.assert_allclose(RandomWalk(steps=steps)(flat, AFFINITY), flat, rtol=2e-5)
    np.testing.assert_array_equal(np.asarray(RandomWalk(steps=steps)(flat, AFFINITY))[..., 0], 0)    # absent planes


def test_positions_without_neighbours_keep_their_score():
    np.testing.assert_allclose(RandomWalk()(PLANES, np.zeros_like(AFFINITY)), PLANES, atol=1e-5)


def test_a_saved_layer_walks_the_same_at_any_size(tmp_path):
    planes, affinity = keras.Input((None, None, 4), name="planes"), keras.Input((None, None, 12), name="affinity")
    model = keras.Model([planes, affinity], RandomWalk(radius=3, sharpness=2.0, steps=5)(planes, affinity))
    model.save(tmp_path / "walk.keras")
    again = keras.models.load_model(tmp_path / "walk.keras")
    assert again.output_shape == (None, None, None, 4)
    for rows in (9, 4):
        data = [PLANES[:, :rows], AFFINITY[:, :rows, :, :12]]
        np.testing.assert_array_equal(again(data), model(data))


def test_half_precision_walks_in_float32():
    """The products of 256 steps need more than the three digits of float16."""
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    walked = RandomWalk()(PLANES, AFFINITY)
    assert keras.ops.dtype(walked) == "float32"
    keras.mixed_precision.set_dtype_policy("float32")
    np.testing.assert_array_equal(walked, RandomWalk()(PLANES, AFFINITY))
