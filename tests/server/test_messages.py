"""Arrays of messages, and messages that would fill the memory."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto

from tfwsss.server.messages import arrays_of, message_of
from tfwsss.server.refusal import Refusal


@pytest.mark.parametrize("value", [np.float32([[1, 2]]), np.array([b"a\0", b""], object), np.uint8(3), np.zeros((0, 3)),
                                   np.array(b"\0\0", object), np.array([True])])
def test_there_and_back(value):
    message = message_of(tf.constant(value))
    array = arrays_of({"x": message}, 1000)["x"]
    assert array.shape == np.shape(value) and array.tolist() == value.tolist()


def test_a_repeated_value_fills_its_shape_up_to_a_limit():
    message = TensorProto(dtype=1, float_val=[5])
    message.tensor_shape.dim.add(size=10)
    assert arrays_of({"x": message}, 40)["x"].tolist() == [5] * 10
    with pytest.raises(Refusal, match="makes more than 39 bytes"):
        arrays_of({"x": message}, 39)


@pytest.mark.parametrize(("sizes", "values", "expected"), [
    ([2], [], [b"", b""]), ([], [], b""), ([3], [b"a"], [b"a"] * 3), ([2, 1], [b"a", b"b"], [[b"a"], [b"b"]]),
    ([0], [], [])])
def test_strings_that_are_left_out_are_bytes_too(sizes, values, expected):
    """As in TensorFlow Serving: none is the empty string, fewer repeat the last."""
    message = TensorProto(dtype=tf.string.as_datatype_enum, string_val=values)
    for size in sizes:
        message.tensor_shape.dim.add(size=size)
    array = arrays_of({"x": message}, 1000)["x"]
    assert array.dtype == object and array.tolist() == expected


@pytest.mark.parametrize("message", [TensorProto(), TensorProto(dtype=99), TensorProto(dtype=1, tensor_content=b"abc")])
def test_no_array(message):
    with pytest.raises(Refusal, match="input 'x' is no array"):
        arrays_of({"x": message}, 1000)
