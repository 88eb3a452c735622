"""A weights file as the readers see it: mapped, never copied, and nothing believed that the file cannot hold."""

import math
import mmap
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from tfwsss.errors import UserError

MAX_ENTRIES = 100_000
"""A file that claims more arrays, layers or names than this is refused."""

MAX_DIMENSIONS = 32
"""An array that claims more axes than this is refused."""

MAX_ELEMENTS = 2**58
"""No shape may claim more, not even one that holds no element because a side is 0."""


class Contents(dict[str, np.ndarray]):
    """Arrays by name, in the order of their file.

    Attributes:
        others: name to what it is, of things in the file that are no arrays.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray] | Iterable = (), others: Mapping[str, str] | None = None):
        super().__init__(arrays)
        self.others = dict(others or {})


class Source:
    """Reads a binary file from front to back, as views of the mapped file.

    Every claim of the file is compared with what is left of it before anything
    is allocated, so memory stays bounded by the file's own size.

    Args:
        path: names the file in messages.
        data: the bytes.

    Example:

    >>> source = Source(Path("x.bin"), memoryview(bytes([2, 0, 0, 0, 0, 0, 128, 63])))
    >>> source.unpack("<I", "count"), source.array(np.dtype("<f4"), (1,), "weight").tolist()
    ((2,), [1.0])
    >>> source.array(np.dtype("<f4"), (1000000, 1000000), "weight")
    Traceback (most recent call last):
    ...
    tfwsss.errors.UserError: x.bin: weight: claims 1000000x1000000 float32, 4,000,000,000,000 bytes, where 0 are left
    """

    def __init__(self, path: Path, data: memoryview):
        self.path, self.data, self.position = path, data, 0

    @classmethod
    def open(cls, path: Path) -> "Source":
        """Maps a file into memory.

        Raises:
            UserError: the file is missing, empty or may not be read.
        """
        try:
            with path.open("rb") as file:
                return cls(path, memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
        except OSError as error:
            raise UserError(f"weights file {path} cannot be read ({error.strerror}); check the path") from None
        except ValueError:
            raise UserError(f"weights file {path} is empty; fetch it again") from None

    @property
    def left(self) -> int:
        """Number of bytes that are not read yet."""
        return len(self.data) - self.position

    def fault(self, entry: str, problem: str, cure: str = "fetch the file again") -> UserError:
        """Returns the error that names the file, the entry in it, what is wrong and the cure."""
        return UserError(f"{self.path}: {entry}: {problem}; {cure}")

    def take(self, count: int, entry: str) -> memoryview:
        """Returns the next bytes without copying them.

        Raises:
            UserError: the file has fewer.
        """
        if not 0 <= count <= self.left:
            raise self.fault(entry, f"claims {count:,} bytes, where {self.left:,} are left")
        self.position += count
        return self.data[self.position - count:self.position]

    def unpack(self, layout: str, entry: str) -> tuple:
        """Returns numbers laid out as `struct` writes it."""
        return struct.unpack(layout, self.take(struct.calcsize(layout), entry))

    def array(self, dtype: np.dtype, shape: tuple[int, ...], entry: str) -> np.ndarray:
        """Returns the next elements as a read-only array, row-major.

        Raises:
            UserError: the shape is impossible, or larger than what is left of the file.
        """
        if len(shape) > MAX_DIMENSIONS or min(shape, default=0) < 0:
            raise self.fault(entry, f"shape {shape[:MAX_DIMENSIONS]} is impossible")
        size = math.prod(shape) * dtype.itemsize
        claim = "x".join(map(str, shape)) or "one"
        if size > self.left or math.prod(max(side, 1) for side in shape) > MAX_ELEMENTS:
            raise self.fault(entry, f"claims {claim} {dtype}, {size:,} bytes, where {self.left:,} are left")
        start = self.position
        self.take(size, entry)
        return np.ndarray(shape, dtype, self.data, start) if size else np.zeros(shape, dtype)

    def end(self) -> None:
        """Checks that nothing follows.

        Raises:
            UserError: the file goes on.
        """
        if self.left:
            raise self.fault("end of the file", f"{self.left:,} bytes follow the last entry")


def widened(upper: np.ndarray) -> np.ndarray:
    """Turns bfloat16, of which NumPy knows nothing, into float32, exactly.

    Args:
        upper: 16-bit whole numbers: the upper halves of float32.

    Returns:
        float32 array of the same shape.

    Example:

    >>> widened(np.array([0x3F80, 0xC020], np.uint16)).tolist()
    [1.0, -2.5]
    """
    return np.asarray(np.left_shift(upper.astype(np.uint32), 16, dtype=np.uint32)).view(np.float32)
