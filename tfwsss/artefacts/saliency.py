"""Saliency maps on disk: grey PNGs, 255 = salient."""

from pathlib import Path

import numpy as np
from PIL import Image

from tfwsss.artefacts.files import path_of, png_bytes, reading, write_atomically
from tfwsss.errors import ImageFault


def write_saliency(folder: Path, name: str, saliency: np.ndarray) -> None:
    """Writes a saliency map as grey 8-bit PNG.

    Args:
        folder: folder of the artefact.
        name: name of the image.
        saliency: uint8 `(row, column)`, 255 = salient.
    """
    if saliency.dtype != np.uint8 or saliency.ndim != 2:
        raise ValueError(f"a saliency map is uint8 (row, column); received {saliency.dtype} {saliency.shape}")
    image = Image.fromarray(np.ascontiguousarray(saliency))
    write_atomically(path_of(folder, "saliency", name), png_bytes(image))


def read_saliency(folder: Path, name: str) -> np.ndarray:
    """Reads a saliency map.

    Args:
        folder: folder of the artefact.
        name: name of the image.

    Returns:
        uint8 `(row, column)`, 255 = salient.

    Raises:
        ImageFault: no such file, or it is broken, or no grey 8-bit image.
    """
    path = path_of(folder, "saliency", name)
    with reading(path), Image.open(path, formats=("PNG",)) as image:
        if image.mode == "L":
            return np.array(image)
        mode = image.mode
    raise ImageFault(f"{path}: mode {mode}; expected a grey 8-bit PNG, 255 = salient")
