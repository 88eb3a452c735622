"""Superpixels on disk: colour PNGs, which decode inside a graph."""

from pathlib import Path

import numpy as np
from PIL import Image

from tfwsss.artefacts.files import path_of, png_bytes, reading, write_atomically
from tfwsss.errors import ImageFault


def write_regions(folder: Path, name: str, regions: np.ndarray) -> None:
    """Writes superpixel ids as a colour PNG, id = blue + 256 green + 65536 red: it decodes inside a graph.

    Args:
        folder: folder of the artefact.
        name: name of the image.
        regions: integers `(row, column)`, 0 up to 2^24 - 1.
    """
    if regions.ndim != 2 or regions.dtype.kind not in "iu" or regions.min() < 0 or regions.max() >= 2**24:
        raise ValueError(f"regions are ids (row, column) below 2^24; received {regions.dtype} {regions.shape}")
    colours = np.stack([regions >> 16, regions >> 8, regions], axis=-1) & 255   # (row, column, RGB)
    write_atomically(path_of(folder, "regions", name), png_bytes(Image.fromarray(colours.astype(np.uint8))))


def read_regions(folder: Path, name: str) -> np.ndarray:
    """Reads superpixel ids.

    Args:
        folder: folder of the artefact.
        name: name of the image.

    Returns:
        int32 `(row, column)`.
    """
    path = path_of(folder, "regions", name)
    with reading(path), Image.open(path, formats=("PNG",)) as image:
        if image.mode == "RGB":
            return np.array(image).astype(np.int32) @ np.array([65536, 256, 1], np.int32)
        mode = image.mode
    raise ImageFault(f"{path}: mode {mode}; expected a colour PNG, id = blue + 256 green + 65536 red")
