import numpy as np
import pytest
import tensorflow as tf

from tfwsss.ops.attention_bytes import attention_bytes
from tfwsss.refine.accumulation import accumulate


def scene(seed=0, classes=3):
    return np.random.default_rng(seed).normal(0.3, 1, size=(6, 7, classes)).astype("float32")


@pytest.mark.parametrize(("from_zero", "rule"), [(False, "max"), (True, "plain_max")])
def test_bytes_are_those_of_a_first_visit(from_zero, rule):
    """Of the memory, which the programs' recorded numbers prove; both in float32."""
    for seed in range(20):
        maps = scene(seed)
        expected = np.stack([accumulate(maps[..., label], rule=rule) for label in range(3)], axis=-1)
        np.testing.assert_array_equal(attention_bytes(maps, from_zero), expected)


def test_bytes_written_out_by_hand():
    maps = np.float32([[[0.5], [-3.0]], [[2.0], [1.0]]])
    assert np.asarray(attention_bytes(maps))[..., 0].tolist() == [[63, 0], [255, 127]]
    assert np.asarray(attention_bytes(maps + 4))[..., 0].tolist() == [[178, 0], [255, 204]]   # the least is taken away
    assert np.asarray(attention_bytes(maps + 4, True))[..., 0].tolist() == [[191, 42], [255, 212]]


@pytest.mark.parametrize("from_zero", [False, True])
def test_nothing_stays_nothing_and_classes_do_not_meet(from_zero):
    assert not np.any(attention_bytes(-np.abs(scene()), from_zero))
    assert attention_bytes(scene()[..., :0], from_zero).shape == (6, 7, 0)
    alone = attention_bytes(scene()[..., 1:2], from_zero)
    np.testing.assert_array_equal(np.asarray(attention_bytes(scene(), from_zero))[..., 1:2], alone)


def test_unknown_sizes_in_a_graph():
    graph = tf.function(attention_bytes, input_signature=[tf.TensorSpec((None, None, None))])
    np.testing.assert_array_equal(graph(scene()), attention_bytes(scene()))
