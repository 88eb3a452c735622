import keras
import numpy as np
import pytest

from tests.support.arrays import gradient
from tfwsss.losses.per_image import PerImageLoss

VALUES = np.array([1.0, 2.0, 4.0, 9.0], np.float32)


def test_the_mean_over_images():
    assert float(PerImageLoss()(np.zeros(4), VALUES)) == 4.0
    np.testing.assert_array_equal(PerImageLoss().call(None, VALUES), VALUES)


@pytest.mark.parametrize("truth", [np.zeros(4), np.full(4, np.nan), VALUES])
def test_the_truth_is_ignored(truth):
    assert float(PerImageLoss()(truth, VALUES)) == 4.0


def test_every_image_pulls_alike():
    values = keras.Variable(VALUES)
    np.testing.assert_array_equal(gradient(lambda: PerImageLoss()(values, values), [values])[0], [0.25] * 4)


@pytest.mark.parametrize("kind", ["values", "gradients"])
def test_replicas_divide_by_the_whole_batch(strategy, kind):
    """Each of two replicas has two images; their sum is what one replica has of four."""
    import tensorflow as tf

    def step(part):
        with tf.GradientTape() as tape:
            tape.watch(part)
            loss = PerImageLoss()(part, part)
        return loss if kind == "values" else tape.gradient(loss, part)

    with strategy.scope():
        parts = strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(VALUES[2 * context.replica_id_in_sync_group:][:2]))
        found = strategy.experimental_local_results(strategy.run(tf.function(step), (parts,)))
    if kind == "values":
        assert sum(map(float, found)) == 4.0
    else:
        np.testing.assert_array_equal(np.concatenate(found), [0.25] * 4)


def test_half_precision_is_reduced_in_single():
    values = np.full(8, 60_000, np.float16)                        # their sum is beyond float16
    with keras.device("cpu"):
        assert float(PerImageLoss(dtype="float32")(values, values)) == 60_000.0


def test_name_survives():
    assert PerImageLoss.from_config(PerImageLoss(name="total").get_config()).name == "total"
