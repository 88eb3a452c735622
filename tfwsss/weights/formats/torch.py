"""PyTorch's `.pth` files, both containers, read without PyTorch and without running anything."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tfwsss.weights.formats.inert import Inert
from tfwsss.weights.formats.pickled import MAX_BYTES, Name
from tfwsss.weights.formats.source import MAX_ENTRIES, Contents, Source
from tfwsss.weights.formats.torch_tensors import Storage, Tensor, interpret, view, width
from tfwsss.weights.formats.zipped import ZIP_MAGIC, stored_records

LEGACY_MAGIC = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")
"""First bytes of the container before PyTorch 1.6."""

_MOST_USES = 16  # times that tensors may use the file's numbers on average
_FREE = 64 * 2**20  # bytes of views in small files, which may repeat single numbers
_MAX_DEPTH = 16  # containers inside each other
_MAX_OTHERS = 200  # that are listed
_MAX_VISITS = 1_000_000  # containers and their items, counted as often as they are reached
_Stored = Callable[[str, str], memoryview]  # storage's key and tensor's name -> bytes


def read_pth(path: Path) -> dict[str, np.ndarray]:
    """Reads the tensors of a file that `torch.save` wrote, whichever its container.

    The file's pickle is interpreted, never loaded: it may build dictionaries,
    lists and tensors. What is no tensor (numbers, texts, objects of other
    packages) is passed over and listed; code is refused, and nothing is called.

    Args:
        path: a state dictionary or a checkpoint that holds some.

    Returns:
        Name to read-only array, in the file's order; names of nested containers
        are joined by dots (`state_dict.conv1.weight`). bfloat16 comes as float32.
        Its `others` name what was passed over.

    Raises:
        UserError: the file holds code, is cut off, or claims what it does not hold; the entry is named.

    Reference: the containers are those of PyTorch 0.1 to 2.13.
    """
    source = Source.open(path)
    start = bytes(source.data[:len(LEGACY_MAGIC)])
    if start.startswith(ZIP_MAGIC):
        value, stored, order = _read_zip(source)
    elif start == LEGACY_MAGIC:
        value, stored, order = _read_legacy(source)
    else:
        raise source.fault("header", "is neither of PyTorch's containers", "give a file that torch.save wrote")
    tensors: dict[str, Tensor] = {}
    others: dict[str, str] = {}
    _collect(source, value, (), tensors, others, [0])
    widened: dict[tuple, np.ndarray] = {}
    found = {name: view(source, name, tensor, stored(tensor.storage.key, name), order, widened)
             for name, tensor in tensors.items()}
    total = sum(array.nbytes for array in found.values())
    if total > _MOST_USES * len(source.data) + _FREE:      # whoever uses them would do so again for each view
        raise source.fault("archive", f"its {len(found):,} tensors are views of the same numbers, {total:,} bytes in "
                           f"all, over {_MOST_USES} times the file", "save model.state_dict() alone")
    return Contents(found, others)


def _read_zip(source: Source) -> tuple[Any, _Stored, str]:
    """Returns the pickled object, a function from storage key to bytes, and the byte order."""
    records = stored_records(source)
    pickles = [name for name in records if name == "data.pkl" or name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise source.fault("archive", f"holds {len(pickles)} entries named data.pkl, not one",
                           "give a file that torch.save wrote")
    folder = pickles[0].removesuffix("data.pkl")
    if f"{folder}constants.pkl" in records:
        raise source.fault(f"{folder}constants.pkl", "the file is a TorchScript program, as OpenAI releases CLIP",
                           "give model.safetensors of openai/clip-vit-base-patch16, or save model.state_dict()")
    data = records[pickles[0]]()
    if len(data) > MAX_BYTES:
        raise source.fault(pickles[0], f"has {len(data):,} bytes, at most {MAX_BYTES:,} are read")
    order = {b"little": "<", b"big": ">"}.get(bytes(records.get(f"{folder}byteorder", lambda: b"little")()[:6]))
    if order is None:
        raise source.fault(f"{folder}byteorder", "is neither little nor big")

    def stored(key: str, entry: str) -> memoryview:
        record = records.get(f"{folder}data/{key}")
        if record is None:
            raise source.fault(entry, f"its numbers, {folder}data/{key[:40]}, are missing")
        return record()

    return interpret(source, io.BytesIO(data), pickles[0]), stored, order


def _read_legacy(source: Source) -> tuple[Any, _Stored, str]:
    """The same for the older container: five pickles, then every storage with its length before it."""
    values = []
    for entry in ("magic number", "protocol version", "system", "pickled object", "list of storages"):
        stream = io.BytesIO(source.data[source.position:source.position + MAX_BYTES])
        values.append(interpret(source, stream, entry))
        source.position += stream.tell()
    _, version, system, value, keys = values
    if version != 1001 or not isinstance(system, dict) or not isinstance(keys, list) or len(keys) > MAX_ENTRIES:
        raise source.fault("protocol version", "is not 1001, or the system or the list of storages is odd",
                           "save the file again with PyTorch 1.6 or later")
    order = "<" if system.get("little_endian", True) is True else ">"
    widths = _widths(value)
    found: dict[str, memoryview] = {}
    for key in keys:
        if not isinstance(key, str) or key not in widths or key in found:
            raise source.fault("list of storages", "names one that no tensor uses, or one twice")
        entry = f"storage {key[:40]}"
        (count,) = source.unpack(f"{order}q", entry)
        found[key] = source.take(count * widths[key], entry)
    source.end()

    def stored(key: str, entry: str) -> memoryview:
        if key not in found:
            raise source.fault(entry, f"its numbers, storage {key[:40]}, are missing")
        return found[key]

    return value, stored, order


def _widths(value: Any) -> dict[str, int]:
    """Returns the bytes per element of every storage that a container mentions, each container looked at once."""
    widths: dict[str, int] = {}
    seen, waiting = set(), [value]
    while waiting:
        item = waiting.pop()
        item = item.storage if isinstance(item, Tensor) else item
        if isinstance(item, Storage):
            widths[item.key] = width(item)
        elif isinstance(item, dict | list | tuple | Inert) and id(item) not in seen:
            seen.add(id(item))
            item = item.items if isinstance(item, Inert) else item
            waiting.extend(item.values() if isinstance(item, dict) else item)
    return widths


def _collect(source: Source, value: Any, name: tuple[str, ...], found: dict[str, Tensor], others: dict[str, str],
             visits: list[int]) -> None:
    """Gathers the tensors of nested containers under their joined names, and some of what else there is."""
    visits[0] += 1
    if visits[0] > _MAX_VISITS or len(found) > MAX_ENTRIES or len(name) > _MAX_DEPTH:
        raise source.fault(".".join(name)[:200], f"over {MAX_ENTRIES:,} tensors or {_MAX_DEPTH} levels of containers",
                           "save model.state_dict() alone")
    if isinstance(value, Tensor):
        joined = ".".join(name) or "tensor"
        if joined in found:
            raise source.fault(joined, "is stored twice", "save model.state_dict() alone")
        found[joined] = value
        return
    if isinstance(value, Inert) or (len(name) == 1 and not isinstance(value, dict | list | tuple)):
        if len(others) < _MAX_OTHERS:
            others[".".join(name)] = value.text if isinstance(value, Inert | Name) else type(value).__name__
    value = value.items if isinstance(value, Inert) else value
    if isinstance(value, dict | list | tuple):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            _collect(source, inner, (*name, str(key)), found, others, visits)
