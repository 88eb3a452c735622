"""Brushes of Label Studio: a mask as a packed stream of runs, bit by bit.

The stream holds the four bytes of each pixel, of which the last tells the mask. A header of 32 bits has their number,
5 bits the width of a value, four times 4 bits the widths of counts; then follow chunks: a bit that says whether one
value is repeated, 2 bits for the width of the count, the count, and that value or as many values.
"""

from collections.abc import Sequence

import numpy as np

from tfwsss.annotations.runs import check_size
from tfwsss.errors import ImageFault

_WIDTHS = (3, 4, 8, 16)                                         # bits of a count
_CHANNELS, _WORD = 4, 8
_HEADER = 32 + 5 + 4 * len(_WIDTHS)


def encode_brush(mask: np.ndarray) -> list[int]:
    """Returns a mask as the numbers of a brush.

    Args:
        mask: boolean `(row, column)`.

    Returns:
        Bytes as numbers 0 to 255.

    Example:
    >>> encode_brush(np.array([[True, False]]))
    [0, 0, 0, 8, 57, 27, 252, 127, 241, 128, 0]
    """
    flat = np.asarray(mask, bool).ravel()
    starts = np.flatnonzero(np.diff(flat, prepend=~flat[:1]))
    lengths = (np.diff(starts, append=flat.size) * _CHANNELS).tolist()
    bits = [f"{flat.size * _CHANNELS:032b}{_WORD - 1:05b}", *(f"{width - 1:04b}" for width in _WIDTHS)]
    for value, length in zip(flat[starts].tolist(), lengths, strict=True):
        while length:
            part = min(length, 2 ** _WIDTHS[-1])
            place = next(place for place, width in enumerate(_WIDTHS) if part <= 2 ** width)
            bits.append(f"1{place:02b}{part - 1:0{_WIDTHS[place]}b}{255 * value:08b}")
            length -= part
    text = "".join(bits)
    return list(int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8), "big"))


def decode_brush(where: str, numbers: Sequence[int], rows: int, columns: int) -> np.ndarray:
    """Returns the mask of a brush.

    Args:
        where: file and image, for the message.
        numbers: bytes as numbers 0 to 255.
        rows: of the image.
        columns: of the image.

    Returns:
        Boolean `(row, column)`: where the brush has any opacity.

    Raises:
        ImageFault: numbers that are no bytes, a stream for another size, or one that ends early.

    Example:
    >>> decode_brush("task 1", [0, 0, 0, 8, 57, 27, 252, 127, 241, 128, 0], 1, 2).tolist()
    [[True, False]]
    """
    check_size(where, rows, columns)
    try:
        data = bytes([*numbers])                # of a single number, bytes() would make as many zeros
    except (TypeError, ValueError):
        raise ImageFault(f"{where}: a brush that is no list of numbers 0 to 255; export it again") from None
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    text = (bits + ord("0")).tobytes().decode()
    if len(text) < _HEADER or int(text[32:37], 2) + 1 != _WORD or int(text[:32], 2) != rows * columns * _CHANNELS:
        raise ImageFault(f"{where}: a brush of another size than its image, {columns} x {rows} pixels; export it again")
    values = np.zeros(rows * columns * _CHANNELS, np.uint8)
    place = _HEADER
    widths = [int(text[at:at + 4], 2) + 1 for at in range(37, _HEADER, 4)]
    filled = 0
    while filled < len(values):
        width = widths[int(text[place + 1:place + 3] or "0", 2)]
        count = int(text[place + 3:place + 3 + width] or "0", 2) + 1
        repeated, first = text[place:place + 1] == "1", place + 3 + width
        place = first + _WORD * (1 if repeated else count)
        if place > len(text) or filled + count > len(values):
            raise ImageFault(f"{where}: a brush that ends early or paints more than its image; export it again")
        values[filled:filled + count] = np.packbits(bits[first:place])
        filled += count
    return values.reshape(rows, columns, _CHANNELS)[..., -1] > 0
