"""Folders of YOLO's text files as tags and drawings: one file an image, class numbers told beside them."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tfwsss.annotations.drawings import Drawings, file_forms
from tfwsss.annotations.yolo import read_yolo
from tfwsss.data.labels import read_lines, read_text
from tfwsss.data.tag_files.documents import tags_of
from tfwsss.data.tag_files.tag_file import TagFile
from tfwsss.data.tags import BACKGROUNDS
from tfwsss.errors import ImageFault, UserError
from tfwsss.settings.bounded_yaml import load_yaml

FOLDER = "labels"
"""Name of the folder of text files, beside `images`."""

_NAMES = ("obj.names", "classes.txt")
_CVATS = "obj_*_data"
_NO_LABELS = ("classes.txt", "train.txt", "val.txt", "test.txt", "notes.txt", "readme.txt")


def yolo_folders(root: Path) -> list[Path]:
    """Returns the folders of labels of a data set: `labels`, one in each list, such as `train/labels`, or CVAT's.

    Args:
        root: folder of the data set.
    """
    found = [root / FOLDER] if (root / FOLDER).is_dir() else sorted(root.glob(f"*/{FOLDER}"))
    return [folder for folder in found or sorted(root.glob(_CVATS)) if folder.is_dir() and holds_texts(folder)]


def holds_texts(folder: Path) -> bool:
    """Says whether text files of images lie in a folder, at any depth.

    Args:
        folder: may be missing.

    Returns:
        bool; False where the folder is missing.
    """
    return next(_texts(folder), None) is not None


def read_yolo_folders(root: Path, folders: Sequence[Path], classes: tuple[str, ...] | None,
                      exported: bool = False) -> TagFile:
    """Reads the labels of all images that have a file; an empty one says that its image shows no class.

    Args:
        root: folder of the data set.
        folders: of text files.
        classes: names that the data set declares, background first, or None; those of exported numbers where no list
            lies beside them.
        exported: `root` is a tool's: classes.txt in it tells the numbers, and is not the data set's.

    Returns:
        Tags and drawings.

    Raises:
        UserError: nothing tells the names of the classes, or only a list that begins with background, or there is no
            label.
    """
    names = _names(root, folders, None if exported else root / _NAMES[1])
    if not names:
        names = list((classes or ())[1:]) if exported else _of_data_set(root, folders[0])
    if not names:
        raise UserError(f"{folders[0]}: nothing tells which classes its numbers are; add data.yaml (names: [cat, dog]) "
                        f"or classes.txt, one class a line, in the order of the numbers, to {root}")
    found, faults = [], {}
    for folder in folders:
        for path in _texts(folder):
            written = unicodedata.normalize("NFC", path.relative_to(folder).with_suffix("").as_posix())
            try:
                drawing = read_yolo(str(path), read_text(path), names)
                found.append(drawing._replace(files=_forms(root, folder, written)))
            except ImageFault as fault:
                faults[written] = str(fault)
    if not found and not faults:
        raise UserError(f"data.tags: {folders[0]} holds no text file of an image; expected YOLO's, one an image")
    return tags_of(folders[0], "YOLO's folder of labels", Drawings(tuple(found), tuple(names), faults))


def _forms(root: Path, folder: Path, written: str) -> tuple[str, ...]:
    """Returns what a text file may call its image: the path below the folder, or the same in `images` beside it."""
    above = folder.parent.relative_to(root).as_posix() if folder.parent.is_relative_to(root) else "."
    beside = [f"{above}/images/{written}", f"{above}/{written}"] if above != "." else []
    return (*beside, *file_forms(written))


def _texts(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*.*"))
            if path.suffix.lower() == ".txt" and path.name.lower() not in _NO_LABELS and not path.name.startswith("."))


def _names(root: Path, folders: Sequence[Path], without: Path | None) -> list[str]:
    """Returns the classes that lie beside the labels, in the order of their numbers; empty where nothing tells them."""
    places = list(dict.fromkeys([root, folders[0].parent, folders[0]]))
    for path in (path for place in places for path in sorted([*place.glob("*.yaml"), *place.glob("*.yml")])):
        told = load_yaml(read_text(path), str(path), "mend it")
        names = told.get("names") if isinstance(told, Mapping) else None
        if names:
            return _listed(path, names)
    beside = [place / name for name in _NAMES for place in places if (place / name).is_file()]
    listed = next((path for path in beside if path != without), None)
    return [] if listed is None else read_lines(listed)


def _of_data_set(root: Path, folder: Path) -> list[str]:
    """Returns the names in classes.txt: lines are mask ids, and YOLO's numbers only where background is left out."""
    path = root / _NAMES[1]
    names = read_lines(path) if path.is_file() else []
    if len(names) > 1 and names[0].casefold() in BACKGROUNDS:
        raise UserError(f"{path}: begins with {names[0]!r}, so nothing tells whether number 0 in {folder} is that or "
                        f"{names[1]!r}; add the tool's own list: data.yaml (names: [{names[1]}, ...]) to {root}, or "
                        f"its classes.txt to {folder}; or strike {names[0]!r}, if 0 is {names[1]!r}")
    return names


def _listed(path: Path, names: list | Mapping) -> list[str]:
    found = list(names.values()) if isinstance(names, Mapping) else names
    numbered = not isinstance(names, Mapping) or list(names) == list(range(len(found)))
    if not isinstance(found, list) or not numbered or not all(isinstance(name, str) for name in found):
        raise UserError(f"{path}: its names are {str(names)[:80]}; expected a list of names, or 0: cat, 1: dog, ...")
    return found
