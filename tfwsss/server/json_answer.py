"""Answers to predict requests in JSON, written in pieces: between them the server does other work."""

import base64
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import orjson
import tensorflow as tf

from tfwsss.server.refusal import Code, Refusal, invalid

BYTES_SUFFIX = "_bytes"
MAX_VALUES = 8_000_000
"""Numbers and texts in an answer; JSON writes each as a dozen letters."""

PIECE = 50_000
"""Numbers or texts that are written at once."""


def write_answer(outputs: Mapping[str, tf.Tensor], rows: bool) -> bytes:
    """Writes the answer to a predict request.

    Args:
        outputs: name to result.
        rows: whether the request came as rows.

    Returns:
        Strict JSON: numbers are finite, those of float32 as short as they can be told apart. A single output goes
        without its name.

    Raises:
        Refusal: a number is not finite, a text is no UTF-8, there are too many of them, or rows are asked of outputs
            without a common first axis.

    Example:
    >>> write_answer({"y": tf.constant([0.1, 2.0])}, rows=False)
    b'{"outputs":[0.1,2.0]}'
    """
    if rows and (len({tuple(value.shape[:1]) for value in outputs.values()}) != 1
                 or not all(value.shape.rank for value in outputs.values())):
        shapes = {name: value.shape.as_list() for name, value in outputs.items()}
        raise invalid(f"the outputs {shapes} have no common first axis; ask by 'inputs' in place of 'instances'")
    count = sum(math.prod(value.shape) for value in outputs.values())
    if count > MAX_VALUES:
        raise invalid(f"the answer would hold {count:,} numbers, more than {MAX_VALUES:,}; ask a signature that gives "
                      "mask_bytes, or ask by gRPC")
    columns = {name: _checked(name, value) for name, value in outputs.items()}
    pieces = _rows(columns) if rows and len(columns) > 1 else _columns(columns)
    return b"".join((b'{"predictions":' if rows else b'{"outputs":', *pieces, b"}"))


def _checked(name: str, value: tf.Tensor) -> np.ndarray:
    """Returns a result whose numbers JSON knows; texts are an array of objects."""
    array = np.asarray(value.numpy(), object if value.dtype == tf.string else None)
    if value.dtype.is_complex:
        raise Refusal(Code.FAILED_PRECONDITION, f"output {name!r} is complex, which JSON cannot say; ask by gRPC")
    if value.dtype.is_floating and not np.isfinite(array).all():
        raise Refusal(Code.OUT_OF_RANGE, f"output {name!r} is not finite everywhere, which JSON cannot say; "
                      "check the inputs, or ask by gRPC")
    return array if array.dtype.kind in "fiubO" else array.astype(np.float32)       # bfloat16 and narrower


def _columns(columns: Mapping[str, np.ndarray]) -> Iterator[bytes]:
    """Writes the arrays under their names, or a single one without."""
    if len(columns) == 1:
        for name, array in columns.items():
            yield from _pieces(name, array)
    else:
        yield from _named({name: _pieces(name, array) for name, array in columns.items()})


def _rows(columns: Mapping[str, np.ndarray]) -> Iterator[bytes]:
    for place in range(len(next(iter(columns.values())))):
        yield b"," if place else b"["
        yield from _named({name: _pieces(name, np.asarray(array[place], array.dtype))
                           for name, array in columns.items()})
    yield b"]" if any(map(len, columns.values())) else b"[]"


def _named(values: Mapping[str, Iterator[bytes]]) -> Iterator[bytes]:
    for place, (name, pieces) in enumerate(values.items()):
        yield (b"," if place else b"{") + orjson.dumps(name) + b":"
        yield from pieces
    yield b"}"


def _pieces(name: str, array: np.ndarray) -> Iterator[bytes]:
    """Writes an array, at most `PIECE` elements at once."""
    if array.ndim < 2 and array.size > PIECE:
        for start in range(0, len(array), PIECE):
            yield (b"," if start else b"[") + _dumped(name, array[start:start + PIECE])[1:-1]
        yield b"]"
    elif array.size > PIECE:
        for place, part in enumerate(array):
            yield b"," if place else b"["
            yield from _pieces(name, part)
        yield b"]"
    else:
        yield _dumped(name, array)


def _dumped(name: str, array: np.ndarray) -> bytes:
    if array.dtype.kind == "O":
        return orjson.dumps(_coded(name, array.tolist()))
    return orjson.dumps(array if array.ndim else array[()], option=orjson.OPT_SERIALIZE_NUMPY)


def _coded(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_coded(name, item) for item in value]
    if name.endswith(BYTES_SUFFIX):
        return {"b64": base64.b64encode(value).decode("ascii")}
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal(Code.FAILED_PRECONDITION, f"output {name!r} is no UTF-8; a model gives bytes under a name that "
                      f"ends in {BYTES_SUFFIX}") from error
