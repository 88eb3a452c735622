"""Arrays from and to protobuf messages."""

import math
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from tfwsss.server.refusal import invalid


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
    return {name: _array(name, tensor, max_bytes) for name, tensor in tensors.items()}


def _array(name: str, tensor: tensor_pb2.TensorProto, max_bytes: int) -> np.ndarray:
    sizes = [dim.size for dim in tensor.tensor_shape.dim]
    try:
        dtype = np.dtype(tf.as_dtype(tensor.dtype).as_numpy_dtype)
        if tensor.tensor_shape.unknown_rank or min(sizes, default=0) < 0:
            raise ValueError(f"its shape {sizes} is not complete")
        if math.prod(sizes) * dtype.itemsize > max_bytes:
            raise ValueError(f"its shape {sizes} makes more than {max_bytes:,} bytes")
        array = tf.make_ndarray(tensor)
        if array.dtype == object:
            array[array == ""] = b""                     # what a message leaves out becomes text, and all else is bytes
        return array
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise invalid(f"input {name!r} is no array: {error}") from error


def message_of(tensor: tf.Tensor) -> tensor_pb2.TensorProto:
    """Returns a result as a message.

    Args:
        tensor: an output of a model.

    Returns:
        The message.
    """
    return tf.make_tensor_proto(tensor.numpy(), tensor.dtype, tensor.shape)
