"""The part of the HDF5 format that h5py writes by default, read in place and in bounded time.

The HDF5 library itself may never return from a damaged file, so a weights file is not given to it.
"""

import math
import struct
from collections.abc import Iterator

import numpy as np

from tfwsss.weights.formats.source import MAX_DIMENSIONS, MAX_ENTRIES, Source

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
"""First bytes of an HDF5 file."""

_NOWHERE = 2**64 - 1
_MAX_STEPS = 1_000_000
_NEWER = "open it with h5py and save it again by h5py.File(..., libver='earliest')"
_SPACE, _TYPE, _EXTERNAL, _LAYOUT, _ATTRIBUTE, _CONTINUED, _TABLE = 1, 3, 7, 8, 12, 16, 17  # kinds of messages
_NEW_LINKS = {2, 6}  # kinds that only groups of the newer layout have; links to other files are among them
_FLOATS = {2: (0, 16, 10, 5, 0, 10, 15), 4: (0, 32, 23, 8, 0, 23, 127), 8: (0, 64, 52, 11, 0, 52, 1023)}

Messages = list[tuple[int, memoryview]]
"""Kind and body of what an object's header says."""


class Layout:
    """Finds groups, arrays and texts in a mapped HDF5 file; no object is reached twice.

    Args:
        source: the file.

    Raises:
        UserError: the file is cut off, broken, or of the newer layout; the entry is named.
    """

    def __init__(self, source: Source):
        self.source = source
        self.seen: set[int] = set()
        self.steps = 0  # through heaps of texts
        if bytes(source.data[:8]) != HDF5_MAGIC:
            raise source.fault("header", "is not that of HDF5", "give a .weights.h5 or .keras file")
        version, *_, offsets, lengths = self.numbers("<7B", 8, "header")
        if version not in (0, 1) or (offsets, lengths) != (8, 8):
            raise source.fault("header", "is of HDF5's newer layout", _NEWER)
        first = 24 + 4 * version
        base, _, end, _, _, self.root = self.numbers("<6Q", first, "header")
        if base or end > len(source.data):
            raise source.fault("header", f"claims {end:,} bytes, where there are {len(source.data):,}")

    def at(self, address: int, count: int, entry: str) -> memoryview:
        """Returns bytes at an address."""
        if address + count > len(self.source.data):
            raise self.source.fault(entry, f"points to byte {address:,}, {count:,} bytes long, beyond the end")
        return self.source.data[address:address + count]

    def numbers(self, layout: str, address: int, entry: str) -> tuple:
        """Returns numbers at an address, laid out as `struct` writes it."""
        return struct.unpack(layout, self.at(address, struct.calcsize(layout), entry))

    def once(self, address: int, entry: str) -> None:
        """Checks that an object is reached for the first time: rings and towers of links end here."""
        if address in self.seen or len(self.seen) > MAX_ENTRIES:
            raise self.source.fault(entry, f"is reached twice, or is one of over {MAX_ENTRIES:,} entries")
        self.seen.add(address)

    def messages(self, address: int, entry: str) -> Messages:
        """Returns what an object's header says."""
        self.once(address, entry)
        version, _, count, _, size = self.numbers("<BBHII", address, entry)
        if version != 1:
            raise self.source.fault(entry, "is of HDF5's newer layout, or broken", _NEWER)
        blocks, found = [(address + 16, size)], []
        for place, length in blocks:  # grows while it is read
            position = place
            while position + 8 <= place + length and len(found) < count:
                kind, size, flags = self.numbers("<HHB", position, entry)
                body = self.at(position + 8, size, entry)
                if kind == _CONTINUED and size >= 16 and len(blocks) <= count:
                    blocks.append(struct.unpack("<2Q", body[:16]))
                if kind in (_SPACE, _TYPE) and flags & 2:
                    raise self.source.fault(entry, "shares its type with another entry", "save plain arrays")
                found.append((kind, body))
                position += 8 + size
        return found

    def links(self, messages: Messages, entry: str) -> Iterator[tuple[str, int]] | None:
        """Yields name and address of what a group holds; None where the object is no group."""
        kinds = {kind for kind, _ in messages}
        if kinds & _NEW_LINKS:
            raise self.source.fault(entry, "links to other files, or is of HDF5's newer layout", _NEWER)
        table = next((body for kind, body in messages if kind == _TABLE), None)
        return None if table is None else self._table(*self._unpacked("<2Q", table, entry), entry)

    def _table(self, tree: int, heap: int, entry: str) -> Iterator[tuple[str, int]]:
        mark, _, size, _, start = self.numbers("<4s4s3Q", heap, entry)
        names, waiting = self.at(start, size, entry), [tree]
        while waiting and mark == b"HEAP":
            node = waiting.pop()
            self.once(node, entry)
            mark_of_node = bytes(self.at(node, 4, entry))
            (used,) = self.numbers("<H", node + 6, entry)
            if mark_of_node == b"TREE":
                keys = self.numbers(f"<{2 * used + 1}Q", node + 24, entry)
                waiting.extend(reversed(keys[1::2]))
            elif mark_of_node == b"SNOD":
                for index in range(used):
                    offset, address, kind, _ = self.numbers("<2Q2I", node + 8 + 40 * index, entry)
                    yield self._link(names, offset, kind, entry), address
            else:
                raise self.source.fault(entry, "its table of contents is broken")

    def _link(self, names: memoryview, offset: int, kind: int, entry: str) -> str:
        try:
            name = str(bytes(names[offset:offset + 1000]).split(b"\0")[0], "utf-8")
        except UnicodeDecodeError:
            raise self.source.fault(entry, "holds a name that is not text") from None
        if kind not in (0, 1) or not name:
            raise self.source.fault(f"{entry}/{name}", "is a link to another place", "save the weights themselves")
        return name

    def array(self, messages: Messages, entry: str) -> np.ndarray:
        """Returns the numbers of an array as a read-only view of the file."""
        said = dict(messages)
        if _EXTERNAL in said or not {_SPACE, _TYPE, _LAYOUT} <= set(said):
            raise self.source.fault(entry, "keeps its numbers in another file, or is no array", "save plain arrays")
        shape, dtype = self._shape(said[_SPACE], entry), self._type(said[_TYPE], entry)
        version, kind = self._unpacked("<2B", said[_LAYOUT], entry)
        if version != 3 or kind not in (0, 1):
            raise self.source.fault(entry, "is stored in chunks, compressed, or elsewhere", "save plain arrays")
        if kind == 1:
            address, size = self._unpacked("<2Q", said[_LAYOUT][2:], entry)
            data = self.at(address, size, entry) if address != _NOWHERE else memoryview(b"")
        else:
            (size,) = self._unpacked("<H", said[_LAYOUT][2:], entry)
            data = said[_LAYOUT][4:4 + size]
        part = Source(self.source.path, data)
        values = part.array(dtype, shape, entry)
        part.end()
        return values

    def _shape(self, body: memoryview, entry: str) -> tuple[int, ...]:
        version, axes, _, kind = self._unpacked("<4B", body, entry)
        if version not in (1, 2) or axes > MAX_DIMENSIONS or (version == 2 and kind == 2):
            raise self.source.fault(entry, "has no shape, or an impossible one")
        return self._unpacked(f"<{axes}Q", body[8 if version == 1 else 4:], entry)

    def _type(self, body: memoryview, entry: str) -> np.dtype:
        first, bits, _, _, size = self._unpacked("<4BI", body, entry)
        order, kind = ">" if bits & 1 else "<", first & 15
        if kind == 0 and size in (1, 2, 4, 8):
            return np.dtype(f"{order}{'i' if bits & 8 else 'u'}{size}")
        if kind == 1 and size in _FLOATS and self._unpacked("<2H4BI", body[8:], entry) == _FLOATS[size]:
            return np.dtype(f"{order}f{size}")
        raise self.source.fault(entry, f"its elements are of class {kind}, {size} bytes, no plain number",
                                "save plain arrays")

    def text(self, messages: Messages, name: bytes, entry: str) -> str | None:
        """Returns the text of an object's attribute, or None where it has no such text."""
        found = self.texts(messages, name, entry)
        return found[0] if found else None

    def texts(self, messages: Messages, name: bytes, entry: str) -> list[str] | None:
        """Returns the texts of an object's attribute, or None where it has no such texts."""
        for kind, body in messages:
            if kind != _ATTRIBUTE or bytes(body[:1]) != b"\x01" or len(body) < 8:
                continue
            sizes = [size + -size % 8 for size in struct.unpack("<3H", body[2:8])]  # name, type, space: padded
            if bytes(body[8:8 + sizes[0]]).rstrip(b"\0") == name:
                kind_of_text, space = body[8 + sizes[0]:8 + sizes[0] + 8], body[8 + sizes[0] + sizes[1]:]
                count = math.prod(self._shape(space, entry))
                return self._texts(kind_of_text, body[8 + sum(sizes):], count, entry)
        return None

    def _texts(self, kind: memoryview, data: memoryview, count: int, entry: str) -> list[str] | None:
        """Reads texts one behind the other, each in its place or in a heap."""
        first, bits, _, _, size = self._unpacked("<4BI", kind, entry)
        in_heap = first & 15 == 9 and bits & 15 == 1
        if not in_heap and first & 15 != 3:
            return None
        if count > MAX_ENTRIES or size * count > len(data):
            raise self.source.fault(entry, f"claims {count:,} names of {size:,} bytes, where it has {len(data):,}")
        found = []
        for place in range(count):
            raw = bytes(data[place * size:(place + 1) * size])
            if in_heap:
                length, heap, index = self._unpacked("<IQI", data[place * size:], entry)
                raw = self._heap_object(heap, index, entry)[:length]
            try:
                found.append(str(raw.rstrip(b"\0"), "utf-8"))
            except UnicodeDecodeError:
                raise self.source.fault(entry, "its name is not text") from None
        return found

    def _heap_object(self, heap: int, index: int, entry: str) -> bytes:
        mark, _, size = self.numbers("<4s4sQ", heap, entry)
        place, end = heap + 16, heap + size
        while mark == b"GCOL" and place + 16 <= end and self.steps < _MAX_STEPS:
            self.steps += 1
            number, _, _, length = self.numbers("<2HIQ", place, entry)
            if number == index:
                return bytes(self.at(place + 16, min(length, 1000), entry))
            if number == 0:
                break
            place += 16 + length + -length % 8
        raise self.source.fault(entry, "its name is missing")

    def _unpacked(self, layout: str, data: memoryview, entry: str) -> tuple:
        if len(data) < struct.calcsize(layout):
            raise self.source.fault(entry, "its description is cut off")
        return struct.unpack(layout, data[:struct.calcsize(layout)])
