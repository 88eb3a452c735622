"""Documents of annotation tools as tags and drawings: COCO, Label Studio, CVAT."""

import collections
import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tfwsss.annotations.coco import read_coco
from tfwsss.annotations.cvat import read_cvat_images
from tfwsss.annotations.documents import parse_json, parse_xml
from tfwsss.annotations.drawings import Drawing, Drawings
from tfwsss.annotations.label_studio_export import read_label_studio
from tfwsss.artefacts.files import readable_name
from tfwsss.data.image_set import BACKGROUND
from tfwsss.data.labels import Row
from tfwsss.data.tag_files.tag_file import FORMS, TagFile
from tfwsss.data.tags import BACKGROUNDS
from tfwsss.errors import UserError, named

_CVAT = re.compile(rb"^(?:\xef\xbb\xbf)?\s*(?:<\?[^>]*\?>\s*|<!--.*?-->\s*)*<annotations\b", re.DOTALL)
_SNIFFED = 4096         # bytes
_LOG = logging.getLogger("tfwsss")


def read_document(path: Path) -> TagFile | None:
    """Reads a document of an annotation tool.

    Args:
        path: of any ending.

    Returns:
        Its tags and drawings; None where it is a document of another kind.

    Raises:
        UserError: it cannot be read, or is broken.
    """
    with named(f"{path}:", "restore it or name another file"):
        data = path.read_bytes()
    if is_cvat(data):
        return tags_of(path, "CVAT's XML of images", read_cvat_images(str(path), parse_xml(str(path), data)))
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start == b"<":
        raise UserError(f"data.tags: {path} is no XML of CVAT's images, and holds no tags; expected {FORMS}")
    return read_parsed(path, parse_json(str(path), data) if start in (b"{", b"[") else None)


def read_parsed(path: Path, document: Any) -> TagFile | None:
    """Reads a JSON document of an annotation tool.

    Args:
        path: for messages.
        document: parsed JSON.

    Returns:
        As `read_document`.

    Raises:
        UserError: it is broken.
    """
    if is_coco(document):
        return tags_of(path, "COCO's JSON", read_coco(str(path), document))
    if is_label_studio(document):
        found = read_label_studio(str(path), document)
        return tags_of(path, "Label Studio's JSON", found._replace(classes=()))      # as they come, no order of theirs
    return None


def is_document(path: Path) -> bool:
    """Returns whether a file begins as JSON or CVAT's XML do, or another markup.

    Args:
        path: of the file.

    Raises:
        UserError: it cannot be read.
    """
    with named(f"{path}:", "restore it or name another file"), path.open("rb") as file:
        return file.read(_SNIFFED).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[", b"<")


def is_cvat(data: bytes) -> bool:
    """Returns whether a file begins as CVAT's documents do.

    Args:
        data: its first bytes, or all.
    """
    return bool(_CVAT.match(data[:_SNIFFED]))


def is_coco(document: Any) -> bool:
    """Returns whether a JSON document is COCO's, be it a broken one.

    Args:
        document: parsed JSON.
    """
    return isinstance(document, Mapping) and {"images", "annotations"} <= document.keys()


def is_label_studio(document: Any) -> bool:
    """Returns whether a JSON document is Label Studio's, be it a broken one.

    Args:
        document: parsed JSON.
    """
    return isinstance(document, list) and bool(document) and isinstance(document[0], Mapping) \
        and isinstance(document[0].get("data"), Mapping)


def tags_of(path: Path, form: str, found: Drawings, notes: Iterable[str] = ()) -> TagFile:
    """Returns the tags that drawings make: the classes of all that is drawn on an image.

    Args:
        path: for messages.
        form: of the file, in words.
        found: what a reader made of it.
        notes: what was left out beside the notes of single images.

    Raises:
        UserError: a class whose name no list can hold.
    """
    images = [clean(path, drawing) for drawing in found.images]
    counts = collections.Counter([*notes, *(note for drawing in images for note in drawing.notes)])
    for note, count in counts.items():
        _LOG.warning("%s: %d %s", path, count, note)
    rows = tuple(Row(0, drawing.files[0], tuple(tag for tag in drawing.tags if tag != BACKGROUND), drawing.files[1:])
                 for drawing in images)
    drawn = {drawing.files[0]: drawing for drawing in images if any(label.kind != "tag" for label in drawing.labels)}
    declared = dict.fromkeys(_name(path, name) for name in found.classes)
    return TagFile(path, form, rows, tuple(name for name in declared if name != BACKGROUND), drawn, found.faults,
                   found.untouched)


def clean(path: Path, drawing: Drawing) -> Drawing:
    """Returns a drawing whose class names have single spaces, and one name for background.

    Args:
        path: for messages.
        drawing: of any tool.

    Raises:
        UserError: as `tags_of`.
    """
    return drawing._replace(labels=tuple(label._replace(name=_name(path, label.name)) for label in drawing.labels))


def _name(path: Path, written: str) -> str:
    name = " ".join(written.split())
    if not name or readable_name(name) != name:
        raise UserError(f"{path}: the class {readable_name(written)!r} is empty or holds signs that steer; rename it "
                        "in the tool and export again")
    return BACKGROUND if name.casefold() in BACKGROUNDS else name
