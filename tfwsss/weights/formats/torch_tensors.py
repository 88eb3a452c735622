"""What a PyTorch pickle says of a tensor, and the tensor's numbers once its storage is found."""

import dataclasses
import io
import math
from typing import Any

import numpy as np

from tfwsss.weights.formats.inert import is_inert
from tfwsss.weights.formats.pickled import Interpreter, Name, PickleFault, is_key
from tfwsss.weights.formats.source import MAX_DIMENSIONS, MAX_ELEMENTS, Source, widened

_BFLOAT16 = "bfloat16"  # numpy has none: read as uint16, given as float32, which holds every value exactly
_TYPES = {"Float": "f4", "Double": "f8", "Half": "f2", "BFloat16": _BFLOAT16, "Long": "i8", "Int": "i4",
          "Short": "i2", "Char": "i1", "Byte": "u1", "Bool": "?"}
_STORAGES = {**{f"{room}.{name}Storage": kind for name, kind in _TYPES.items() for room in ("torch", "torch.cuda")},
             "torch.storage.UntypedStorage": "u1", "torch.UntypedStorage": "u1"}
_DTYPES = {"torch.float32": "f4", "torch.float64": "f8", "torch.float16": "f2", "torch.bfloat16": _BFLOAT16,
           "torch.int64": "i8", "torch.int32": "i4", "torch.int16": "i2", "torch.int8": "i1", "torch.uint8": "u1",
           "torch.bool": "?", "torch.uint16": "u2", "torch.uint32": "u4", "torch.uint64": "u8"}


@dataclasses.dataclass(frozen=True)
class Storage:
    """Numbers in the file: `count` elements of `kind` under `key`, from element `first` of what is stored there."""

    kind: str
    key: str
    count: int
    first: int = 0


@dataclasses.dataclass(frozen=True)
class Tensor:
    """A view of a storage; first element and strides are counted in elements of `kind`."""

    storage: Storage
    kind: str
    first: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def interpret(source: Source, stream: io.BytesIO, entry: str) -> Any:
    """Returns the object that a pickle of PyTorch's describes: containers, numbers, texts and `Tensor`s.

    Args:
        source: the file, for messages.
        stream: stands at the pickle; afterwards behind it.
        entry: names the pickle in messages.

    Returns:
        Nested dictionaries, lists and tuples; an object of another kind is an `Inert`.

    Raises:
        UserError: the pickle is broken or asks for something else; the text read last is named.
    """
    functions = {
        "collections.OrderedDict": _ordered, "torch.Size": lambda sides=(): tuple(sides),
        "torch._utils._rebuild_tensor": _tensor, "torch._utils._rebuild_tensor_v2": _tensor,
        "torch._utils._rebuild_tensor_v3": _typed_tensor, "torch._utils._rebuild_parameter": _parameter,
        "torch._utils._rebuild_parameter_with_state": _parameter, "collections.defaultdict": lambda *_: {},
    }
    reader = Interpreter(functions, set(_STORAGES) | set(_DTYPES), _storage, is_inert)
    try:
        return reader.run(stream)
    except PickleFault as fault:
        near = f" near {reader.last_text[:80]!r}" if reader.last_text else ""
        raise source.fault(f"{entry}{near}", str(fault), "save plain tensors: torch.save(model.state_dict())") from None


def width(storage: Storage) -> int:
    """Returns the bytes of one element.

    Args:
        storage: what the pickle says of it.

    Returns:
        1, 2, 4 or 8.

    Example:

    >>> width(Storage("f4", "0", count=10))
    4
    """
    return _dtype(storage.kind, "<").itemsize


def view(source: Source, name: str, tensor: Tensor, data: memoryview, order: str,
         widened_storages: dict[tuple, np.ndarray]) -> np.ndarray:
    """Returns a tensor's numbers as a view of the file.

    Args:
        source: the file, for messages.
        name: the tensor's name, for messages.
        tensor: what the pickle says of it.
        data: all bytes stored under its storage's key.
        order: `<` or `>`, the byte order.
        widened_storages: storages of bfloat16 that have been copied; of one that many tensors view there is one copy.

    Returns:
        Read-only array of the tensor's shape; bfloat16 as float32.

    Raises:
        UserError: the tensor reaches beyond its storage, or claims more elements than that has.
    """
    storage, dtype = tensor.storage, _dtype(tensor.kind, order)
    data = data[storage.first * width(storage):(storage.first + storage.count) * width(storage)]
    size = math.prod(tensor.shape)
    last = tensor.first + sum((side - 1) * step for side, step in zip(tensor.shape, tensor.strides, strict=True))
    needed = max(size, last + 1) * dtype.itemsize if size else 0
    if len(data) != storage.count * width(storage) or needed > len(data) or (
            math.prod(max(side, 1) for side in tensor.shape) > MAX_ELEMENTS):
        claim = f"{'x'.join(map(str, tensor.shape)) or 'one'} {tensor.kind} from element {tensor.first}"
        raise source.fault(name, f"claims {claim}, where its storage has {len(data):,} bytes")
    if not size:
        return np.zeros(tensor.shape, dtype)
    if tensor.kind == _BFLOAT16:
        key = (storage.key, storage.first * width(storage), len(data))
        if key not in widened_storages:
            whole = len(data) // dtype.itemsize
            widened_storages[key] = widened(np.ndarray((whole,), dtype, data))
            widened_storages[key].flags.writeable = False
        data, dtype = widened_storages[key].data, np.dtype(np.float32)
    steps = [step * dtype.itemsize * (side > 1) for side, step in zip(tensor.shape, tensor.strides, strict=True)]
    return np.ndarray(tensor.shape, dtype, data, tensor.first * dtype.itemsize, steps)


def _dtype(kind: str, order: str) -> np.dtype:
    return np.dtype(f"{order}u2" if kind == _BFLOAT16 else f"{order}{kind}")


def _ordered(pairs: Any = ()) -> dict:
    if not all(is_key(key) for key, _ in pairs):
        raise PickleFault("a dictionary's key is neither text nor a number")
    return dict(pairs)


def _parameter(tensor: Tensor, *_: Any) -> Tensor:
    if not isinstance(tensor, Tensor):
        raise PickleFault("a parameter without a tensor")
    return tensor


def _storage(description: Any) -> Storage:
    """Turns ('storage', type, key, place, count[, view]) into a storage."""
    word, kind, key, _, count, *part = description
    if word != "storage" or not isinstance(kind, Name) or kind.text not in _STORAGES or not isinstance(key, str):
        raise PickleFault("an object outside that is no storage")
    first = 0
    if part and part[0] is not None:
        _, first, count = part[0]
    return Storage(_STORAGES[kind.text], key, _whole(count), _whole(first))


def _tensor(storage: Storage, first: Any, shape: Any, strides: Any, *_: Any, kind: str | None = None) -> Tensor:
    if not isinstance(storage, Storage) or len(shape) != len(strides) or len(shape) > MAX_DIMENSIONS:
        raise PickleFault("a tensor without a storage, or of an impossible shape")
    sides, steps = tuple(map(_whole, shape)), tuple(map(_whole, strides))
    return Tensor(storage, kind or storage.kind, _whole(first), sides, steps)


def _typed_tensor(storage: Storage, first: Any, shape: Any, strides: Any, *rest: Any) -> Tensor:
    """Rebuilds (..., requires gradient, hooks, dtype, metadata): the storage is bytes, the tensor says of what."""
    dtype = rest[2]
    if not isinstance(dtype, Name) or dtype.text not in _DTYPES:
        raise PickleFault("a tensor of an unknown type")
    return _tensor(storage, first, shape, strides, kind=_DTYPES[dtype.text])


def _whole(number: Any) -> int:
    if type(number) is not int or not 0 <= number < 2**60:
        raise PickleFault("a size, step or count that is no number, negative, or beyond any file")
    return number
