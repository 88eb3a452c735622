"""The walk where Keras is absent, and under another backend of it."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests.ops.test_random_walk import random_case
from tests.support.patience import PATIENCE
from tests.support.without_keras import answers_without_keras
from tfwsss.ops.affinity import feature_affinity
from tfwsss.ops.offsets import half_disc, pair_mask
from tfwsss.ops.random_walk import random_walk


class Walker(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec((None, None, None, None)), tf.TensorSpec((None, None, None, 8))])
    def walk(self, planes, features):
        affinity = feature_affinity(features, half_disc(5))
        rows, columns = tf.shape(features)[1], tf.shape(features)[2]
        affinity = affinity * pair_mask(rows, columns, half_disc(5), border="released")
        return random_walk(planes, affinity, half_disc(5), sharpness=8.0, steps=256)


def test_a_saved_walk_runs_without_keras(tmp_path):
    rng = np.random.default_rng(5)
    walker = Walker()
    calls = [(rng.random((1 + k, rows, columns, 3 + k)).astype("float32"),
              rng.standard_normal((1 + k, rows, columns, 8)).astype("float32") / 4)
             for k, (rows, columns) in enumerate(((13, 16), (1, 1), (30, 9)))]
    expected = [walker.walk(*arguments).numpy() for arguments in calls]
    for found, wanted in zip(answers_without_keras(walker, "walk", calls, tmp_path), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert np.abs(expected[0] - calls[0][0]).max() > 0.1


OTHER_BACKEND = """
import sys
import numpy as np
from tfwsss.ops.offsets import half_disc
from tfwsss.ops.random_walk import random_walk
z = np.load(sys.argv[1])
np.save(sys.argv[2], np.asarray(random_walk(z["planes"], z["affinity"], half_disc(5), steps=64)))
"""


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs the package jax")
def test_the_jax_backend_gives_the_same(tmp_path):
    planes, affinity = random_case(13, 10, half_disc(5))
    np.savez(tmp_path / "in.npz", planes=planes, affinity=affinity)
    subprocess.run([sys.executable, "-c", OTHER_BACKEND, str(tmp_path / "in.npz"), str(tmp_path / "out.npy")],
                   check=True, timeout=PATIENCE, env={**os.environ, "KERAS_BACKEND": "jax"})
    ours = random_walk(planes, affinity, half_disc(5), steps=64)
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), ours, atol=1e-6)
