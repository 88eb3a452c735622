"""The files that stages leave behind: scores, masks and regions, one file per image, and how they appear whole."""

import contextlib
import errno
import io
import os
import secrets
import threading
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from tfwsss.errors import ImageFault, UserError

EXTENSIONS = {"scores": ".npz", "masks": ".png", "regions": ".png", "images": ".png"}   # kinds of one file an image
_CURES = {
    errno.ENOSPC: "free space on that disk and start again: finished files are kept",
    errno.EROFS: "name a folder on a disk that can be written",
    errno.EACCES: "name a folder in which you may write",
    errno.ENAMETOOLONG: "give the image a shorter name",
}
_HALF = (-65504, 65504)         # the range of float16
_PARSING = threading.Lock()     # NumPy parses headers by `ast`, which Python 3.11 may break off in several threads
_UNREADABLE = (OSError, SyntaxError, ValueError, KeyError, EOFError, MemoryError, zipfile.BadZipFile,
               Image.DecompressionBombError)


class Scores(NamedTuple):
    """Maps of the classes that one image shows; no other class has a plane.

    Classes are label indices (0 is the first class after background). Maps made
    on a padded canvas cover more than the image: `covers` says how much.
    """

    classes: np.ndarray       # int32 (K,), may be empty
    scores: np.ndarray        # float16 or float32 (K, rows / s, columns / s)
    size: tuple[int, int]     # rows, columns of the image
    covers: tuple[int, int] | None = None    # pixels that the maps cover from the upper left; None = size


def path_of(folder: Path, kind: str, name: str) -> Path:
    """Returns the file that holds one image's artefact.

    Args:
        folder: folder of the stage.
        kind: "scores", "masks", "regions", or "images" for converted copies.
        name: name of the image; "/" in it makes sub-folders.

    Returns:
        Path inside `folder`; it need not exist.

    Raises:
        UserError: the name would lead out of the folder.

    Example:
    >>> path_of(Path("run/seeds"), "masks", "farm/cow 1").as_posix()
    'run/seeds/farm/cow 1.png'
    """
    pure = PurePosixPath(name)
    if not name or "\0" in name or "\\" in name or pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise UserError(f"image name {name!r}: leads out of its folder; names are relative, without '..' and '\\'")
    return Path(folder) / f"{pure}{EXTENSIONS[kind]}"


def finished(folder: Path, kind: str, names: Collection[str]) -> set[str]:
    """Returns those of the names whose file exists: files appear whole, so existing is being finished.

    Args:
        folder: folder of the stage; may be missing.
        kind: as in `path_of`.
        names: names of images.
    """
    return {name for name in names if path_of(folder, kind, name).is_file()}


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a file aside and renames it: readers see the old file or the new, never half of one.

    Args:
        path: the file; missing folders are made.
        data: its contents.

    Raises:
        UserError: the disk is full or the folder cannot be written; nothing is left behind.
    """
    with _aside(path) as file:
        file.write_bytes(data)


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
    write_atomically(path_of(folder, "masks", name), _png(image))


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
    with _reading(path), Image.open(path) as image:
        if image.mode in ("P", "L", "1"):
            return np.array(image).astype(np.uint8, copy=False)
        mode = image.mode
    raise ImageFault(f"{path}: mode {mode}; expected an indexed or grey PNG whose values are class ids")


def write_scores(folder: Path, name: str, scores: Scores) -> None:
    """Writes the class maps of one image as npz: classes, scores (float16), size and covers.

    Args:
        folder: folder of the artefact.
        name: name of the image.
        scores: maps; values beyond float16's range are clipped to it.

    Raises:
        UserError: a value is not a number: the model has diverged.
    """
    values = np.asarray(scores.scores)
    if values.ndim != 3 or len(values) != len(scores.classes):
        raise ValueError(f"scores are (K, row, column) for K classes; received {values.shape}, {len(scores.classes)}")
    if not np.isfinite(values).all():
        raise UserError(f"{folder}: scores of {name!r} are not finite; the model has diverged: lower its learning rate")
    buffer = io.BytesIO()
    integers = {"classes": scores.classes, "size": scores.size, "covers": scores.covers or scores.size}
    np.savez(buffer, scores=np.clip(values, *_HALF).astype(np.float16),
             **{key: np.asarray(value, np.int32) for key, value in integers.items()})
    write_atomically(path_of(folder, "scores", name), buffer.getvalue())


def read_scores(folder: Path, name: str) -> Scores:
    """Returns the class maps of one image as stored; objects in the file are refused, never unpickled.

    Args:
        folder: folder of the artefact.
        name: name of the image.

    Raises:
        ImageFault: no such file, or it is broken, or its arrays do not fit each other.
    """
    path = path_of(folder, "scores", name)
    with _reading(path), _PARSING, np.load(path, allow_pickle=False) as file:
        classes, scores, size = (file[key] for key in ("classes", "scores", "size"))
        covers = file["covers"] if "covers" in file else size
        pairs = size.shape == covers.shape == (2,) and scores.ndim == 3 and classes.shape == scores.shape[:1]
        if not pairs or scores.dtype.kind != "f" or classes.dtype.kind not in "iu":
            raise ValueError(f"{classes.dtype} {classes.shape} and {scores.dtype} {scores.shape} do not fit")
    return Scores(classes.astype(np.int32), scores, tuple(map(int, size)), tuple(map(int, covers)))


def write_model(folder: Path, model: Any) -> None:
    """Writes a Keras model without its optimiser as `model.keras`.

    Args:
        folder: folder of the stage.
        model: `keras.Model`, every class of which is registered.
    """
    optimizer, model.optimizer, model.compiled = getattr(model, "optimizer", None), None, False
    try:
        with _aside(folder / "model.keras", ".keras") as file:
            model.save(file)
    finally:
        model.optimizer, model.compiled = optimizer, optimizer is not None


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
    write_atomically(path_of(folder, "regions", name), _png(Image.fromarray(colours.astype(np.uint8))))


def read_regions(folder: Path, name: str) -> np.ndarray:
    """Reads superpixel ids.

    Args:
        folder: folder of the artefact.
        name: name of the image.

    Returns:
        int32 `(row, column)`.
    """
    path = path_of(folder, "regions", name)
    with _reading(path), Image.open(path) as image:
        if image.mode == "RGB":
            return np.array(image).astype(np.int32) @ np.array([65536, 256, 1], np.int32)
        mode = image.mode
    raise ImageFault(f"{path}: mode {mode}; expected a colour PNG, id = blue + 256 green + 65536 red")


def _png(image: Image.Image) -> bytes:
    image.save(buffer := io.BytesIO(), "PNG")
    return buffer.getvalue()


@contextlib.contextmanager
def _aside(path: Path, ending: str = ".part") -> Iterator[Path]:
    """Gives the name of a file to write, and renames it when the block ends well."""
    aside = Path(path).parent / f".{secrets.token_hex(8)}{ending}"   # short: long image names stay writable
    try:
        aside.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        os.replace(aside, path)
    except OSError as error:
        cure = _CURES.get(error.errno, "check that folder")
        raise UserError(f"{path}: could not be written ({error.strerror or error}); {cure}") from error
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turns what readers raise on missing and broken files into one line for the user."""
    try:
        yield
    except FileNotFoundError as error:
        raise ImageFault(f"{path}: no such file; run the stage that writes it again") from error
    except _UNREADABLE as error:
        raise ImageFault(f"{path}: cannot be read ({error}); delete it and run its stage again") from error
