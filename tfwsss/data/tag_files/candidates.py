"""Finds what may hold the tags of a folder of images, and reads it."""

from collections.abc import Collection, Iterator
from pathlib import Path

from tfwsss.annotations.documents import parse_json
from tfwsss.data.tag_files.documents import is_coco, is_cvat, is_label_studio, read_document
from tfwsss.data.tag_files.tables import read_tag_table
from tfwsss.data.tag_files.tag_file import FORMS, TagFile, TagSource
from tfwsss.errors import UserError, named

LABELS = "labels.csv"
"""The file that is read before all others."""

TABLES = (".csv", ".tsv", ".tab")
"""Endings of tables."""

_BESIDE = ("", "annotations")
"""Folders of a data set in which files of tags lie, and the folder of images."""


def tags_of_folder(root: Path, place: Path, source: TagSource, classes: tuple[str, ...] | None,
                   without: Collection[Path]) -> TagFile | None:
    """Reads the tags of a folder from the file that is named, or else from the only one that is there.

    Args:
        root: folder of the data set.
        place: folder of its images.
        source: what is named.
        classes: names that the data set declares, background first, or None.
        without: files that hold other things.

    Returns:
        The tags; None where there are none.

    Raises:
        UserError: several files may hold them, or one that cannot be read.
    """
    path = _named(root, source) if source.place is not None else _only(root, place, without)
    if path is None:
        return None
    if path.suffix.lower() in TABLES:
        return read_tag_table(path, classes)
    return read_document(path) or _refused(path)


def _named(root: Path, source: TagSource) -> Path:
    path = next((each for each in (root / source.place, Path(source.place)) if each.exists()), None)
    if path is None:
        raise UserError(f"data.tags: there is no {source.place} below {root}, nor is there as written; name {FORMS}")
    return path


def _only(root: Path, place: Path, without: Collection[Path]) -> Path | None:
    if (root / LABELS).exists():
        return root / LABELS
    found = list(candidates(root, place, without))
    if len(found) > 1:
        raise UserError(f"{root}: both {found[0]} and {found[1]} may hold the tags; name the one that does, "
                        f"--set data.tags={found[0].relative_to(root)}")
    return found[0] if found else None


def candidates(root: Path, place: Path, without: Collection[Path] = ()) -> Iterator[Path]:
    """Finds the files that may hold the tags of a folder, by their endings and contents.

    Args:
        root: folder of the data set.
        place: folder of its images.
        without: files that hold other things.

    Yields:
        Paths, by name in each folder.

    Raises:
        UserError: a file cannot be read.
    """
    other = {path.resolve() for path in without}
    for folder in dict.fromkeys([*(root / name for name in _BESIDE), place]):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.is_file() and not path.name.startswith(".") and path.resolve() not in other and _may_be(path):
                yield path


def _may_be(path: Path) -> bool:
    ending = path.suffix.lower()
    if ending == ".xml":
        with named(f"{path}:", "take it away or name another file of tags"), path.open("rb") as file:
            return is_cvat(file.read(4096))
    if ending == ".json":
        with named(f"{path}:", "take it away or name another file of tags"):
            document = parse_json(str(path), path.read_bytes())
        return is_coco(document) or is_label_studio(document)
    return False


def _refused(path: Path) -> TagFile:
    raise UserError(f"data.tags: {path} holds no tags in a form that is read; expected {FORMS}")
