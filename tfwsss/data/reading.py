"""Reads any image file as viewers show it; every way a file can be broken ends as one ImageFault."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from tfwsss.artefacts.masks import ids_of
from tfwsss.data import heic
from tfwsss.data.painted import as_painted, ids_of_colours
from tfwsss.errors import ImageFault, brief
from tfwsss.palette import IGNORE

MAX_PIXELS = 50_000_000
"""Larger images are refused from their header, before anything is decoded."""

MAX_SIDE = 32_768
"""So are longer ones: no camera makes them, and what is kept for each row or column of them adds up."""

FORMATS = ("JPEG", "PNG", "MPO", "GIF", "BMP", "DIB", "WEBP", "TIFF", "AVIF", "HEIF", "JPEG2000", "PPM", "QOI", "SGI",
           "PCX", "ICO", "TGA")
"""What is opened, by Pillow's names: only readers that start no other program, whatever a file is named."""

_ORIENTATION = 0x0112       # the EXIF tag, 1 for upright
_TURNS = dict(enumerate((Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180, Image.Transpose.FLIP_TOP_BOTTOM,
                         Image.Transpose.TRANSPOSE, Image.Transpose.ROTATE_270, Image.Transpose.TRANSVERSE,
                         Image.Transpose.ROTATE_90), start=2))


def read_rgb(path: Path, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads an image of any kind as 8-bit RGB, the right way up.

    The first frame of animations; EXIF orientation applied; transparency laid
    on white; 16 bits reduced to the upper 8; grey, palette and CMYK converted.

    Args:
        path: the file; its contents decide the format, not its name.
        max_pixels: more pixels than this are refused before decoding.

    Returns:
        uint8 `(row, column, 3)`.

    Raises:
        ImageFault: the file is missing, empty, truncated, no image, or too large.

    Example:
    >>> read_rgb("no such file.jpg")
    Traceback (most recent call last):
    ...
    tfwsss.errors.ImageFault: no such file.jpg: no such file; restore it or remove its name from the list
    """
    with opened(path, max_pixels) as image:
        turn = _TURNS.get(orientation(image))
        return _rgb(image if turn is None else image.transpose(turn))


def read_ids(path: Path, palette: np.ndarray | None = None, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads a mask file as class ids.

    Args:
        path: indexed or grey image whose values are ids, or a colour image painted with `palette`. With a palette of
            the user's own, an indexed image that is painted in its colours alone counts by these.
        palette: uint8 `(256, 3)`, all rows different; None refuses colour images.
        max_pixels: more pixels than this are refused before decoding.

    Returns:
        uint8 `(row, column)`.

    Raises:
        ImageFault: the file is broken, or has more than 8 bits, or shows a colour that is not in the palette.
    """
    with opened(path, max_pixels) as image:
        ids = ids_of(image)
        if ids is not None:
            return as_painted(ids, image, palette)
        if image.mode in ("RGB", "RGBA") and palette is not None:
            return ids_of_colours(path, np.array(image.convert("RGB")), palette)
        mode = image.mode
    raise ImageFault(f"{path}: mode {mode}; a mask is an indexed or 8-bit grey PNG whose values are class ids")


def read_class_ids(path: Path, palette: np.ndarray | None, num_classes: int,
                   max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads a mask file whose values are classes, background or ignore.

    Args:
        path: as `read_ids` takes it.
        palette: as there.
        num_classes: classes without background.
        max_pixels: more pixels than this are refused before decoding.

    Returns:
        uint8 `(row, column)`: 0 to `num_classes`, and 255 for ignore.

    Raises:
        ImageFault: as `read_ids`; also an id that is no class.
    """
    ids = read_ids(path, palette, max_pixels)
    strange = (ids > num_classes) & (ids != IGNORE)
    if strange.any():
        raise ImageFault(f"{path}: id {ids[strange][0]} is no class; ids are 0 to {num_classes} in the order of the "
                         f"class names, and {IGNORE} for ignore")
    return ids


def read_size(path: Path) -> tuple[int, int]:
    """Returns rows and columns of an image as it is shown (EXIF orientation applied), from its header.

    Args:
        path: the file.

    Raises:
        ImageFault: the file is missing or no image.
    """
    with opened(path) as image:
        return (image.width, image.height) if orientation(image) > 4 else (image.height, image.width)


def other_size(path: Path, size: Sequence[int], expected: Sequence[int]) -> str:
    """Says that a map or mask has not the size of its image.

    Args:
        path: of the map.
        size: its rows and columns.
        expected: rows and columns of its image.

    Returns:
        The message.
    """
    return (f"{path}: {size[1]}x{size[0]} pixels, but its image has {expected[1]}x{expected[0]}; save both in one "
            "size")


@contextlib.contextmanager
def opened(path: Path, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """Opens an image file with Pillow and turns whatever goes wrong inside the block into an ImageFault.

    Args:
        path: the file.
        max_pixels: more pixels than this are refused.

    Yields:
        The image, whose header is read and whose pixels are not.
    """
    heic.readable()
    try:
        with Image.open(path, formats=formats_read()) as image:
            rows, columns = image.height, image.width
            if rows * columns > max_pixels:
                raise ImageFault(f"{path}: {columns}x{rows} pixels, more than {max_pixels:,}; make it smaller")
            if max(rows, columns) > MAX_SIDE:
                raise ImageFault(f"{path}: {columns}x{rows} pixels, a side of more than {MAX_SIDE:,}; cut it in pieces")
            yield image
    except ImageFault:
        raise
    except Image.DecompressionBombError as error:
        raise ImageFault(f"{path}: far more than {max_pixels:,} pixels; make it smaller") from error
    except FileNotFoundError as error:
        raise ImageFault(f"{path}: no such file; restore it or remove its name from the list") from error
    except (PermissionError, IsADirectoryError) as error:
        raise ImageFault(f"{path}: cannot be opened ({error.strerror}); give yourself the right to read it") from error
    except UnidentifiedImageError as error:
        with Path(path).open("rb") as file:
            raise ImageFault(f"{path}: {what_it_is(file.read(256))}") from error
    except Exception as error:                  # Pillow's plug-ins do not agree on one kind
        raise ImageFault(f"{path}: broken or cut off ({brief(error)}); fetch or save it again") from error


def formats_read() -> tuple[str, ...]:
    """Returns those of `FORMATS` that this Pillow reads: some are left out of its builds, some need another package.

    Returns:
        Names, as `Image.open` takes them.
    """
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation, 1 (upright) where it is missing or unreadable.

    Args:
        image: opened.
    """
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        return 1
    return value if value in _TURNS else 1


def is_plain(image: Image.Image) -> bool:
    """Returns whether `images.decode_image` gives the pixels that `read_rgb` gives.

    That holds for upright 8-bit RGB or grey JPEG and PNG without transparency.

    Args:
        image: opened, its pixels not yet read.

    Returns:
        Whether the file can be used as it is.
    """
    stored = image.tile[0].args if image.tile else ()
    stored = stored if isinstance(stored, str) else stored[0] if stored else ""
    return (image.format in ("JPEG", "MPO", "PNG") and image.mode in ("RGB", "L") and stored in ("RGB", "L")
            and orientation(image) == 1 and "transparency" not in image.info
            and (image.format == "MPO" or getattr(image, "n_frames", 1) == 1))


def what_it_is(raw: bytes) -> str:
    """Returns what a file is that is no image, and what to do.

    Args:
        raw: its first bytes, some 256 of them.

    Returns:
        A few words for a message.
    """
    start = raw.lstrip().lower()
    if not raw:
        return "empty file (0 bytes); replace it by an image"
    if heic.is_heic(raw):
        return heic.CURE
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<")):
        return "a web page or other markup, not an image; replace it by an image"
    return "not an image of a known format; replace it by an image"


def _rgb(image: Image.Image) -> np.ndarray:
    """Converts a decoded Pillow image of any mode to uint8 `(row, column, 3)`."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return np.repeat(_eight_bits(np.array(image))[..., None], 3, axis=-1)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        colours = np.array(image.convert("RGBA")).astype(np.uint32)
        alpha = colours[..., 3:]
        return ((colours[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return np.array(image.convert("RGB"))


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """Brings 16-bit and floating-point greys to uint8: upper byte of 16 bits, 0-1 floats times 255."""
    values = np.nan_to_num(values.astype(np.float64) if values.dtype.kind == "f" else values.astype(np.int64))
    if values.dtype.kind == "f":
        values = values * 255 if values.max() <= 1 else values
    elif values.max() > 255:
        values = values >> 8
    return np.clip(values, 0, 255).astype(np.uint8)
