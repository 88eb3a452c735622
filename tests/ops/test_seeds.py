"""The rule in the graph beside the rule on arrays, which is compared with the original program."""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.oracles.seeds import decide_icd
from tfwsss.ops.seeds import icd_seeds


def maps(count: int, seed: int, size=(11, 13)):
    """Rough maps with positive, negative and exactly zero scores."""
    rng = np.random.default_rng(seed)
    icd = rng.normal(-0.2, 1, (*size, count)).astype(np.float32)
    icd[rng.random(icd.shape) < 0.1] = 0
    return icd, rng.normal(0.3, 1, (*size, count)).astype(np.float32)


def by_arrays(icd, cam):
    return decide_icd(np.moveaxis(icd, -1, 0), np.moveaxis(cam, -1, 0), list(range(icd.shape[-1])))


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_rule_on_arrays(count, seed):
    icd, cam = maps(count, seed)
    found = icd_seeds(tf.constant(icd), tf.constant(cam)).numpy()
    np.testing.assert_array_equal(found, by_arrays(icd, cam))
    assert {0, 1, 255} <= set(np.unique(found)) or count > 3


@pytest.mark.parametrize("change", [lambda icd, cam: (abs(icd), cam), lambda icd, cam: (-abs(icd), cam),
                                    lambda icd, cam: (icd * 0, cam), lambda icd, cam: (icd, -abs(cam)),
                                    lambda icd, cam: (icd * 1e-6, cam * 1e-6),
                                    lambda icd, cam: (icd[:1, :1], cam[:1, :1])])
@pytest.mark.parametrize("count", [1, 3])
def test_maps_of_one_kind(change, count):
    """All object, all background, nothing, no class activation, nearly nothing, one pixel."""
    icd, cam = change(*maps(count, 5))
    np.testing.assert_array_equal(icd_seeds(tf.constant(icd), tf.constant(cam)), by_arrays(icd, cam))


def test_the_number_of_classes_may_be_unknown_and_none():
    traced = tf.function(icd_seeds, input_signature=[tf.TensorSpec((None, None, None))] * 2, autograph=False)
    for count in (0, 1, 4):
        icd, cam = maps(count, count)
        np.testing.assert_array_equal(traced(icd, cam), by_arrays(icd, cam))
    assert not traced(*maps(0, 0)).numpy().any()
