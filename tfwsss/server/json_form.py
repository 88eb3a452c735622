"""Predict requests in JSON: rows (`instances`) and columns (`inputs`), bytes as {"b64": ...}."""

import base64
import binascii
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from tfwsss.server.json_text import with_parsed
from tfwsss.server.messages import MAX_AXES
from tfwsss.server.refusal import invalid
from tfwsss.server.servable import Input, Signature

_SHOWN = 8             # names in messages
_TAKEN = {"f": {int, float}, "i": {int}, "u": {int}, "b": {bool}, "O": {str, dict}}     # dtype's kind: JSON's types


def read_request(body: bytes, signature_named: Callable[[str], Signature]
                 ) -> tuple[Signature, dict[str, np.ndarray], bool]:
    """Reads the body of a predict request.

    Args:
        body: JSON; the tokens NaN and Infinity are numbers, as TensorFlow Serving has it.
        signature_named: name (empty for the default one) to signature.

    Returns:
        The signature that is asked for, the arrays of its inputs, and whether they came as rows.

    Raises:
        Refusal: it is no JSON, of too many values, not of the form, or its values do not fit the signature's types.
    """
    return with_parsed(body, lambda request: _read(request, signature_named))


def _read(request: Any, signature_named: Callable[[str], Signature]) -> tuple[Signature, dict[str, np.ndarray], bool]:
    if not isinstance(request, dict):
        raise invalid("the body is no JSON object; expected {\"instances\": [...]} or {\"inputs\": {...}}")
    name = request.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid("'signature_name' is no string")
    signature = signature_named(name)
    if ("instances" in request) == ("inputs" in request):
        raise invalid("expected either 'instances' (rows) or 'inputs' (columns) in the body")
    rows = "instances" in request
    values = _columns_of_rows(request["instances"], signature) if rows else _columns(request["inputs"], signature)
    return signature, {name: _array(name, value, signature.inputs[name]) for name, value in values.items()}, rows


def _columns_of_rows(rows: Any, signature: Signature) -> dict[str, Any]:
    """Returns input name to the values of all rows."""
    if not isinstance(rows, list) or not rows:
        raise invalid("'instances' is no list, or an empty one; expected a value or an object for each instance")
    if not _is_named(rows[0]):
        if any(map(_is_named, rows)):
            raise invalid("'instances' mixes values and objects; name the inputs in all of them or in none")
        return {_only_input(signature, "instances"): rows}
    for index, row in enumerate(rows):
        if not _is_named(row) or set(row) != set(signature.inputs):
            keys = list(itertools.islice(row, _SHOWN)) if isinstance(row, dict) else type(row).__name__
            raise invalid(f"instance {index} has {keys}; signature {signature.name!r} takes {sorted(signature.inputs)}")
    return {name: [row[name] for row in rows] for name in signature.inputs}


def _columns(inputs: Any, signature: Signature) -> dict[str, Any]:
    if not _is_named(inputs):
        return {_only_input(signature, "inputs"): inputs}
    if missing := sorted(set(signature.inputs) - set(inputs)):
        raise invalid(f"input {missing[0]!r} is missing; signature {signature.name!r} takes {sorted(signature.inputs)}")
    return {name: inputs[name] for name in signature.inputs}


def _only_input(signature: Signature, key: str) -> str:
    if len(signature.inputs) != 1:
        raise invalid(f"'{key}' has no names, but signature {signature.name!r} takes {sorted(signature.inputs)}")
    return next(iter(signature.inputs))


def _is_named(value: Any) -> bool:
    """Says whether a value is an object of named inputs, and no coded bytes."""
    return isinstance(value, dict) and not (set(value) == {"b64"} and isinstance(value["b64"], str))


def _array(name: str, value: Any, expected: Input) -> np.ndarray:
    """Returns nested lists as an array of the type that the signature wants."""
    flat, shape = _flat(name, value)
    dtype = np.dtype(expected.dtype.as_numpy_dtype)
    taken = _TAKEN.get(dtype.kind, set())
    if wrong := set(map(type, flat)) - taken:
        raise invalid(f"input {name!r} holds {wrong.pop().__name__}; expected {expected.dtype.name}")
    if dtype.kind == "O":
        flat = [_bytes(name, item) for item in flat]
    try:
        with np.errstate(over="ignore"):                     # what becomes infinite is refused below
            array = np.array(flat, dtype)
    except OverflowError as error:
        raise invalid(f"input {name!r} holds a number beyond {expected.dtype.name}") from error
    if dtype.kind == "f" and (np.isfinite(np.array(flat, np.float64)) != np.isfinite(array)).any():
        raise invalid(f"input {name!r} holds a number beyond {expected.dtype.name}")
    return array.reshape(shape)


def _flat(name: str, value: Any) -> tuple[list, list[int]]:
    """Returns the leaves of nested lists in order, and the shape that all of them share."""
    flat, shape = [value], []
    while flat and any(type(item) is list for item in flat):
        sizes = {len(item) if type(item) is list else None for item in flat}
        if len(sizes) != 1:
            raise invalid(f"input {name!r}: lists at depth {len(shape)} differ in length; expected a full array")
        shape.append(sizes.pop())
        if len(shape) > MAX_AXES:
            raise invalid(f"input {name!r}: lists are nested deeper than {MAX_AXES} levels; expected an array")
        flat = list(itertools.chain.from_iterable(flat))
    return flat, shape


def _bytes(name: str, item: str | dict) -> bytes:
    if isinstance(item, str):
        return item.encode("utf-8", "surrogatepass")
    if _is_named(item):
        raise invalid(f"input {name!r} holds an object; expected a string or {{\"b64\": ...}}")
    coded = "".join(item["b64"].split())                  # encoders break lines
    try:
        return base64.b64decode(coded + "=" * (-len(coded) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid(f"input {name!r}: its base64 is broken or cut off ({error})") from error
