import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from tests.support.arrays import channels_last, gradient
from tests.support.patience import PATIENCE
from tests.support.shared import shared_file
from tfwsss.layers.pixel_correlation import PixelCorrelation

CLOSE = {"rtol": 1e-5, "atol": 1e-6}


def fixture(name: str) -> dict:
    return dict(np.load(shared_file(f"fixtures/seam/{name}.npz"), allow_pickle=False))


def dense(maps, features):
    """The equations with the whole matrix."""
    batch, rows, columns, _ = maps.shape
    q, f = (ops.reshape(x, (batch, rows * columns, x.shape[-1])) for x in (maps, features))
    g = f / (ops.sqrt(ops.sum(f * f, axis=-1, keepdims=True)) + 1e-5)
    a = ops.relu(ops.einsum("bid,bjd->bij", g, g))
    a = a / (ops.sum(a, axis=1, keepdims=True) + 1e-5)                  # each column sums to 1
    return ops.reshape(ops.einsum("bic,bij->bjc", q, a), (batch, rows, columns, -1)), a


def random_case(rows=6, columns=7, classes=3, channels=5, batch=2, seed=0):
    random = np.random.default_rng(seed)
    shape = (batch, rows, columns)
    return random.random((*shape, classes)).astype("float32"), random.normal(size=(*shape, channels)).astype("float32")


def gradients(layer, maps, features, head):
    variables = [keras.Variable(maps), keras.Variable(features)]
    return gradient(lambda: ops.sum(layer(*(ops.convert_to_tensor(x) for x in variables)) * head), variables)


def test_the_hand_case():
    """Of three positions, with the two first columns of A written out."""
    maps = np.float32([[1, 0], [0, 1], [0.5, 0.25]])[None, None]
    features = np.float32([[1, 0], [1, 1], [-1, 0]])[None, None]
    weights = np.asarray(dense(maps, features)[1])[0]
    expected = [[0.585782, 0.414210, 0], [0.414212, 0.585784, 0], [0, 0, 0.999990]]
    np.testing.assert_allclose(weights, expected, atol=2e-6)
    found = np.asarray(PixelCorrelation()(maps, features))[0, 0].T
    np.testing.assert_allclose(found, [[0.585782, 0.414210, 0.499995], [0.414212, 0.585784, 0.249997]], atol=1e-6)


def test_the_recorded_hand_case():
    data = fixture("pcm_hand")
    found = PixelCorrelation()(channels_last(data["cam"]), data["f_first_two"].T[None, None])
    np.testing.assert_allclose(found, channels_last(data["out"]), **CLOSE)


@pytest.mark.parametrize("block", [1024, 7, 1])
def test_maps_and_gradients_as_recorded(block):
    """With the last convolution of the released head before it."""
    data = fixture("pcm")
    kernel = keras.Variable(data["f9_weight"][:, :, 0, 0].T)
    maps, f = keras.Variable(channels_last(data["cam"])), keras.Variable(channels_last(data["f"]))
    layer = PixelCorrelation(block)

    def out():
        return layer(ops.convert_to_tensor(maps), ops.matmul(ops.convert_to_tensor(f), ops.convert_to_tensor(kernel)))

    np.testing.assert_allclose(out(), channels_last(data["out"]), **CLOSE)
    found = gradient(lambda: ops.sum(out() * channels_last(data["cotangent"])), [maps, f, kernel])
    for one, key in zip(found[:2], ("grad_cam", "grad_f"), strict=True):
        np.testing.assert_allclose(one, channels_last(data[key]), rtol=1e-4, atol=1e-6, err_msg=key)
    np.testing.assert_allclose(found[2].T, data["grad_f9"][:, :, 0, 0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("block", [1, 5, 41, 42, 1000])
@pytest.mark.parametrize("graph", [False, True])
def test_blocks_give_what_the_whole_matrix_gives(block, graph):
    """Values and both gradients, whatever part of a block the last positions fill."""
    maps, features = random_case()
    head = np.random.default_rng(1).normal(size=maps.shape).astype("float32")
    layer = PixelCorrelation(block)
    work = tf.function(layer.__call__, autograph=False) if graph else layer
    np.testing.assert_allclose(work(maps, features), dense(maps, features)[0], atol=1e-5)
    found, expected = (gradients(each, maps, features, head) for each in (work, lambda *x: dense(*x)[0]))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_unknown_sizes_are_worked_on_in_blocks_too():
    layer, shape = PixelCorrelation(10), (None, None, None)
    graph = tf.function(layer.__call__, autograph=False,
                        input_signature=[tf.TensorSpec((*shape, 3)), tf.TensorSpec((*shape, 5))])
    for rows, columns in ((6, 7), (1, 1), (2, 5), (3, 7)):
        maps, features = random_case(rows, columns)
        np.testing.assert_allclose(graph(maps, features), dense(maps, features)[0], atol=1e-5)


def test_weights_sum_to_all_but_one():
    """A constant map comes back as s / (s + 1e-5), s the sum of the likenesses."""
    _, features = random_case()
    ones = np.ones((*features.shape[:3], 1), "float32")
    f = features.reshape(2, -1, 5).astype("float64")
    g = f / (np.linalg.norm(f, axis=-1, keepdims=True) + 1e-5)
    s = np.maximum(g @ g.transpose(0, 2, 1), 0).sum(1)
    np.testing.assert_allclose(PixelCorrelation(8)(ones, features)[..., 0], (s / (s + 1e-5)).reshape(2, 6, 7),
                               rtol=1e-6)


def test_classes_are_independent_and_the_length_of_features_does_not_matter():
    maps, features = random_case()
    layer, whole = PixelCorrelation(9), PixelCorrelation(9)(maps, features)
    np.testing.assert_allclose(layer(maps[..., 1:2], features), whole[..., 1:2], atol=1e-6)
    stretched = features * np.random.default_rng(3).uniform(3, 9, (2, 6, 7, 1)).astype("float32")
    np.testing.assert_allclose(layer(maps, stretched), whole, atol=2e-5)
    assert np.min(whole) >= 0


def test_mirrored_maps_are_read_mirrored():
    maps, features = random_case()
    whole = np.asarray(PixelCorrelation(9)(maps, features))
    turned = PixelCorrelation(9)(maps[:, :, ::-1], features[:, :, ::-1])
    np.testing.assert_allclose(turned, whole[:, :, ::-1], atol=1e-6)


def test_a_feature_of_length_nought_has_a_gradient():
    maps, features = random_case()
    features[0, 2, 3] = 0
    found = gradients(PixelCorrelation(9), maps, features, np.ones_like(maps))
    assert all(np.isfinite(one).all() for one in found)
    assert not np.any(PixelCorrelation(9)(maps, features)[0, 2, 3])


def test_no_block_is_no_block():
    with pytest.raises(ValueError, match="received 0, expected at least 1 position"):
        PixelCorrelation(0)


OTHER_BACKEND = """
import sys
import jax
import numpy as np
from tfwsss.layers.pixel_correlation import PixelCorrelation
z = np.load(sys.argv[1])
layer = PixelCorrelation(9)
found = jax.grad(lambda *x: (layer(*x) * z["head"]).sum(), argnums=(0, 1))(z["maps"], z["features"])
np.savez(sys.argv[2], out=layer(z["maps"], z["features"]), maps=found[0], features=found[1])
"""


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs the package jax")
def test_the_jax_backend_gives_the_same(tmp_path):
    maps, features = random_case()
    head = np.random.default_rng(1).normal(size=maps.shape).astype("float32")
    np.savez(tmp_path / "in.npz", maps=maps, features=features, head=head)
    subprocess.run([sys.executable, "-c", OTHER_BACKEND, str(tmp_path / "in.npz"), str(tmp_path / "out.npz")],
                   check=True, timeout=PATIENCE, env={**os.environ, "KERAS_BACKEND": "jax"})
    found, layer = np.load(tmp_path / "out.npz"), PixelCorrelation(9)
    np.testing.assert_allclose(found["out"], layer(maps, features), atol=1e-6)
    for one, key in zip(gradients(layer, maps, features, head), ("maps", "features"), strict=True):
        np.testing.assert_allclose(found[key], one, atol=1e-5)
