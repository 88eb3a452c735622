"""MXNet's `.params` files, read without MXNet."""

from pathlib import Path

import numpy as np

from tfwsss.weights.formats.source import MAX_DIMENSIONS, MAX_ENTRIES, Source

LIST_MAGIC = 0x112
"""First eight bytes, little-endian, of a list of arrays."""

_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_TYPES = ("<f4", "<f8", "<f2", "u1", "<i4", "i1", "<i8")
_MAX_NAME = 4096  # bytes


def read_params(path: Path) -> dict[str, np.ndarray]:
    """Reads a list of arrays in any of its four forms: legacy, V1 (2017), V2 (1.0), V3 (1.6).

    Args:
        path: file that `mx.nd.save` or a module's checkpoint wrote.

    Returns:
        Name (`arg:conv1_1_weight`, `aux:bn_moving_mean`; a number in an unnamed
        list) to read-only array, in the file's order. The arrays are views of the
        mapped file: writing to the file changes them.

    Raises:
        UserError: the file is no such list, is cut off, or claims what it does not hold.

    Reference: the layout is that of MXNet 1.3.1's NDArray::Save.
    """
    source = Source.open(path)
    magic, reserved, count = source.unpack("<3Q", "header")
    if magic != LIST_MAGIC or reserved:
        raise source.fault("header", f"begins with {magic:#x}, {reserved:#x}, not {LIST_MAGIC:#x}, 0x0",
                           "give an MXNet .params file")
    if count > min(MAX_ENTRIES, source.left):
        raise source.fault("header", f"claims {count:,} arrays in {len(source.data):,} bytes")
    arrays = [_read_array(source, f"array {index + 1} of {count}") for index in range(count)]
    (named,) = source.unpack("<Q", "number of names")
    if named not in (0, count):
        raise source.fault("number of names", f"{named:,} names for {count} arrays")
    names = [_read_name(source, f"name {index + 1} of {count}") for index in range(named)]
    source.end()
    if len(set(names)) != len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise source.fault(double, "is stored twice", "save the file again")
    return dict(zip(names or map(str, range(count)), arrays, strict=True))


def _read_array(source: Source, entry: str) -> np.ndarray:
    (mark,) = source.unpack("<I", entry)
    if mark in (_V2, _V3):
        (storage,) = source.unpack("<i", entry)
        if storage != 0:
            raise source.fault(entry, f"storage type {storage}, a sparse array", "save dense arrays")
    modern = mark in (_V1, _V2, _V3)
    (axes,) = source.unpack("<i", entry) if modern else (mark,)
    if axes > MAX_DIMENSIONS or axes < (-1 if mark == _V3 else 0):
        raise source.fault(entry, f"claims {axes:,} axes, at most {MAX_DIMENSIONS} are read")
    shape = source.unpack(f"<{max(axes, 0)}{'q' if modern else 'I'}", entry)
    if axes < 0 or (axes == 0 and mark != _V3):
        return np.zeros(0, np.float32)  # an array that was never filled: nothing follows
    device, _, kind = source.unpack("<3i", entry)
    if not 1 <= device <= 6 or not 0 <= kind < len(_TYPES):
        raise source.fault(entry, f"device type {device}, element type {kind}; known are 1 to 6 and 0 to 6")
    return source.array(np.dtype(_TYPES[kind]), shape, entry)


def _read_name(source: Source, entry: str) -> str:
    (length,) = source.unpack("<Q", entry)
    if length > _MAX_NAME:
        raise source.fault(entry, f"claims {length:,} bytes, at most {_MAX_NAME} are read")
    try:
        return str(source.take(length, entry), "utf-8")
    except UnicodeDecodeError:
        raise source.fault(entry, "is not text") from None
