"""Numbers of known and unknown sides, and products of two sides."""

import tensorflow as tf
from keras import ops

from tfwsss.ops.numbers import numbers, wide


def test_known_and_unknown_counts_give_the_same():
    count = tf.function(numbers, input_signature=[tf.TensorSpec((), tf.int64)])
    for many in (0, 1, 7):
        assert ops.convert_to_numpy(numbers(many)).tolist() == count(tf.constant(many, tf.int64)).numpy().tolist()
        assert ops.convert_to_numpy(numbers(many)).tolist() == list(range(many))
    assert numbers(3).dtype == tf.int32 and tuple(numbers(3).shape) == (3,)


def test_products_of_long_sides_fit():
    assert int(wide(60_000) * wide(60_000)) == 3_600_000_000
