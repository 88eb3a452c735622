"""Finds the form of a file or folder of weak labels by what lies there."""

import functools
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tfwsss.annotations.documents import shown
from tfwsss.data.naming import index_images
from tfwsss.data.weak.boxes_xml import read_boxes
from tfwsss.data.weak.clicks_json import EXAMPLE, is_click, written_clicks
from tfwsss.data.weak.fractions_json import EXAMPLES, is_fractions, written_fractions
from tfwsss.data.weak.parsing import read_json
from tfwsss.data.weak.scribbles_xml import read_scribbles
from tfwsss.data.weak.written import Written
from tfwsss.errors import UserError

FORMS = {
    "boxes": f"a folder of XML files (object, bndbox) or JSON by image name, entries {EXAMPLES['boxes']}",
    "points": f"JSON by image name, entries {EXAMPLE} in pixels or {EXAMPLES['points']} in fractions, or a folder of "
              "such files of one form",
    "scribbles": "a folder of XML files (polygon, tag, point), a folder of PNGs of ids, 255 = not drawn, or JSON by "
                 f"image name, entries {EXAMPLES['scribbles']}",
    "full_masks": "a folder of PNGs of ids, 255 = ignore, named like the images",
}
"""What each setting takes, for messages."""

_ENDINGS = {"boxes": (".xml",), "points": (".json",), "scribbles": (".xml", ".png")}    # in a folder


class Source(NamedTuple):
    """The labels of one kind, not read yet.

    Args:
        entries: image name as written -> what `read` takes, or the file of a mask of ids.
        read: file and image for messages, and an entry, to its labels; None: the entries are masks of ids.
    """

    entries: Mapping[str, Any]
    read: Callable[[str, Any], Written] | None


def open_source(kind: str, place: Path, classes: Sequence[str], difficult: bool) -> Source:
    """Finds the labels of one kind in a file or folder.

    Args:
        kind: `boxes`, `points` or `scribbles`.
        place: file or folder.
        classes: class names, background first.
        difficult: boxes of objects marked difficult count.

    Returns:
        The labels by image name.

    Raises:
        UserError: the form is unknown or not the only one, two files mean one image, or a JSON file is broken.
    """
    if not place.is_dir():
        return _of_json(kind, [place])
    found = {ending: files for ending in _ENDINGS[kind] if (files := _files(place, ending))}
    if len(found) != 1:
        what = f"files of {' and '.join(found)}" if found else f"no file of {' or '.join(_ENDINGS[kind])}"
        raise UserError(f"data.{kind}: {place} holds {what}; expected {FORMS[kind]}")
    ending, files = next(iter(found.items()))
    if ending == ".json":
        return _of_json(kind, list(files.values()))
    if ending == ".png":
        return Source(index_images(place), None)
    if kind == "boxes":
        return Source(files, lambda where, path: read_boxes(path, classes, difficult))
    return Source(files, lambda where, path: read_scribbles(path, classes))


def _files(folder: Path, ending: str) -> dict[str, Path]:
    """Returns the files of an ending, in any case and at any depth, by their path without it."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() == ending and not path.name.startswith("."):
            name = unicodedata.normalize("NFC", path.relative_to(folder).with_suffix("").as_posix())
            if name in found:
                raise UserError(f"{path}: means the image {name!r}, as {found[name]} does; keep one of them")
            found[name] = path
    return found


def _of_json(kind: str, paths: Sequence[Path]) -> Source:
    """Reads JSON files of one form; the labels that several have of an image follow one another."""
    entries: dict[str, list] = {}
    readers = []
    for path in paths:
        found = read_json(path)
        first = next((entry for labels in found.values() for entry in labels), None)
        if kind == "points" and is_click(first):
            readers.append(written_clicks)
        elif is_fractions(kind, first):
            readers.append(functools.partial(written_fractions, kind))
        else:
            what = "no label" if first is None else f"entries such as {shown(first)}"
            raise UserError(f"data.{kind}: {path} holds {what}; expected {FORMS[kind]}")
        for name, labels in found.items():
            entries.setdefault(name, []).extend(labels)
    if len({reader is written_clicks for reader in readers}) > 1:
        raise UserError(f"data.{kind}: {paths[0].parent} holds files of two forms; expected {FORMS[kind]}")
    return Source(entries, readers[0])
