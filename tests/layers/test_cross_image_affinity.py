import json

import keras
import numpy as np
import pytest
from keras import ops

from tests.support.arrays import gradient, recorded
from tfwsss.errors import UserError
from tfwsss.layers.cross_image_affinity import CrossImageAffinity

SUBLAYERS = ("conv_embed_q", "conv_embed_k", "conv_embed_v", "conv_out", "bn_out")


def grouped(array, group):
    """Turns the released layout (block and image, channel, row, column) to (image, block, row, column, channel)."""
    blocks = array.reshape(group, -1, *array.shape[1:])
    return np.ascontiguousarray(blocks.transpose(1, 0, 3, 4, 2))


def released(data, **settings):
    """The layer with the recorded weights."""
    cfg = json.loads(str(data["cfg"]))
    layer = CrossImageAffinity(cfg["hidden"], {"max": "max", "avg": "mean"}[cfg["merge"]], cfg["merge_self"],
                               cfg["sim"], cfg["downsample"], **settings)
    layer.build((None, cfg["group"], None, None, cfg["out"]))
    for name in SUBLAYERS[:4]:
        getattr(layer, name).kernel.assign(data[f"{name}_weight"].transpose(2, 3, 1, 0))
    bn = layer.bn_out
    for variable, name in ((bn.gamma, "gamma"), (bn.beta, "beta"), (bn.moving_mean, "moving_mean"),
                           (bn.moving_variance, "moving_var")):
        variable.assign(data[f"bn_out_{name}"])
    return layer, cfg["group"]


@pytest.mark.parametrize("case", ["max", "avg", "max_eval"])
def test_values_as_recorded(case):
    data = recorded(f"cian_module_pair_{case}")
    layer, group = released(data)
    x = grouped(data["x"], group)
    own, cross = layer(x, training=not case.endswith("eval"))
    np.testing.assert_allclose(own - x, grouped(data["out_self"], group), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(cross - x, grouped(data["out_cross"], group), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", ["max", "avg"])
def test_gradients_and_moving_statistics_as_recorded(case):
    data = recorded(f"cian_module_pair_{case}")
    layer, group = released(data)
    x = keras.Variable(grouped(data["x"], group))
    heads = [grouped(data[f"head_grad_{kind}"], group) for kind in ("self", "cross")]

    def loss():
        return sum(ops.sum((version - x.value) * head)
                   for version, head in zip(layer(x.value, training=True), heads, strict=True))

    variables = [x, *(getattr(layer, name).kernel for name in SUBLAYERS[:4]), layer.bn_out.gamma, layer.bn_out.beta]
    expected = [grouped(data["grad_x"], group),
                *(data[f"grad_{name}_weight"].transpose(2, 3, 1, 0) for name in SUBLAYERS[:4]),
                data["grad_bn_out_gamma"], data["grad_bn_out_beta"]]
    for found, theirs in zip(gradient(loss, variables), expected, strict=True):
        np.testing.assert_allclose(found, theirs, rtol=1e-4, atol=1e-5 * np.abs(theirs).max())
    np.testing.assert_allclose(layer.bn_out.moving_mean, data["bn_mean_after"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.bn_out.moving_variance, data["bn_var_after"], rtol=1e-5, atol=1e-6)


def fresh(x, gamma=1.0, **settings):
    keras.utils.set_random_seed(3)
    layer = CrossImageAffinity(4, **settings)
    layer.build(x.shape)
    for name in SUBLAYERS[:4]:
        getattr(layer, name).kernel.assign(getattr(layer, name).kernel * 40)
    layer.bn_out.gamma.assign(np.full(x.shape[-1], gamma))
    return layer


def features(batch=2, group=3, rows=4, columns=5, channels=6, seed=0):
    return np.random.default_rng(seed).normal(size=(batch, group, rows, columns, channels)).astype("float32")


def pooled(x):
    rows, columns = x.shape[:2]
    return np.array([[x[max(0, 2 * i - 1):2 * i + 2, max(0, 2 * j - 1):2 * j + 2].max(axis=(0, 1))
                      for j in range((columns + 1) // 2)] for i in range((rows + 1) // 2)])


def slow(layer, x):
    """The equation, one position of one image at a time, without the normalisation's statistics."""
    kernels = {name: ops.convert_to_numpy(getattr(layer, name).kernel)[0, 0] for name in SUBLAYERS[:4]}
    versions = np.zeros((2, *x.shape))
    scale = 1 / np.sqrt(1 + 1e-5)                              # moving mean 0 and variance 1 at the start
    for batch, own, row, column in np.ndindex(x.shape[:4]):
        query = x[batch, own, row, column] @ kernels["conv_embed_q"]
        messages = []
        for turn in range(x.shape[1]):
            other = x[batch, (own + turn) % x.shape[1]]
            key, value = (other @ kernels[f"conv_embed_{part}"] for part in "kv")
            if layer.downsample:
                key, value = pooled(key), pooled(value)
            key, value = key.reshape(-1, layer.filters), value.reshape(-1, layer.filters)
            if layer.similarity == "cosine":
                key = key / np.sqrt((key ** 2).sum(-1, keepdims=True) + 1e-10)
                query = query / np.sqrt((query ** 2).sum() + 1e-10)
            likeness = np.exp(key @ query - (key @ query).max())
            messages.append(likeness / likeness.sum() @ value)
        merged = {"max": np.max, "mean": np.mean}[layer.merge](messages[0 if layer.merge_self else 1:], axis=0)
        for version, message in enumerate((messages[0], merged)):
            versions[version, batch, own, row, column] = (x[batch, own, row, column]
                                                          + message @ kernels["conv_out"] * scale)
    return versions


@pytest.mark.parametrize("settings", [{}, {"merge": "mean"}, {"merge_self": False}, {"similarity": "cosine"},
                                      {"merge": "mean", "merge_self": False, "similarity": "cosine"},
                                      {"downsample": False}, {"downsample": False, "similarity": "cosine"}])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 2, 5, 4), (1, 4, 1, 3)])
def test_against_the_equation(settings, shape):
    x = features(*shape)
    layer = fresh(x, **settings)
    own, cross = slow(layer, x)
    assert np.abs(own - cross).max() > 0.01 and np.abs(own - x).max() > 0.01
    np.testing.assert_allclose(layer(x)[0], own, atol=1e-5)
    np.testing.assert_allclose(layer(x)[1], cross, atol=1e-5)


def test_without_the_pool_every_position_is_read():
    """The largest of 3x3 values hides the others; without it the order of the reference's positions does not matter."""
    x = features(group=2)
    whole, pooling = fresh(x, downsample=False), fresh(x)
    moved = x.copy()
    moved[:, 1] = x[:, 1, ::-1]
    for layer, same in ((whole, True), (pooling, False)):
        away = np.abs(ops.convert_to_numpy(layer(x)[1] - layer(moved)[1])[:, 0]).max()
        assert (away < 1e-5) == same
    assert np.abs(ops.convert_to_numpy(whole(x)[0] - pooling(x)[0])).max() > 1e-3


def test_files_from_before_the_switch_pool():
    config = CrossImageAffinity(4, downsample=False).get_config()
    assert config.pop("downsample") is False and CrossImageAffinity.from_config(config).downsample is True


def attended(columns, reference, turn):
    """The worked example's messages: identity embeddings, cells as they are."""
    x = np.array([columns, reference], "float32").transpose(0, 2, 1)[None]                   # (1, 2, position, channel)
    layer = CrossImageAffinity(2)
    return ops.convert_to_numpy(layer._message(x, np.roll(x, -turn, 1), np.roll(x, -turn, 1)))[0].transpose(0, 2, 1)


def test_worked_example():
    first, second = [[1, 0], [0, 2]], [[1, 1], [-1, 1]]
    own, other = attended(first, second, 0), attended(first, second, 1)
    np.testing.assert_allclose(own, [[[0.731059, 0.017986], [0.537883, 1.964028]], [[1, 1], [-0.761594, 0.761594]]],
                               atol=1e-6)
    np.testing.assert_allclose(other, [[[1, 1], [0, 0.964028]], [[0.952574, 0.268941], [0.094852, 1.462117]]],
                               atol=1e-6)
    merged = CrossImageAffinity(2)._merged([other, own])
    np.testing.assert_allclose(merged[0], [[1, 1], [0.537883, 1.964028]], atol=1e-6)


def test_starts_as_the_identity_with_only_the_normalisation_learning():
    x = features()
    layer = CrossImageAffinity(4)
    for version in layer(x, training=True):
        np.testing.assert_array_equal(version, x)
    head = features(seed=1)
    found = gradient(lambda: sum(ops.sum(version * head) for version in layer(x, training=True)),
                     layer.trainable_variables)
    moved = {weight.path.split("/")[-2] for weight, one in zip(layer.trainable_variables, found, strict=True)
             if np.any(one)}
    assert moved == {"bn_out"} and len(layer.trainable_variables) == 6 and len(layer.weights) == 8


@pytest.mark.parametrize("merge", ["max", "mean"])
def test_reordering_a_group_reorders_the_results(merge):
    x, order = features(group=4), [2, 0, 3, 1]
    layer = fresh(x, merge=merge)
    for version, moved in zip(layer(x), layer(x[:, order]), strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(version)[:, order], moved, atol=1e-6)


def test_groups_do_not_see_each_other_and_equal_images_have_nothing_to_add():
    x = features()
    layer = fresh(x)
    np.testing.assert_allclose(layer(x)[1][:1], layer(x[:1])[1], atol=1e-6)
    own, cross = layer(np.repeat(x[:, :1], 3, axis=1))
    np.testing.assert_allclose(own, cross, atol=1e-6)


def test_a_group_of_one_reads_from_itself():
    x = features(group=2)
    layer = fresh(x)
    own = layer(x)[0]
    alone = layer(x.reshape(4, 1, *x.shape[2:]))
    np.testing.assert_allclose(ops.reshape(alone[0], x.shape), own, atol=1e-6)
    np.testing.assert_array_equal(alone[0], alone[1])
    added = (ops.convert_to_numpy(layer(x[:, :1])[0]) - x[:, :1]) * np.sqrt(1 + 1e-5)    # moving variance is still 1
    layer(x[:, :1], training=True)
    np.testing.assert_allclose(layer.bn_out.moving_mean, 0.1 * added.mean((0, 1, 2, 3)), atol=1e-6)     # one update


def test_large_similarities_stay_finite_in_half_precision():
    x = features() * 300
    layer = fresh(x, dtype="float16")
    assert all(np.isfinite(ops.convert_to_numpy(version)).all() for version in layer(x.astype("float16")))


def test_bad_settings_are_named():
    with pytest.raises(UserError, match="merge is 'sum'; expected 'max' or 'mean'"):
        CrossImageAffinity(merge="sum")
    with pytest.raises(UserError, match="similarity is 'l2'"):
        CrossImageAffinity(similarity="l2")
    with pytest.raises(UserError, match="known group"):
        CrossImageAffinity().build((None, None, 5, 5, 8))
