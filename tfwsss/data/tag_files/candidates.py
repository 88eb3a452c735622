"""Finds what may hold the tags of a folder of images, and reads it."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath

from tfwsss.annotations.documents import parse_json
from tfwsss.data.columns import CLASSES
from tfwsss.data.tag_files.class_folders import read_class_folders
from tfwsss.data.tag_files.documents import is_coco, is_cvat, is_document, is_label_studio, read_document
from tfwsss.data.tag_files.records import are_records, read_tag_records
from tfwsss.data.tag_files.tables import read_tag_table
from tfwsss.data.tag_files.tag_file import FORMS, TagFile, TagSource
from tfwsss.data.tag_files.yolo_folders import read_yolo_folders, yolo_folders
from tfwsss.errors import UserError, named
from tfwsss.settings.sections import FOLDERS

LABELS = "labels.csv"
"""The file that is read before all others."""

TABLES = (".csv", ".tsv", ".tab")
"""Endings of tables."""

RECORDS = (".jsonl", ".ndjson")
"""Endings of tables of which each line is a JSON object."""

_OTHER = {**dict.fromkeys((".xlsx", ".xls", ".ods"), "is a workbook; save its sheet as 'CSV UTF-8' and name that"),
          ".zip": "is packed; unpack it, and name the file that holds the labels",
          ".parquet": "is a Parquet file, which is not read; write it as CSV"}
_BESIDE = ("", "annotations")
"""Folders of a data set in which files of tags lie, and the folder of images."""


def tags_of_folder(root: Path, place: Path, images: Mapping[str, Path], source: TagSource,
                   classes: tuple[str, ...] | None, weak: Collection[Path] | None) -> TagFile | None:
    """Reads the tags of a folder from the file that is named, or else from the only one that is there.

    Args:
        root: folder of the data set.
        place: folder of its images.
        images: name -> file.
        source: what is named.
        classes: names that the data set declares, background first, or None.
        weak: files of weak labels, which are no tags; None: images have no other labels than tags.

    Returns:
        The tags; None where there are none.

    Raises:
        UserError: several files may hold them, or one that cannot be read.
    """
    if source.place == FOLDERS:
        return read_class_folders(place, images, sure=True)
    path = _named(root, source) if source.place is not None else _only(root, place, weak or ())
    if path is None:
        return None if weak is not None and classes else read_class_folders(place, images, sure=False)
    if path.is_dir():
        folders = yolo_folders(root)
        return read_yolo_folders(root, folders if path in folders else [path], classes)
    return read_tag_file(path, images, source, classes)


def read_tag_file(path: Path, images: Mapping[str, Path], source: TagSource,
                  classes: tuple[str, ...] | None) -> TagFile:
    """Reads a file of tags by its contents.

    Args:
        path: of the file.
        images: name -> file.
        source: how a table is read.
        classes: names that the data set declares, background first, or None.

    Returns:
        The tags.

    Raises:
        UserError: it holds none, or cannot be read.
    """
    ending = path.suffix.lower()
    if ending in _OTHER:
        raise UserError(f"data.tags: {path} {_OTHER[ending]}")
    read_table = read_tag_records if ending in RECORDS else read_tag_table
    if ending in (*RECORDS, *TABLES) or not is_document(path):
        return read_table(path, classes, source.columns, images)
    document = read_document(path)
    return read_tag_records(path, classes, source.columns, images) if document is None else document


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
    yield from yolo_folders(root)[:1]


def _may_be(path: Path) -> bool:
    ending = path.suffix.lower()
    if ending in (*TABLES, *RECORDS):
        return True
    if ending == ".xml":
        with named(f"{path}:", "take it away or name another file of tags"), path.open("rb") as file:
            return is_cvat(file.read(4096))
    if ending == ".json":
        with named(f"{path}:", "take it away or name another file of tags"):
            document = parse_json(str(path), path.read_bytes())
        return is_coco(document) or is_label_studio(document) or are_records(document)
    return False


def instead(root: Path, place: Path, images: Mapping[str, Path]) -> str:
    """Says what else of a folder without tags may hold them, for the message that there are none.

    Args:
        root: folder of the data set.
        place: folder of its images.
        images: name -> file.

    Returns:
        Words that go on with a sentence; empty where there is nothing.
    """
    parts = [PurePosixPath(name).parts for name in images]
    if len({each[0] for each in parts}) == 1 and len({each[1] for each in parts if len(each) > 2}) > 1:
        return f"; or, if the folders in {place / parts[0][0]} are classes, --set data.root={place / parts[0][0]}"
    if len({each[0] for each in parts if len(each) > 1}) > 1:
        return f"; or, if the folders in {place} are classes, --set data.tags={FOLDERS}"
    if any(path.with_suffix(".txt").is_file() for path in images.values()):
        return f"; or, if the text files beside images are YOLO's, --set data.tags={place.relative_to(root)}"
    for folder in dict.fromkeys([*(root / name for name in _BESIDE), place]):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            ending = path.suffix.lower()
            if ending in _OTHER:
                return f"; if {path} holds the tags, it {_OTHER[ending]}"
            if ending in (".txt", ".json", ".xml") and path.stem.casefold() in CLASSES and \
                    path.name != "classes.txt":
                return f"; or, if {path} holds the tags, --set data.tags={path.relative_to(root)}"
    return ""
