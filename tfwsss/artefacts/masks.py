"""Masks on disk: indexed PNGs, ids for programs and colours for people."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from tfwsss.artefacts.files import path_of, png_bytes, reading, write_atomically
from tfwsss.errors import ImageFault, named


def write_mask(folder: Path, name: str, mask: np.ndarray, palette: np.ndarray) -> None:
    """Writes a mask as indexed PNG: ids for programs, colours for people.

    Args:
        folder: folder of the artefact.
        name: name of the image.
        mask: uint8 `(row, column)`, class ids with background 0 and 255 = ignore.
        palette: uint8 `(256, 3)`.
    """
    if mask.dtype != np.uint8 or mask.ndim != 2:
        raise ValueError(f"a mask is uint8 (row, column); received {mask.dtype} {mask.shape}")
    image = Image.fromarray(np.ascontiguousarray(mask))
    image.putpalette(np.ascontiguousarray(palette, np.uint8).tobytes())   # "L" becomes "P" with all 256 colours
    write_atomically(path_of(folder, "masks", name), png_bytes(image))


def read_mask(folder: Path, name: str) -> np.ndarray:
    """Reads a mask: an indexed or a grey PNG.

    Args:
        folder: folder of the artefact.
        name: name of the image.

    Returns:
        uint8 `(row, column)`, class ids with background 0 and 255 = ignore.

    Raises:
        ImageFault: no such file, or it is broken, or it holds colours in place of ids.
    """
    path = path_of(folder, "masks", name)
    with reading(path), Image.open(path, formats=("PNG",)) as image:
        mode, ids = image.mode, ids_of(image)
    return _checked(str(path), mode, ids)


def mask_of(where: str, contents: bytes) -> np.ndarray:
    """Reads a mask from the bytes of an indexed or a grey PNG; their header must be known to state a fit size.

    Args:
        where: what holds the bytes, for the message.
        contents: of the file.

    Returns:
        uint8 `(row, column)`, class ids with background 0 and 255 = ignore.

    Raises:
        ImageFault: the bytes are no PNG or broken, or hold colours in place of ids.
    """
    with (named(f"{where}:", "send the bytes of a PNG of class ids", ImageFault),
          Image.open(io.BytesIO(contents), formats=("PNG",)) as image):
        mode, ids = image.mode, ids_of(image)
    return _checked(where, mode, ids)


def _checked(where: str, mode: str, ids: np.ndarray | None) -> np.ndarray:
    if ids is None:
        raise ImageFault(f"{where}: mode {mode}; expected an indexed or grey PNG whose values are class ids")
    return ids


def ids_of(image: Image.Image) -> np.ndarray | None:
    """Returns the ids that an indexed or grey image holds, of however few bits.

    Args:
        image: opened, its pixels not yet read.

    Returns:
        uint8 `(row, column)`; None for an image of another mode.
    """
    stored = str(image.tile[0].args) if image.tile else ""     # before reading, which scales narrow greys to 0-255
    if image.mode not in ("P", "L", "1"):
        return None
    return np.array(image).astype(np.uint8) // np.uint8({"L;2": 85, "L;4": 17}.get(stored, 1))
