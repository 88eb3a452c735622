"""What a person has corrected: masks, scribbles and tags of some images, in the form of the tool that was used."""

import collections
import dataclasses
import logging
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from tfwsss.annotations.drawings import Drawing, painted
from tfwsss.data.archives import is_archive, unpacked
from tfwsss.data.image_set import ImageSet
from tfwsss.data.labels import Row, label_indices
from tfwsss.data.naming import files_of, index_images, resolve
from tfwsss.data.sources import Splits, open_splits
from tfwsss.data.tag_files.candidates import candidates, read_tag_file
from tfwsss.data.tag_files.tag_file import TagFile, TagSource
from tfwsss.data.tag_files.yolo_folders import holds_texts, read_yolo_folders, yolo_folders
from tfwsss.errors import UserError
from tfwsss.settings.sections import DataSettings

KEY = "corrections"
"""Key of `given` that names them."""

FORMS = ("Label Studio's JSON, COCO's JSON, CVAT's XML of images, a table of tags, a folder of YOLO's text files, a "
         "folder of PNGs of ids (255 = undecided), whose sub-folder scribbles/ holds what was drawn (255 = untouched), "
         "or a zip of one of these")
"""What is read, for messages."""

_NUMBERED = re.compile(r"task-\d+-annotation-\d+-by-")      # Label Studio's PNGs, whose numbers name no image
_OURS = ("predictions.csv", "predictions.json", "predictions.jsonl", "made_from.jsonl", "doubtful.csv", "faults.csv")
_SHOWN = 50             # images that are corrected twice
_PHOTOGRAPHS = (".jpg", ".jpeg")                            # that lie among the files of a tool
_LOG = logging.getLogger("tfwsss")


class Corrections(NamedTuple):
    """Corrections by names of images.

    Args:
        path: file or folder.
        masks: file of ids that takes the place of a mask.
        scribbles: file of ids that overwrites what it touches, 255 = not touched.
        drawings: what is drawn: masks and polygons take the place of a mask, lines and points overwrite what they
            touch; so do masks and polygons where background is painted too.
        empty: images on which somebody has left nothing.
        tags: classes that take the place of an image's.
        beside: file beside masks that is not read, as these hold -> the images that it corrects.
    """

    path: Path
    masks: Mapping[str, Path] = {}
    scribbles: Mapping[str, Path] = {}
    drawings: Mapping[str, Drawing] = {}
    empty: tuple[str, ...] = ()
    tags: Mapping[str, tuple[int, ...]] = {}
    beside: Mapping[Path, tuple[str, ...]] = {}


def open_corrected(data: DataSettings, cache: Path, given: Mapping[str, Path]) -> tuple[Splits, Corrections | None]:
    """Reads the images of a run with the tags that were corrected.

    Args:
        data: which data set and lists.
        cache: folder for what is made of the data.
        given: the run's setting of this name.

    Returns:
        The images, and what was corrected; None: nothing is given.

    Raises:
        UserError: as `open_splits` and `read_corrections`.
    """
    splits = open_splits(data, cache)
    if KEY not in given:
        return splits, None
    found = read_corrections(given[KEY], splits.training.joined(splits.pseudo), cache)
    training = with_tags(splits.training, found)
    pseudo = training if splits.pseudo is splits.training else with_tags(splits.pseudo, found)
    return splits._replace(training=training, pseudo=pseudo), found


def with_tags(images: ImageSet, corrections: Corrections) -> ImageSet:
    """Returns a data set with the tags that were corrected.

    Args:
        images: any.
        corrections: of some of its images.
    """
    found = {name: tags for name, tags in corrections.tags.items() if name in images.labels}
    return dataclasses.replace(images, labels={**images.labels, **found}) if found else images


def read_corrections(path: Path, images: ImageSet, cache: Path) -> Corrections:
    """Reads corrections; masks that files draw are not painted yet.

    Args:
        path: file, folder or zip, see `FORMS`.
        images: all that can be corrected.
        cache: folder in which a zip is unpacked, see `archives.unpacked`.

    Returns:
        Corrections of those images; others that the file names are counted in the log.

    Raises:
        UserError: no such file, another form, none of the images, or a correction that cannot be used.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"given.{KEY}: there is no {path}; name {FORMS}")
    place = unpacked(path, cache) if is_archive(path) else path
    found = _of_folder(place, images) if place.is_dir() else _of_file(place, images)
    count = len({*found.masks, *found.scribbles, *found.drawings, *found.empty, *found.tags})
    if not count and place.is_dir() and any(_NUMBERED.match(file.name) for file in place.rglob("*.png")):
        raise UserError(f"given.{KEY}: {path} holds PNGs of Label Studio, which are called by the numbers of tasks and "
                        "name no image; export as JSON")
    if not count:
        raise UserError(f"given.{KEY}: {path} corrects none of {len(images.names)} images, named like "
                        f"{images.names[0]!r}; expected {FORMS}")
    return found


def _of_folder(path: Path, images: ImageSet) -> Corrections:
    """Reads masks; a folder without any may hold one file of another form, or YOLO's."""
    scribbled = path / "scribbles"
    masks = next((path / name for name in ("masks", "SegmentationClass") if (path / name).is_dir()), path)
    indexed = [{name: file for name, file in each.items() if file.suffix.lower() not in _PHOTOGRAPHS}
               for each in (index_images(masks, [scribbled]), index_images(scribbled))]
    found = [{name: file for name, file in each.items() if name in images.images} for each in indexed]
    others = [] if any(found) else list(candidates(path, path))
    if len(others) > 1:
        raise UserError(f"given.{KEY}: both {others[0]} and {others[1]} may hold the corrections; name one of them")
    if others and others[0].is_file():
        return _of_file(others[0], images)
    if others or (not any(found) and holds_texts(path)):
        return _of_tags(read_yolo_folders(path, yolo_folders(path) or [path], images.classes, exported=True), images)
    if strange := [name for each in indexed for name in each if name not in images.images]:
        _LOG.warning("given.%s: %d of %d files of %s are named like none of the %d images of this run, the first %r",
                     KEY, len(strange), sum(map(len, indexed)), path, len(images.names), strange[0])
    return Corrections(path, *found, beside=_beside(path, {*found[0], *found[1]}, images) if any(found) else {})


def _beside(path: Path, held: Collection[str], images: ImageSet) -> dict[Path, tuple[str, ...]]:
    """Looks at what lies beside masks and corrects images too; masks hold, and a warning says so."""
    found: dict[Path, tuple[str, ...]] = {}
    try:
        for file in candidates(path, path):
            if file.name not in _OURS:
                told = read_tag_file(file, images.images, TagSource(), images.classes) if file.is_file() else \
                    read_yolo_folders(path, yolo_folders(path), images.classes, exported=True)
                found[file] = tuple(_by_image(told, images))
    except UserError as error:
        _LOG.warning("given.%s: the PNGs in %s hold; what lies beside them is not read: %s", KEY, path, error)
    for file, names in found.items():
        twice, alone = [name for name in names if name in held], [name for name in names if name not in held]
        parts = [f"{len(twice)} images that they correct, the first {twice[0]!r}"] if twice else []
        parts += [f"{len(alone)} others, the first {alone[0]!r}; name that file to take these"] if alone else []
        _LOG.warning("given.%s: the PNGs in %s hold, and %s beside them is not read: it corrects %s", KEY, path,
                     file.relative_to(path), ", and ".join(parts) or "none of the images of this run")
    return found


def twice_corrected(corrections: Corrections) -> str:
    """Returns a table of the images that are corrected twice: the file that holds, and the one that is not read.

    Args:
        corrections: of a user.

    Returns:
        Its lines, of at most 50 images; empty where there are none.

    Example:
    >>> mine = Path("mine")
    >>> print(twice_corrected(Corrections(mine, {"a": mine / "masks/a.png"}, beside={mine / "x.json": ("a", "b")})))
      image  holds        not read
      a      masks/a.png  x.json
    """
    holding = {**corrections.scribbles, **corrections.masks}
    rows = [(name, *(str(each.relative_to(corrections.path)) for each in (holding[name], file)))
            for file, names in corrections.beside.items() for name in names if name in holding]
    shown = [("image", "holds", "not read"), *rows[:_SHOWN]] if rows else []
    widths = [max(len(row[place]) for row in shown) for place in range(2)] if rows else []
    lines = ["  " + "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
             for row in shown]
    return "\n".join([*lines, *([f"  and {len(rows) - _SHOWN} more"] if len(rows) > _SHOWN else [])])


def _of_file(path: Path, images: ImageSet) -> Corrections:
    return _of_tags(read_tag_file(path, images.images, TagSource(), images.classes), images)


def _of_tags(file: TagFile, images: ImageSet) -> Corrections:
    if file.faults:
        raise UserError(f"given.{KEY}: {len(file.faults)} corrections cannot be used. The first: "
                        f"{next(iter(file.faults.values()))}")
    rows = _by_image(file, images)
    _tell(file, len(rows), images)
    return _sorted(file, rows, images)


def _by_image(file: TagFile, images: ImageSet) -> dict[str, Row]:
    """Returns the rows of a file by the images of this run that they mean."""
    by_file, rows = files_of(images.images), {}
    for row in file.rows:
        name = next((name for form in (row.name, *row.forms) if (name := resolve(form, images.images, by_file))), None)
        if name in rows:
            raise UserError(f"given.{KEY}: {file.path} corrects the image {name!r} twice; keep one of them")
        rows |= {name: row} if name else {}
    return rows


def _sorted(file: TagFile, rows: Mapping[str, Row], images: ImageSet) -> Corrections:
    """Tells corrected tags from masks; an image on which nothing is left is what the others of the file are."""
    drawings: dict[str, Drawing] = {}
    empty: list[str] = []
    tags: dict[str, tuple[int, ...]] = {}
    for name, row in rows.items():
        drawing = file.drawings.get(row.name)
        if drawing is not None and (painted(drawing.labels) or _touching(drawing)):
            drawings[name] = drawing
        named = row.tags if drawing is None else tuple(label.name for label in drawing.labels if label.kind == "tag")
        if named:
            tags[name] = label_indices(file.path, row._replace(tags=named), images.classes)
        elif drawing is None and file.drawings:
            empty.append(name)
        elif drawing is None:
            tags[name] = ()
    return Corrections(file.path, drawings=drawings, empty=tuple(empty), tags=tags)


def _touching(drawing: Drawing) -> bool:
    return any(label.kind in ("line", "point") for label in drawing.labels)


def _tell(file: TagFile, count: int, images: ImageSet) -> None:
    """Says what of a file is not used."""
    boxes = collections.Counter(label.kind for drawing in file.drawings.values() for label in drawing.labels
                                if not painted(drawing.labels))["box"]
    if boxes:
        _LOG.warning("given.%s: %d boxes of %s correct nothing: draw masks, polygons, lines or points", KEY, boxes,
                     file.path)
    if count < len(file.rows):
        _LOG.warning("given.%s: %d of %d images of %s are none of the %d of this run", KEY, len(file.rows) - count,
                     len(file.rows), file.path, len(images.names))
