"""Ids of masks that are painted in colours."""

from pathlib import Path

import numpy as np
from PIL import Image

from tfwsss.errors import ImageFault
from tfwsss.palette import voc_palette


def as_painted(ids: np.ndarray, image: Image.Image, palette: np.ndarray | None) -> np.ndarray:
    """Returns the ids of an indexed image's colours, where a palette of one's own has all of them; else its values.

    Args:
        ids: uint8 `(row, column)`, the image's values.
        image: of which they are.
        palette: uint8 `(256, 3)`; the usual one, or None, leaves the values as they are.

    Returns:
        uint8 `(row, column)`.
    """
    if image.mode != "P" or palette is None or np.array_equal(palette, voc_palette()):
        return ids
    shown, used = np.array(image.getpalette("RGB")).reshape(-1, 3), np.unique(ids)
    if used[-1] >= len(shown):
        return ids
    found, strange = _looked_up(shown[used], palette)
    if strange.any():
        return ids
    turned = np.zeros(256, np.uint8)
    turned[used] = found
    return turned[ids]


def ids_of_colours(path: Path, colours: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Returns the ids of the colours of a mask.

    Args:
        path: of the mask, for messages.
        colours: uint8 `(row, column, 3)`.
        palette: uint8 `(256, 3)`, all rows different.

    Returns:
        uint8 `(row, column)`.

    Raises:
        ImageFault: a colour that is not in the palette.
    """
    found, strange = _looked_up(colours, palette)
    if strange.any():
        colour = colours[strange][0].tolist()
        raise ImageFault(f"{path}: colour {colour} is not in the palette; save masks as indexed or grey PNG of ids, or "
                         "tell their colours in labelmap.txt (lines name:red,green,blue::)")
    return found


def _looked_up(colours: np.ndarray, palette: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the place of each colour in a palette (256, 3), uint8, and whether it is not there; colours (..., 3)."""
    weights = np.array([65536, 256, 1])
    keys, known = colours.astype(np.int64) @ weights, palette.astype(np.int64) @ weights
    order = np.argsort(known, kind="stable")
    found = order[np.minimum(np.searchsorted(known, keys, sorter=order), len(known) - 1)]
    return found.astype(np.uint8), known[found] != keys
