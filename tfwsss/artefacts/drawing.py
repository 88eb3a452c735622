"""Pictures of images, score maps and masks: for reports, TensorBoard and predictions."""

from collections.abc import Iterable, Mapping, Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfwsss.palette import IGNORE, colourise

_INK, _GROUND, _GAP, _TEXT = (28, 36, 48), (255, 255, 255), 8, 14
_HEAT = cv2.COLORMAP_INFERNO


def overlay(image: np.ndarray, mask: np.ndarray, palette: np.ndarray, alpha: float = 0.6) -> np.ndarray:
    """Lays the colours of a mask over its image; background stays clear, borders are opaque.

    Args:
        image: uint8 `(row, column, 3)`.
        mask: uint8 `(row, column)`, ids; 255 = ignore has a colour too.
        palette: uint8 `(256, 3)`.
        alpha: opacity of the colours, 0–1.

    Returns:
        uint8 `(row, column, 3)`; equal to the image where the mask is background.

    Raises:
        ValueError: image and mask differ in size.

    Example:
    >>> from tfwsss.palette import voc_palette
    >>> overlay(np.full((1, 3, 3), 100, np.uint8), np.array([[0, 1, 1]], np.uint8), voc_palette()).tolist()
    [[[100, 100, 100], [128, 0, 0], [117, 40, 40]]]
    """
    if image.shape[:2] != mask.shape:
        raise ValueError(f"the image is {image.shape[:2]}, the mask {mask.shape}; expected the same rows and columns")
    inside = np.pad(mask, 1, mode="edge")
    border = np.zeros(mask.shape, bool)
    for neighbour in (inside[:-2, 1:-1], inside[2:, 1:-1], inside[1:-1, :-2], inside[1:-1, 2:]):
        border |= neighbour != mask
    opacity = np.where(mask == 0, 0.0, np.where(border, 1.0, alpha))[..., None]
    return (image * (1 - opacity) + colourise(mask, palette) * opacity + 0.5).astype(np.uint8)


def heat(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Lays one map over a dimmed grey image, dark for 0 and light yellow for 1.

    Args:
        image: uint8 `(row, column, 3)`.
        values: floats `(row', column')` in 0–1, any size.

    Returns:
        uint8 `(row, column, 3)`.
    """
    rows, columns = image.shape[:2]
    values = cv2.resize(np.clip(values, 0, 1).astype(np.float32), (columns, rows), interpolation=cv2.INTER_LINEAR)
    colours = cv2.applyColorMap((values * 255 + 0.5).astype(np.uint8), _HEAT)[..., ::-1]
    return (0.3 * _grey(image) + 0.7 * colours + 0.5).astype(np.uint8)


def class_heat(image: np.ndarray, winner: np.ndarray, strength: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Paints each pixel of a pale image in the colour of its strongest class, as opaque as that class is strong.

    Args:
        image: uint8 `(row, column, 3)`.
        winner: uint8 `(row', column')`, mask id of the strongest class, any size.
        strength: floats `(row', column')` in 0–1; see `ops.cam.strongest_class`.
        palette: uint8 `(256, 3)`.

    Returns:
        uint8 `(row, column, 3)`.
    """
    rows, columns = image.shape[:2]
    colours = cv2.resize(palette[winner], (columns, rows), interpolation=cv2.INTER_NEAREST).astype(np.float32)
    opacity = cv2.resize(np.clip(strength, 0, 1).astype(np.float32), (columns, rows))[..., None] * 0.9
    pale = 0.5 * _grey(image) + 127                                           # dark colours show on it too
    return (pale * (1 - opacity) + colours * opacity + 0.5).astype(np.uint8)


def fit_within(image: np.ndarray, side: int, smooth: bool = True) -> np.ndarray:
    """Resizes so that the longer side has `side` pixels.

    Args:
        image: uint8 `(row, column, 3)`, or a mask `(row, column)`.
        side: pixels of the longer side.
        smooth: mean over pixels; False takes the nearest pixel, for masks.

    Returns:
        uint8 of the same rank; no side is below one pixel.
    """
    factor = side / max(image.shape[:2])
    size = tuple(max(round(length * factor), 1) for length in image.shape[1::-1])
    rule = (cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR) if smooth else cv2.INTER_NEAREST
    return cv2.resize(image, size, interpolation=rule)


def draw_panel(image: np.ndarray, maps: Mapping[str, np.ndarray], masks: Mapping[str, np.ndarray], palette: np.ndarray,
               classes: Sequence[str], side: int = 240) -> np.ndarray:
    """Draws image, maps and masks beside each other, each under its title, with a legend of the classes shown.

    Args:
        image: uint8 `(row, column, 3)`.
        maps: title to floats `(row', column')` in 0–1, drawn as heat.
        masks: title to uint8 `(row, column)` of ids, laid over the image.
        palette: uint8 `(256, 3)`.
        classes: names in the order of the mask ids, background first.
        side: longer side of each picture in pixels.

    Returns:
        uint8 `(row, column, 3)`; the width depends on the titles and the image's shape only.

    Example:
    >>> from tfwsss.palette import voc_palette
    >>> image, mask = np.zeros((6, 8, 3), np.uint8), np.ones((6, 8), np.uint8)
    >>> draw_panel(image, {"CAM": np.ones((2, 2))}, {"truth": mask}, voc_palette(), ("background", "cat")).shape
    (240, 752, 3)
    """
    small = fit_within(image, side)
    tiles, shown = {"image": small}, set()
    for title, values in maps.items():
        tiles[title] = heat(small, values)
    for title, mask in masks.items():
        mask = cv2.resize(mask, small.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        tiles[title] = overlay(small, mask, palette)
        shown |= set(np.unique(mask).tolist()) - {0}
    return _with_legend(_in_a_row(tiles), sorted(shown), palette, classes)


def _grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)


def _in_a_row(tiles: Mapping[str, np.ndarray]) -> Image.Image:
    rows, columns = next(iter(tiles.values())).shape[:2]
    columns = max(columns, 64)                                     # narrow images leave room for their titles
    sheet = Image.new("RGB", (len(tiles) * (columns + _GAP) + _GAP, rows + _TEXT + 3 * _GAP), _GROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_TEXT)
    for place, (title, tile) in enumerate(tiles.items()):
        left = _GAP + place * (columns + _GAP)
        draw.text((left, _GAP // 2), title, fill=_INK, font=font)
        sheet.paste(Image.fromarray(tile), (left, _TEXT + 2 * _GAP))
    return sheet


def _with_legend(sheet: Image.Image, ids: Iterable[int], palette: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Adds lines of coloured squares with id and name: the id still tells where the font lacks the letters."""
    font, step = ImageFont.load_default(_TEXT), _TEXT + _GAP
    places, left, line = [], _GAP, 0
    for mask_id in ids:
        name = "ignore" if mask_id == IGNORE else classes[mask_id] if mask_id < len(classes) else "?"
        text = f"{mask_id} {name}"
        width = _TEXT + _GAP + round(font.getlength(text)) + 2 * _GAP
        if left > _GAP and left + width > sheet.width:
            left, line = _GAP, line + 1
        places.append((left, sheet.height + line * step, text, mask_id))
        left += width
    whole = Image.new("RGB", (sheet.width, sheet.height + (line + 1) * step * bool(places)), _GROUND)
    whole.paste(sheet)
    draw = ImageDraw.Draw(whole)
    for left, top, text, mask_id in places:
        draw.rectangle((left, top, left + _TEXT, top + _TEXT), fill=tuple(palette[mask_id].tolist()), outline=_INK)
        draw.text((left + _TEXT + _GAP, top), text, fill=_INK, font=font)
    return np.array(whole)
