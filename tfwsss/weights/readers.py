"""One door to every kind of weights file."""

from pathlib import Path

import numpy as np

from tfwsss.errors import named
from tfwsss.weights.formats.caffe import read_caffemodel
from tfwsss.weights.formats.hdf5 import read_hdf5
from tfwsss.weights.formats.hdf5_layout import HDF5_MAGIC
from tfwsss.weights.formats.mxnet import LIST_MAGIC, read_params
from tfwsss.weights.formats.safetensors import read_safetensors
from tfwsss.weights.formats.source import Source
from tfwsss.weights.formats.torch import LEGACY_MAGIC, read_pth
from tfwsss.weights.formats.zipped import ZIP_MAGIC, stored_records

KNOWN = ".pth, .pt, .safetensors, .params, .caffemodel, .weights.h5, .h5, .keras"
"""The endings that are read."""


def read_weights(path: Path | str) -> dict[str, np.ndarray]:
    """Reads the arrays of a weights file of PyTorch, MXNet, Caffe, Keras or safetensors.

    The first bytes decide the kind; the name's ending only where they tell
    nothing. Nothing in the file is executed, and none of those packages is needed.
    Memory is bounded by the file's size.

    Args:
        path: the file.

    Returns:
        The file's own names to arrays, most of them read-only views of the mapped file.

    Raises:
        UserError: the file is missing, of no known kind, broken, or holds code; the entry is named.

    Example:

    >>> read_weights("no such.pth")
    Traceback (most recent call last):
    ...
    tfwsss.errors.UserError: weights file no such.pth cannot be read (No such file or directory); check the path
    """
    path = Path(path)
    source = Source.open(path)
    with named(f"weights file {path}:", "fetch the file again, or save it again as plain arrays"):
        return _read(path, source)


def _read(path: Path, source: Source) -> dict[str, np.ndarray]:
    """Reads a file by the reader that its first bytes ask for."""
    start = bytes(source.data[:64])
    if start.startswith(HDF5_MAGIC):
        return read_hdf5(path)
    if start.startswith(ZIP_MAGIC):
        return read_hdf5(path) if "model.weights.h5" in stored_records(source) else read_pth(path)
    if start.startswith(LEGACY_MAGIC):
        return read_pth(path)
    if start.startswith(LIST_MAGIC.to_bytes(8, "little")):
        return read_params(path)
    if path.suffix == ".safetensors":
        return read_safetensors(path)
    if path.suffix == ".caffemodel":
        return read_caffemodel(path)
    raise source.fault("header", _strange(start), f"known kinds: {KNOWN}")


def _strange(start: bytes) -> str:
    """Says what a file is that is no weights file."""
    text = start.lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page: the download failed"
    if text.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer: the file itself was not fetched"
    if start[:1] == b"\x80":
        return "is a pickle, and not one of PyTorch's files: it may hold code and is not read"
    if start[:2] in (b"\x1f\x8b", b"BZ") or start[:6] == b"\xfd7zXZ\x00":
        return "is compressed: unpack it first"
    return f"begins with {start[:8].hex(' ')}, which no known kind does"
