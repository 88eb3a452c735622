"""The safetensors format: a length, a JSON header, numbers; read without its library and without copying."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfwsss.weights.formats.source import MAX_ENTRIES, Source, widened

MAX_HEADER = 100_000_000
"""Bytes of the header, as the format's own library limits them."""

_TYPES = {"F32": "<f4", "F64": "<f8", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2",
          "I8": "i1", "U8": "u1", "U16": "<u2", "U32": "<u4", "U64": "<u8", "BOOL": "?"}


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Reads a safetensors file.

    Args:
        path: the file.

    Returns:
        Name to read-only view of the mapped file, in its order; bfloat16 comes as float32, which holds every value
        exactly.

    Raises:
        UserError: the header is no such header, or an array claims what the file does not hold or is no plain numbers.

    Reference: the format of the safetensors library, version 0.7.
    """
    source = Source.open(path)
    (length,) = source.unpack("<Q", "header")
    if length > MAX_HEADER:
        raise source.fault("header", f"claims {length:,} bytes, at most {MAX_HEADER:,} are read")
    try:
        header = json.loads(bytes(source.take(length, "header")))
    except (ValueError, RecursionError) as error:
        raise source.fault("header", f"is no JSON ({str(error)[:100]})") from None
    if not isinstance(header, dict) or len(header) > MAX_ENTRIES:
        raise source.fault("header", f"is no table of at most {MAX_ENTRIES:,} arrays")
    header.pop("__metadata__", None)
    numbers = source.take(source.left, "numbers")
    return {name: _array(source, numbers, name, entry) for name, entry in header.items()}


def _array(source: Source, numbers: memoryview, name: str, entry: Any) -> np.ndarray:
    """Returns one array after its entry of the header was found to be sound."""
    kind, shape, offsets = (entry.get(key) if isinstance(entry, Mapping) else None
                            for key in ("dtype", "shape", "data_offsets"))
    sound = isinstance(kind, str) and _whole(shape) and _whole(offsets) and len(offsets) == 2
    if not sound or not offsets[0] <= offsets[1] <= len(numbers):
        raise source.fault(name[:200], "has no type, shape and place inside the file")
    if kind not in _TYPES:
        raise source.fault(name[:200], f"holds {kind[:30]}, no plain numbers", "save float32 or float16")
    part = Source(source.path, numbers[offsets[0]:offsets[1]])
    array = part.array(np.dtype(_TYPES[kind]), tuple(shape), name[:200])
    part.end()
    return widened(array) if kind == "BF16" else array


def _whole(values: Any) -> bool:
    """Says whether a value is a list of whole numbers from 0."""
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**63 for value in values)
