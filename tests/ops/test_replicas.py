import numpy as np
from keras import ops

from tfwsss.ops.replicas import place_among_replicas, sum_over_replicas


def test_identity_without_replicas():
    assert float(sum_over_replicas(ops.array(3.0))) == 3.0
    assert place_among_replicas() == (0, 1)


def test_sum_and_place_in_each_replica(strategy):
    import tensorflow as tf

    @tf.function
    def work():
        position, count = place_among_replicas()
        return sum_over_replicas(tf.cast([position, 10], "float32")), position, count

    results = [strategy.experimental_local_results(part) for part in strategy.run(work)]
    for total in results[0]:
        np.testing.assert_array_equal(total, [1, 20])
    assert sorted(int(place) for place in results[1]) == [0, 1] and {int(count) for count in results[2]} == {2}


def test_outside_a_replica_nothing_is_summed(strategy):
    with strategy.scope():
        assert float(sum_over_replicas(ops.array(3.0))) == 3.0


def test_normaliser_over_all_replicas_is_exact(strategy):
    import tensorflow as tf

    values = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant([[1.0, 2.0, 3.0], [4.0, 0.0, 0.0]][context.replica_id_in_sync_group]))
    counts = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant([3.0, 1.0][context.replica_id_in_sync_group]))
    work = tf.function(lambda v, n: tf.reduce_sum(v) / sum_over_replicas(n))
    parts = strategy.experimental_local_results(strategy.run(work, args=(values, counts)))
    assert sum(map(float, parts)) == 10 / 4
