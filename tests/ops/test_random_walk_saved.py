"""The walk where Keras is absent, and under another backend of it."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests.ops.test_random_walk import random_case
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


LOADER = """
import sys
sys.modules["keras"] = None
import numpy as np, tensorflow as tf
folder = sys.argv[1]
z = np.load(folder + "/in.npz")
walk = tf.saved_model.load(folder + "/walker").walk
np.savez(folder + "/out.npz", **{str(k): walk(z[f"planes{k}"], z[f"features{k}"]) for k in range(3)})
assert not [name for name, module in sys.modules.items() if name.startswith("keras") and module is not None]
"""


def test_a_saved_walk_runs_without_keras(tmp_path):
    rng = np.random.default_rng(5)
    given, expected = {}, []
    walker = Walker()
    for k, (rows, columns) in enumerate(((13, 16), (1, 1), (30, 9))):
        given[f"planes{k}"] = rng.random((1 + k, rows, columns, 3 + k)).astype("float32")
        given[f"features{k}"] = rng.standard_normal((1 + k, rows, columns, 8)).astype("float32") / 4
        expected.append(walker.walk(given[f"planes{k}"], given[f"features{k}"]).numpy())
    np.savez(tmp_path / "in.npz", **given)
    tf.saved_model.save(walker, str(tmp_path / "walker"))
    subprocess.run([sys.executable, "-c", LOADER, str(tmp_path)], check=True, timeout=120)
    with np.load(tmp_path / "out.npz", allow_pickle=False) as out:
        for k, wanted in enumerate(expected):
            np.testing.assert_allclose(out[str(k)], wanted, atol=1e-6)
    assert np.abs(expected[0] - given["planes0"]).max() > 0.1


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
                   check=True, timeout=120, env={**os.environ, "KERAS_BACKEND": "jax"})
    ours = random_walk(planes, affinity, half_disc(5), steps=64)
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), ours, atol=1e-6)
