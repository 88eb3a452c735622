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


def of_texts(size: int, *texts: bytes) -> TensorProto:
    message = TensorProto(dtype=tf.string.as_datatype_enum, string_val=texts)
    message.tensor_shape.dim.add(size=size)
    return message


def test_a_repeated_text_counts_as_often_as_it_is_repeated():
    """Before anything is copied: each of them would be a text of its own in the model's input."""
    assert arrays_of({"x": of_texts(9, bytes(100))}, 2000)["x"].shape == (9,)
    for message in (of_texts(10_000, bytes(100_000)), of_texts(4_000_000, b"", b"a" * 100_000), of_texts(10**6, b"")):
        with pytest.raises(Refusal, match="makes more than 1,000,000 bytes"):
            arrays_of({"x": message}, 1_000_000)
    assert arrays_of({"x": of_texts(1, bytes(1_000_000))}, 1_000_000)["x"].shape == (1,)


@pytest.mark.parametrize("message", [
    TensorProto(dtype=1, float_val=np.zeros(2_000_001, "f")), TensorProto(dtype=3, int_val=np.zeros(2_000_001, "i")),
    of_texts(2_000_001, *[b""] * 2_000_001)], ids=["floats", "whole numbers", "texts"])
def test_values_one_by_one_are_not_taken_where_they_are_very_many(message):
    with pytest.raises(Refusal, match="lists 2,000,001 values, more than 2,000,000; send tensor_content"):
        arrays_of({"x": message}, 10**9)


def test_shapes_of_very_many_axes():
    message = TensorProto(dtype=1, float_val=[1])
    for _ in range(33):
        message.tensor_shape.dim.add(size=1)
    with pytest.raises(Refusal, match="33 axes, more than 32"):
        arrays_of({"x": message}, 1000)
    for _ in range(100_000):
        message.tensor_shape.dim.add(size=-1)
    with pytest.raises(Refusal, match="is no array") as caught:
        arrays_of({"x": message}, 1000)
    assert len(caught.value.message) < 300


def test_very_many_inputs():
    with pytest.raises(Refusal, match="1,001 inputs, more than 1000"):
        arrays_of({str(place): TensorProto() for place in range(1001)}, 1000)


@pytest.mark.parametrize("message", [TensorProto(), TensorProto(dtype=99), TensorProto(dtype=1, tensor_content=b"abc")])
def test_no_array(message):
    with pytest.raises(Refusal, match="input 'x' is no array"):
        arrays_of({"x": message}, 1000)
