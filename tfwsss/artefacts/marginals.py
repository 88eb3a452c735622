"""Two sets of marginals of an image on disk: grey PNGs of 16 bits, which decode inside a graph."""

from pathlib import Path

import numpy as np
from PIL import Image

from tfwsss.artefacts.files import path_of, png_bytes, reading, write_atomically
from tfwsss.errors import ImageFault

STEPS = 65535
"""The value of a marginal of 1."""


def write_marginals(folder: Path, name: str, marginals: np.ndarray) -> None:
    """Writes marginals, plane below plane; which classes they are of is known by the image's labels.

    Args:
        folder: folder of the artefact.
        name: name of the image.
        marginals: floats `(2, plane, row, column)`, 0 to 1, under strong and under weak background.
    """
    if marginals.ndim != 4 or len(marginals) != 2 or not (marginals.min() >= 0 and marginals.max() <= 1 + 1e-5):
        raise ValueError(f"marginals are (2, plane, row, column) of 0 to 1; received {marginals.shape}")
    stacked = marginals.reshape(-1, marginals.shape[-1])
    values = (np.minimum(stacked, 1.0) * STEPS + 0.5).astype(np.uint16)
    write_atomically(path_of(folder, "marginals", name), png_bytes(Image.fromarray(values)))


def read_marginals(folder: Path, name: str, planes: int) -> np.ndarray:
    """Reads marginals.

    Args:
        folder: folder of the artefact.
        name: name of the image.
        planes: of each set, the background and the image's labels.

    Returns:
        float32 `(2, plane, row, column)`, within 1e-5 of what was written.

    Raises:
        ImageFault: no such file, or it is broken, or its rows are no whole number of planes.
    """
    path = path_of(folder, "marginals", name)
    with reading(path), Image.open(path, formats=("PNG",)) as image:
        values = np.array(image).astype(np.float32) / STEPS
    if len(values) % (2 * planes):
        raise ImageFault(f"{path}: {len(values)} rows are not 2 x {planes} planes; run the stage that writes it again")
    return values.reshape(2, planes, len(values) // (2 * planes), values.shape[1])
