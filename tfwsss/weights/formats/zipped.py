"""Zip archives whose entries are stored as they are, read in place."""

import functools
import io
import struct
import zipfile
import zlib
from collections.abc import Callable

from tfwsss.weights.formats.source import MAX_ENTRIES, Source

ZIP_MAGIC = b"PK\x03\x04"
"""First bytes of an archive."""

_MAX_DIRECTORY = 64 * 2**20  # bytes of the list of entries
_BROKEN = (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError, RuntimeError, IndexError, KeyError,
           EOFError, OSError, OverflowError)


class _Window(io.RawIOBase):
    """The mapped file as a file object, for the standard library's reader of the directory."""

    def __init__(self, data: memoryview):
        self.data, self.place = data, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.place, io.SEEK_END: len(self.data)}[whence]
        if place < 0:
            raise OSError("before the start of the file")
        self.place = place
        return place

    def read(self, size: int = -1) -> bytes:
        end = len(self.data) if size is None or size < 0 else min(self.place + size, len(self.data))
        if end - self.place > _MAX_DIRECTORY:
            raise ValueError("the list of entries is too long")
        taken = bytes(self.data[self.place:end])
        self.place += len(taken)
        return taken


def stored_records(source: Source) -> dict[str, Callable[[], memoryview]]:
    """Lists the entries of an archive without reading them.

    Args:
        source: the archive.

    Returns:
        Entry name to a function that returns its bytes, in place. The function
        raises UserError where the entry is compressed, encrypted, cut off or
        differs from its checksum (a checksum of 0 means that none was written).

    Raises:
        UserError: the archive's list of entries is broken, too long, or names an entry twice.
    """
    try:
        with zipfile.ZipFile(_Window(source.data)) as archive:
            entries = archive.infolist()
    except _BROKEN as error:
        raise source.fault("archive", f"its list of entries is broken ({error})") from None
    if len(entries) > MAX_ENTRIES:
        raise source.fault("archive", f"holds {len(entries):,} entries, at most {MAX_ENTRIES:,} are read")
    records = {entry.filename: functools.cache(functools.partial(_read, source, entry)) for entry in entries}
    if len(records) < len(entries):
        raise source.fault("archive", "names an entry twice", "save the file again")
    return records


def _read(source: Source, entry: zipfile.ZipInfo) -> memoryview:
    """Returns an entry's bytes in place."""
    name, start = entry.filename[:200], entry.header_offset
    if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 or entry.file_size != entry.compress_size:
        raise source.fault(name, "is compressed or encrypted", "save the file again without compression")
    header = bytes(source.data[start:start + 30]) if start >= 0 else b""
    if len(header) < 30 or not header.startswith(ZIP_MAGIC):
        raise source.fault(name, "does not begin where the archive says")
    begin = start + 30 + sum(struct.unpack("<2H", header[26:30]))
    data = source.data[begin:begin + entry.file_size]
    if len(data) != entry.file_size:
        raise source.fault(name, f"claims {entry.file_size:,} bytes, where {len(data):,} are left")
    if entry.CRC and zlib.crc32(data) != entry.CRC:
        raise source.fault(name, "differs from its checksum")
    return data
