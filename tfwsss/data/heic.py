"""HEIC photographs: read where the extra `heic` is installed, told with the cure where it is not."""

import functools
import importlib.util

ENDINGS = (".heic", ".heif", ".hif")
"""Endings of HEIC photographs, in any case."""

CURE = "is a HEIC photograph; pip install 'tfwsss[heic]' to read it, or save it as JPEG"
"""What is said of one that cannot be read here."""

_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def is_heic(start: bytes) -> bool:
    """Returns whether a file's first bytes are those of a HEIC photograph.

    Args:
        start: at least its first 12 bytes.

    Example:
    >>> is_heic(b"....ftypheic"), is_heic(b"....ftypavif")
    (True, False)
    """
    return start[4:8] == b"ftyp" and start[8:12] in _BRANDS


@functools.cache
def readable() -> bool:
    """Returns whether Pillow reads HEIC here, and teaches it where pillow-heif is installed."""
    if importlib.util.find_spec("pillow_heif") is None:
        return False
    import pillow_heif

    pillow_heif.register_heif_opener()
    return True
