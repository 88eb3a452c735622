"""Where the files of a stage lie, one an image, and how they appear whole."""

import contextlib
import errno
import io
import json
import os
import secrets
import unicodedata
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image

from tfwsss.errors import ImageFault, UserError, named

EXTENSIONS = {"scores": ".npz", "probabilities": ".npz", "masks": ".png", "regions": ".png", "marginals": ".png",
              "saliency": ".png", "images": ".png"}                  # kinds of one file an image
_LONGEST = 250          # bytes of a file's name, so that another ending fits
_CURES = {
    errno.ENOSPC: "free space on that disk and start again: finished files are kept",
    errno.EROFS: "name a folder on a disk that can be written",
    errno.EACCES: "name a folder in which you may write",
    errno.ENAMETOOLONG: "give the image a shorter name",
}


def path_of(folder: Path, kind: str, name: str) -> Path:
    """Returns the file that holds one image's artefact.

    Args:
        folder: folder of the stage.
        kind: "scores", "probabilities", "masks", "regions", "marginals", "saliency", or "images" for converted copies.
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


def unfit_name(name: str) -> str | None:
    r"""Returns why files cannot be named after an image, or lists hold its name; None where they can.

    Args:
        name: path below a folder, with or without ending; "/" between its parts.

    Example:
    >>> unfit_name("farm/cow 1"), unfit_name("a\nb.jpg")
    (None, 'its name holds a line break or another sign that steers; rename it')
    """
    if any("\ud800" <= sign <= "\udfff" for sign in name):
        return "its name is not UTF-8; rename it"
    if any(unicodedata.category(sign) in ("Cc", "Zl", "Zp") for sign in name):
        return "its name holds a line break or another sign that steers; rename it"
    if "\\" in name:
        return "its name holds a backslash; rename it"
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        return "its name leads out of its folder; rename it"
    if max(len(part.encode()) for part in name.split("/")) > _LONGEST:
        return f"its name has more than {_LONGEST} bytes; shorten it"
    return None


def readable_name(text: str) -> str:
    r"""Returns a text in which bytes that are not UTF-8, and signs that steer, are shown by their numbers.

    Args:
        text: a path as the system gives it.

    Returns:
        What can be written to one line of a file or a terminal.

    Example:
    >>> readable_name("two\nlines")
    'two\\nlines'
    """
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


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
    with aside(path) as file:
        file.write_bytes(data)


def png_bytes(image: Image.Image) -> bytes:
    """Returns an image as the bytes of a PNG file.

    Args:
        image: of any mode that PNG has.
    """
    image.save(buffer := io.BytesIO(), "PNG")
    return buffer.getvalue()


@contextlib.contextmanager
def aside(path: Path, ending: str = ".part") -> Iterator[Path]:
    """Gives the name of a file to write, and renames it when the block ends well.

    Args:
        path: the file to be; missing folders are made.
        ending: of the name to write, where a writer wants a certain one.

    Yields:
        Path beside it.

    Raises:
        UserError: the disk is full or the folder cannot be written; nothing is left behind.
    """
    part = Path(path).parent / f".{secrets.token_hex(8)}{ending}"   # short: long image names stay writable
    try:
        with writing(path):
            part.parent.mkdir(parents=True, exist_ok=True)
            yield part
            os.replace(part, path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what a full disk and a closed folder raise into one line for the user.

    Args:
        path: the file that the block writes.

    Yields:
        Nothing.

    Raises:
        UserError: the file cannot be written.
    """
    try:
        yield
    except OSError as error:
        cure = _CURES.get(error.errno, "check that folder")
        raise UserError(f"{path}: could not be written ({error.strerror or error}); {cure}") from error


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns what readers raise on missing and broken files into one line for the user.

    Args:
        path: the file that the block reads.

    Yields:
        Nothing.

    Raises:
        ImageFault: the file is missing or broken.
    """
    with named(f"{path}:", "delete it and run its stage again", ImageFault):
        try:
            yield
        except FileNotFoundError as error:
            raise ImageFault(f"{path}: no such file; run the stage that writes it again") from error


def read_json(path: Path, cure: str = "delete it and start again", what: str = "") -> Any:
    """Returns what a JSON file holds.

    Args:
        path: the file.
        cure: last words of the message.
        what: first words of the message; empty: the path and a colon.

    Raises:
        UserError: the file is missing or holds no JSON.
    """
    with named(what or f"{path}:", cure):
        return json.loads(path.read_text("utf-8"))
