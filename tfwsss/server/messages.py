"""Arrays from and to protobuf messages."""

import math
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from tfwsss.server.refusal import invalid

MAX_VALUES = 2_000_000
"""Numbers or texts that a message may list one by one; arrays in `tensor_content` are as large as a request may be."""

MAX_AXES = 32
"""NumPy has no more than 64, and no model as many."""

MAX_INPUTS = 1000
"""No model takes as many."""

_SHOWN = 8             # axes in messages
_PER_TEXT = 32         # bytes that each text of an array takes beside its letters


def arrays_of(tensors: Mapping[str, tensor_pb2.TensorProto], max_bytes: int) -> dict[str, np.ndarray]:
    """Returns the arrays of a request.

    Args:
        tensors: name to message.
        max_bytes: a message may repeat its last value to fill its shape; larger arrays are refused.

    Returns:
        Name to array.

    Raises:
        Refusal: a message is no array, or too large a one.
    """
    if len(tensors) > MAX_INPUTS:
        raise invalid(f"the request has {len(tensors):,} inputs, more than {MAX_INPUTS}")
    return {name: _array(name, tensor, max_bytes) for name, tensor in tensors.items()}


def _array(name: str, tensor: tensor_pb2.TensorProto, max_bytes: int) -> np.ndarray:
    sizes = [dim.size for dim in tensor.tensor_shape.dim[:MAX_AXES + 1]]
    try:
        dtype = np.dtype(tf.as_dtype(tensor.dtype).as_numpy_dtype)
        if tensor.tensor_shape.unknown_rank or min(sizes, default=0) < 0:
            raise ValueError(f"its shape {sizes[:_SHOWN]} is not complete")
        if len(sizes) > MAX_AXES:
            raise ValueError(f"its shape has {len(tensor.tensor_shape.dim):,} axes, more than {MAX_AXES}")
        _refuse_long_lists(tensor)
        if _bytes_made(tensor, math.prod(sizes), dtype) > max_bytes:
            raise ValueError(f"its shape {sizes} makes more than {max_bytes:,} bytes")
        array = tf.make_ndarray(tensor)
        if array.dtype == object:
            array[array == ""] = b""                     # what a message leaves out becomes text, and all else is bytes
        return array
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise invalid(f"input {name!r} is no array: {error}") from error


def _refuse_long_lists(tensor: tensor_pb2.TensorProto) -> None:
    """Refuses values one by one where they are very many: they would be taken up one by one too."""
    for field, values in tensor.ListFields():
        if field.name.endswith("_val") and len(values) > MAX_VALUES:
            raise ValueError(f"it lists {len(values):,} values, more than {MAX_VALUES:,}; send tensor_content, as "
                             "tf.make_tensor_proto does")


def _bytes_made(tensor: tensor_pb2.TensorProto, count: int, dtype: np.dtype) -> int:
    """Returns the bytes of the array; a message may repeat its last value, a text too, to fill its shape."""
    if dtype.kind != "O":
        return count * dtype.itemsize
    texts = tensor.string_val
    letters = sum(map(len, texts)) + max(count - len(texts), 0) * (len(texts[-1]) if texts else 0)
    return letters + max(count - 1, 0) * _PER_TEXT


def message_of(tensor: tf.Tensor) -> tensor_pb2.TensorProto:
    """Returns a result as a message.

    Args:
        tensor: an output of a model.

    Returns:
        The message.
    """
    return tf.make_tensor_proto(tensor.numpy(), tensor.dtype, tensor.shape)
