"""The size that an image file states, from its header alone and in bounded time."""

import re
import struct

from tfwsss.server.refusal import invalid

MAX_SEGMENTS = 2000
"""A JPEG of more segments before its size is refused: no photograph has as many."""

_MARKER = re.compile(rb"\xff[^\xff\0]")                 # whatever lies before it fills up, or is junk
_BARE = {0x01, *range(0xD0, 0xD9)}                     # segments without a length
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}    # segments that state the size
_ENDS = {0xD9, 0xDA}


def stated_size(contents: bytes) -> tuple[int, int]:
    """Reads rows and columns of a PNG, JPEG, GIF, BMP or WebP.

    Args:
        contents: bytes of what may be such a file.

    Returns:
        Rows and columns, 0 where the bytes are none of these, or broken.

    Raises:
        Refusal: a JPEG of very many segments.

    Example:
    >>> stated_size(b"GIF89a" + bytes([2, 1, 5, 0]))
    (5, 258)
    """
    for start, read in _READERS.items():
        if contents.startswith(start):
            try:
                return read(contents)
            except struct.error:                       # cut off: the model tells what is wrong
                return 0, 0
    return 0, 0


def _png(contents: bytes) -> tuple[int, int]:
    columns, rows = struct.unpack_from(">II", contents, 16)
    return rows, columns


def _gif(contents: bytes) -> tuple[int, int]:
    columns, rows = struct.unpack_from("<HH", contents, 6)
    return rows, columns


def _bmp(contents: bytes) -> tuple[int, int]:
    """Rows below 0 lie from top to bottom; the oldest header has 16 bits a side."""
    (header,) = struct.unpack_from("<I", contents, 14)
    columns, rows = struct.unpack_from("<HH" if header == 12 else "<ii", contents, 18)
    return abs(rows), abs(columns)


def _webp(contents: bytes) -> tuple[int, int]:
    kind = contents[12:16]
    if kind == b"VP8X":
        columns, rows = (int.from_bytes(contents[at:at + 3], "little") + 1 for at in (24, 27))
    elif kind == b"VP8L":
        (both,) = struct.unpack_from("<I", contents, len(b"RIFFsizeWEBPVP8Lsize/"))
        columns, rows = (both & 0x3FFF) + 1, (both >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 ":
        columns, rows = (side & 0x3FFF for side in struct.unpack_from("<HH", contents, 26))
    else:
        return 0, 0
    return rows, columns


def _jpeg(contents: bytes) -> tuple[int, int]:
    place = 2
    for _ in range(MAX_SEGMENTS):
        marker = _MARKER.search(contents, place)
        if marker is None:
            return 0, 0
        kind, place = contents[marker.end() - 1], marker.end()
        if kind in _ENDS:
            return 0, 0
        if kind in _FRAMES:
            return struct.unpack_from(">HH", contents, place + 3)
        if kind not in _BARE:
            place += max(struct.unpack_from(">H", contents, place)[0], 2)
    raise invalid(f"a JPEG of more than {MAX_SEGMENTS:,} segments: save it again with another program")


_READERS = {b"\x89PNG\r\n\x1a\n": _png, b"\xff\xd8": _jpeg, b"GIF8": _gif, b"BM": _bmp, b"RIFF": _webp}
