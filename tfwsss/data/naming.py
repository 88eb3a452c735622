"""Names of images: which file each means, and which of a list can be used."""

import logging
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote

from tfwsss.annotations.drawings import file_forms
from tfwsss.data.finding import find_images, stem_of
from tfwsss.errors import UserError

IMAGE_FOLDERS = ("JPEGImages", "images")
"""Folders of images in a data set, the first that is there."""

MASK_FOLDERS = ("SegmentationClass", "masks")
"""Folders of true masks in a data set, the first that is there."""

_ABSOLUTE = re.compile(r"/|[A-Za-z]:/")
_LOG = logging.getLogger("tfwsss")


def index_images(folder: Path, without: Collection[Path] = ()) -> dict[str, Path]:
    """Finds the images of a folder at any depth and names them: see `finding.find_images`; faults go to the log.

    Args:
        folder: searched without hidden files and folders; may be missing.
        without: folders whose pictures are no images; those that lie in the folder are left out.

    Returns:
        name -> file, sorted by name. A name is the path below the folder
        without the ending, unless that would name two files; then with it.
    """
    found = find_images(folder, without)
    if found.faults:
        _LOG.warning("%s: %d files cannot be used. The first: %s", folder, len(found.faults),
                     next(iter(found.faults.values())))
    return found.images


def resolve(written: str, images: Mapping[str, Path], by_file: Mapping[str, list[str]]) -> str | None:
    """Finds the image that a table or list means: by name, by file name, or by one that differs in capitals only.

    Args:
        written: the name as a person wrote it.
        images: name -> file.
        by_file: what `files_of` gives for them.

    Returns:
        The name, or None where no image fits.

    Raises:
        UserError: two images fit.
    """
    written = written.removeprefix("/").removeprefix("./")
    for prefix in ("", *(f"{folder}/" for folder in IMAGE_FOLDERS)):
        short = written.removeprefix(prefix)
        if short in images:
            return short
        fitting = by_file.get(short) or by_file.get(_folded(short), [])
        if len(fitting) > 1:
            raise UserError(f"the name {written!r} fits {' and '.join(fitting)}; write it with its ending")
        if fitting:
            return fitting[0]
    return None


def files_of(images: Mapping[str, Path]) -> dict[str, list[str]]:
    """Returns for each file name and each stem, as they are and in small letters, the names of the images it may mean.

    Args:
        images: name -> file.
    """
    by_file: dict[str, list[str]] = {}
    for name, path in images.items():
        full = name if name.endswith(path.suffix) else name + path.suffix
        keys = [unicodedata.normalize("NFC", key) for key in (full, stem_of(full))]
        for key in dict.fromkeys((*keys, *map(_folded, keys))):    # a file without ending is its own stem
            by_file.setdefault(key, []).append(name)
    return by_file


def _folded(key: str) -> str:
    """Returns a key of those that differ in capitals only; no name begins with a line break."""
    return f"\n{key.casefold()}"


def tails(written: str) -> tuple[str, ...]:
    """Returns what an absolute path of another machine, or an address, may mean below a folder, the longest first.

    Args:
        written: with "/" between its parts.

    Example:
    >>> tails("C:/photos/a 1.jpg"), tails("https://example.org/x/a%201.jpg?size=2"), tails("x/a.jpg")
    (('photos/a 1.jpg', 'a 1.jpg'), ('x/a 1.jpg', 'a 1.jpg'), ())
    """
    if "://" in written:
        path = unquote(written.split("://", 1)[1].partition("/")[2].split("?")[0].split("#")[0])
    else:
        match = _ABSOLUTE.match(written)
        path = written[match.end():] if match else ""
    parts = [part for part in path.split("/") if part]
    ends = ["/".join(parts[place:]) for place in range(len(parts))]
    return tuple(dict.fromkeys([*ends, *file_forms(written)[1:]] if ends else ()))       # a tool's upload may add to it


def usable_names(root: Path, names: Iterable[str], faults: Mapping[str, str]) -> tuple[str, ...]:
    """Returns the names without a fault, in their order, and logs the number of the others.

    Args:
        root: folder of the data set.
        names: all that were listed.
        faults: name and message of those that cannot be used.

    Raises:
        UserError: more than half of the names have a fault: then names or folders do not fit.
    """
    names = tuple(names)
    usable = tuple(name for name in names if name not in faults)
    faulty = [name for name in names if name in faults]
    if 2 * len(faulty) > len(names):
        raise UserError(f"{root}: {len(faulty)} of {len(names)} listed images cannot be used. The first: "
                        f"{faults[faulty[0]]}")
    if faulty:
        _LOG.warning("%s: %d of %d listed images are left out. The first: %s", root, len(faulty), len(names),
                     faults[faulty[0]])
    return usable
