"""A loaded SavedModel: its signatures, their inputs and outputs, and calls of them. Keras is not needed."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from tfwsss.logs import LOG
from tfwsss.server.graph_errors import plain_words
from tfwsss.server.refusal import Code, Refusal, invalid

DEFAULT_SIGNATURE = "serving_default"
_TAG = "serve"


@dataclasses.dataclass(frozen=True)
class Input:
    """What a signature takes under one name; the shape is None where anything goes, its entries too."""

    dtype: tf.DType
    shape: tuple[int | None, ...] | None


@dataclasses.dataclass(frozen=True)
class Signature:
    """One way to call a model."""

    name: str
    inputs: Mapping[str, Input]
    outputs: tuple[str, ...]
    function: Callable[..., Mapping[str, tf.Tensor]]

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, tf.Tensor]:
        """Runs the graph on arrays that fit; what its operations refuse becomes a `Refusal`."""
        tensors = {name: tf.constant(array, self.inputs[name].dtype) for name, array in inputs.items()}
        try:
            return dict(self.function(**tensors))
        except tf.errors.OpError as error:
            LOG.debug("%s refuses: %s", self.name, error.message)
            raise Refusal(Code(error.error_code), plain_words(error)) from error


class Servable:
    """A SavedModel in memory.

    Args:
        path: the version's folder.

    Raises:
        Exception: whatever TensorFlow raises on a folder that it cannot load.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        self.signature_defs = _signature_defs(self.path)
        self._module = tf.saved_model.load(str(path), tags=_TAG)         # keeps the variables alive
        self._signatures = {name: _signature(name, function, self.signature_defs[name])
                            for name, function in self._module.signatures.items()}
        labels = self.path / "assets" / "labels.txt"
        self.labels = labels.read_text("utf-8").splitlines() if labels.is_file() else []

    def signature(self, name: str = "", missing: Code = Code.INVALID_ARGUMENT) -> Signature:
        """Returns a signature.

        Args:
            name: as the request names it; nothing means the default one.
            missing: the reason given where there is none: the two interfaces differ.

        Returns:
            The signature, to be called.

        Raises:
            Refusal: the model has no such signature.
        """
        name = name or DEFAULT_SIGNATURE
        if name not in self._signatures:
            raise Refusal(missing, f"the model has no signature {name!r}; it has {', '.join(sorted(self._signatures))}")
        return self._signatures[name]


def _signature_defs(path: Path) -> dict[str, meta_graph_pb2.SignatureDef]:
    """Returns the signatures as the file describes them."""
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((path / "saved_model.pb").read_bytes())
    for graph in saved.meta_graphs:
        if _TAG in graph.meta_info_def.tags:
            return dict(graph.signature_def)
    raise ValueError(f"no graph is tagged {_TAG!r}; export the model for serving")


def _signature(name: str, function, definition: meta_graph_pb2.SignatureDef) -> Signature:
    inputs = {key: Input(tf.as_dtype(info.dtype), _shape(info)) for key, info in definition.inputs.items()}
    return Signature(name, inputs, tuple(definition.outputs), function)


def _shape(info: meta_graph_pb2.TensorInfo) -> tuple[int | None, ...] | None:
    if info.tensor_shape.unknown_rank:
        return None
    return tuple(None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim)


def check_inputs(signature: Signature, arrays: Mapping[str, np.ndarray]) -> None:
    """Refuses arrays that do not fit a signature, before the graph sees them.

    Args:
        signature: what is to be called.
        arrays: input name to array.

    Raises:
        Refusal: a name is missing or unknown, or a type or shape differs.
    """
    if set(arrays) != set(signature.inputs):
        raise invalid(f"got inputs {sorted(arrays)}; signature {signature.name!r} takes {sorted(signature.inputs)}")
    for name, array in arrays.items():
        expected = signature.inputs[name]
        if tf.as_dtype(array.dtype) != expected.dtype:
            raise invalid(f"input {name!r} is {tf.as_dtype(array.dtype).name}; expected {expected.dtype.name}")
        if expected.shape is not None and not _fits(array.shape, expected.shape):
            raise invalid(f"input {name!r} has shape {list(array.shape)}; expected "
                          f"{['any' if size is None else size for size in expected.shape]}")


def _fits(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    return len(shape) == len(expected) and all(want in (None, size) for size, want in zip(shape, expected, strict=True))
