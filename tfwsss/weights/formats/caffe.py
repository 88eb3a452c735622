"""Caffe's `.caffemodel` files, read from Protocol Buffers' wire format without Caffe or its schema."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tfwsss.weights.formats.source import MAX_DIMENSIONS, MAX_ENTRIES, Source

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5  # wire types
_OLD_LAYER, _NEW_LAYER = 2, 100  # fields of NetParameter
_OLD = {"name": 4, "type": 5, "blobs": 6}  # fields of V1LayerParameter
_NEW = {"name": 1, "type": 2, "blobs": 7}  # fields of LayerParameter
_CONVOLUTIONS = {"Convolution", "Deconvolution", 4, 39}
_DENSE = {"InnerProduct", 14}


def read_caffemodel(path: Path) -> dict[str, np.ndarray]:
    """Reads the blobs of a network that Caffe saved, in the old (V1) or the new layout of layers.

    Args:
        path: the `.caffemodel`.

    Returns:
        `layer/index` (`conv1_1/0` is the kernel, `conv1_1/1` the bias) to
        array, in the file's order, shapes as Caffe has them: kernels (out, in,
        row, column), dense weights (out, in). Most arrays are read-only views of
        the mapped file.

    Raises:
        UserError: the file is cut off, no network, or claims what it does not hold; the layer is named.

    Reference: the schema is BVLC Caffe's caffe.proto.
    """
    source = Source.open(path)
    blobs: dict[str, np.ndarray] = {}
    for field, wire, value in _fields(source, source.data, "network"):
        if field in (_OLD_LAYER, _NEW_LAYER) and wire == _BYTES:
            for name, array in _read_layer(source, value, _OLD if field == _OLD_LAYER else _NEW):
                if name in blobs:
                    raise source.fault(name, "is stored twice", "save the network again")
                if len(blobs) >= MAX_ENTRIES:
                    raise source.fault(name, f"is one of more than {MAX_ENTRIES:,} arrays")
                blobs[name] = array
    if not blobs:
        raise source.fault("network", "holds no layer with weights", "give a .caffemodel that Caffe saved")
    return blobs


def batch_norm_statistics(mean: np.ndarray, variance: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Undoes the factor that Caffe's BatchNorm layers keep in their third blob.

        mean' = mean / scale,  variance' = variance / scale;  both 0 where scale is 0

    Args:
        mean: blob 0, `(channel,)`.
        variance: blob 1, `(channel,)`.
        scale: blob 2, `(1,)`.

    Returns:
        Moving mean and moving variance, both `(channel,)`, in their own type.

    Example:

    >>> batch_norm_statistics(np.array([4.0]), np.array([8.0]), np.array([2.0]))
    (array([2.]), array([4.]))
    """
    factor = 0 if scale.ravel()[0] == 0 else 1 / scale.ravel()[0]
    return mean * factor, variance * factor


def _read_layer(source: Source, data: memoryview, fields: dict[str, int]) -> Iterator[tuple[str, np.ndarray]]:
    """Yields the name and array of each blob of a layer."""
    name, kind, blobs = "unnamed layer", "", []
    for field, wire, value in _fields(source, data, "layer"):
        if field == fields["name"] and wire == _BYTES:
            name = _text(source, value)
        elif field == fields["type"]:
            kind = _text(source, value) if wire == _BYTES else value
        elif field == fields["blobs"] and wire == _BYTES:
            blobs.append(value)
    for index, blob in enumerate(blobs):
        yield f"{name}/{index}", _read_blob(source, blob, f"{name}/{index}", kind, index)


def _read_blob(source: Source, data: memoryview, entry: str, kind: str | int, index: int) -> np.ndarray:
    """Returns a blob's array."""
    old, shape = [0, 0, 0, 0], None
    raw: dict[int, memoryview | bytearray] = {}
    for field, wire, value in _fields(source, data, entry):
        if field in (1, 2, 3, 4) and wire == _VARINT:
            old[field - 1] = value
        elif field == 7 and wire == _BYTES:
            shape = _read_shape(source, value, entry)
        elif (field, wire) in ((5, _BYTES), (5, _FOUR), (8, _BYTES), (8, _EIGHT)):
            if field not in raw:
                raw[field] = value
            else:  # numbers may come in several pieces, even one by one
                raw[field] = raw[field] if isinstance(raw[field], bytearray) else bytearray(raw[field])
                raw[field] += value
    if len(raw) > 1:
        raise source.fault(entry, "holds both single and double numbers")
    dtype = np.dtype("<f8" if 8 in raw else "<f4")
    numbers = raw.get(5, raw.get(8, b""))
    sides = _old_shape(old, kind, index) if shape is None else shape
    if len(sides) > MAX_DIMENSIONS or math.prod(sides) * dtype.itemsize != len(numbers):
        claim = "x".join(map(str, sides[:MAX_DIMENSIONS]))
        raise source.fault(entry, f"claims {claim or 'one'} {dtype}, where its data has {len(numbers):,} bytes")
    return np.frombuffer(numbers, dtype).reshape(sides) if len(numbers) else np.zeros(0, dtype)


def _old_shape(sides: list[int], kind: str | int, index: int) -> list[int]:
    """Drops the leading ones with which old files fill a shape up to four sides."""
    if index == 0 and kind in _CONVOLUTIONS:
        return sides
    if index == 0 and kind in _DENSE and sides[:2] == [1, 1]:
        return sides[2:]
    while len(sides) > 1 and sides[0] == 1:
        sides = sides[1:]
    return sides


def _read_shape(source: Source, data: memoryview, entry: str) -> list[int]:
    """Returns the sides of a BlobShape, packed or one by one."""
    sides: list[int] = []
    for field, wire, value in _fields(source, data, entry):
        if field == 1 and wire == _VARINT:
            sides.append(value)
        elif field == 1 and wire == _BYTES:
            position = 0
            while position < len(value):
                side, position = _varint(source, value, position, entry)
                sides.append(side)
    return sides


def _fields(source: Source, data: memoryview, entry: str) -> Iterator[tuple[int, int, int | memoryview]]:
    """Yields number, wire type and value of each field of a message: numbers as int, all else as bytes in place."""
    position = 0
    while position < len(data):
        key, position = _varint(source, data, position, entry)
        field, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, position = _varint(source, data, position, entry)
            yield field, wire, value
            continue
        if wire == _BYTES:
            length, position = _varint(source, data, position, entry)
        elif wire in (_EIGHT, _FOUR):
            length = 8 if wire == _EIGHT else 4
        else:
            raise source.fault(entry, f"field {field} has wire type {wire}, which Caffe never writes")
        if field == 0 or length > len(data) - position:
            raise source.fault(entry, f"field {field} claims {length:,} bytes, where {len(data) - position:,} are left")
        yield field, wire, data[position:position + length]
        position += length


def _varint(source: Source, data: memoryview, position: int, entry: str) -> tuple[int, int]:
    """Returns the number at a position, seven bits a byte, and the position after it."""
    number = 0
    for index, byte in enumerate(data[position:position + 10]):
        number |= (byte & 127) << (7 * index)
        if byte < 128:
            return number, position + index + 1
    raise source.fault(entry, "ends in the middle of a number")


def _text(source: Source, data: memoryview) -> str:
    try:
        return str(data[:1000], "utf-8")
    except UnicodeDecodeError:
        raise source.fault("layer", "its name or type is not text") from None
