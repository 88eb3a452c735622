"""From a file of tags to the labels of images: names are resolved, classes counted."""

import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tfwsss.annotations.drawings import Drawing
from tfwsss.data import labels as tables
from tfwsss.data.image_set import BACKGROUND
from tfwsss.data.labels import Row
from tfwsss.data.naming import files_of, resolve
from tfwsss.data.tag_files.candidates import LABELS, instead, tags_of_folder
from tfwsss.data.tag_files.tag_file import TagFile, TagSource
from tfwsss.data.words import nearest
from tfwsss.errors import UserError

_GOOD = ("good", "ok", "okay", "normal", "fine", "intact", "healthy", "functional", "defect-free", "no defect")
_LOG = logging.getLogger("tfwsss")


class Tagging(NamedTuple):
    """The tags of a folder's images.

    Args:
        path: where they stand; `labels.csv` where there are none.
        classes: names in the order of the mask ids, background first.
        names: of images with tags, in the order of the file, or as written where no image fits.
        labels: of these, sorted, counted without background.
        drawings: what is drawn on an image, of those with more than tags.
        faults: of images, why their labels cannot be used.
        whole: whether the file is meant to have all images.
    """

    path: Path
    classes: tuple[str, ...]
    names: tuple[str, ...] = ()
    labels: Mapping[str, tuple[int, ...]] = {}
    drawings: Mapping[str, Drawing] = {}
    faults: Mapping[str, str] = {}
    whole: bool = True


def read_tagging(root: Path, place: Path, images: Mapping[str, Path], classes: tuple[str, ...] | None,
                 source: TagSource, weak: Collection[Path] | None = None) -> Tagging:
    """Reads the tags of a folder of images.

    Args:
        root: folder of the data set.
        place: folder of its images.
        images: name -> file.
        classes: names that the data set declares, background first, or None.
        source: where the tags stand.
        weak: files of weak labels, which are no tags; None: images have no other labels than tags.

    Returns:
        The tags.

    Raises:
        UserError: there are none, or they cannot be read, or one is no class, or an image has two that differ.
    """
    file = tags_of_folder(root, place, images, source, classes, weak)
    if file is None and weak is not None and classes:
        return Tagging(root / LABELS, classes)
    if file is None:
        also = "; or add a classes.txt, where the labels of all images tell their tags" if weak is not None else ""
        raise UserError(f"{root / LABELS}: no such file; write a header name,classes and one line for each image, such "
                        f"as {next(iter(images))},cat dog{also}{instead(root, place, images)}")
    _LOG.info("tags: %s, %s", file.form, file.path)
    file = _without_negatives(file, source.negative)
    classes = classes or _classes(file)
    return _of_images(file, images, classes)


def _classes(file: TagFile) -> tuple[str, ...]:
    """Returns the classes that occur: in the order in which the file declares them, or else sorted."""
    tags = {tag for row in file.rows for tag in row.tags}
    folded: dict[str, str] = {}
    for tag in sorted(tags):
        if folded.setdefault(tag.casefold(), tag) != tag:
            raise UserError(f"{file.path}: {folded[tag.casefold()]!r} and {tag!r} would be two classes; write one of "
                            "them everywhere, or list both in classes.txt")
    return (BACKGROUND, *([tag for tag in file.classes if tag in tags] if tags <= set(file.classes) else sorted(tags)))


def _without_negatives(file: TagFile, negative: Collection[str]) -> TagFile:
    """Returns a file without the tags that say that an image shows no class."""
    known = {tag for row in file.rows for tag in row.tags}
    for word in negative:
        if word not in known:
            raise UserError(f"data.negative: no image of {file.path} has the tag {word!r}; "
                            f"{nearest(word, sorted(known))}")
    both = next((row for row in file.rows if 0 < len(set(negative).intersection(row.tags)) < len(set(row.tags))), None)
    if both:
        raise UserError(f"{file.path}: {both.place}: {', '.join(both.tags)}; one of them is data.negative and says "
                        "that the image shows no class; strike it or the others")
    doubtful = sorted({tag for tag in known if tag.casefold() in _GOOD} - set(negative))
    if doubtful and len(known) > 1:
        _LOG.warning("%s: %r is taken for a class; where it says that nothing is to be found, --set data.negative=%s",
                     file.path, doubtful[0], doubtful[0])
    return file._replace(rows=tuple(row._replace(tags=() if set(negative).intersection(row.tags) else row.tags)
                                    for row in file.rows))


def _of_images(file: TagFile, images: Mapping[str, Path], classes: tuple[str, ...]) -> Tagging:
    by_file = files_of(images)
    one_a_line = file.whole and all(len(row.tags) <= 1 for row in file.rows)
    rows: dict[str, Row] = {}
    drawings: dict[str, Drawing] = {}
    others: list[Row] = []
    for row in file.rows:
        found = next((name for form in (row.name, *row.forms) if (name := resolve(form, images, by_file))), None)
        if found is None and not file.whole:
            others.append(row)
            continue
        name = found or row.name
        if name in rows and row.line and (row.forms or rows[name].forms) and row.name != rows[name].name:
            raise UserError(f"{file.path}: lines {rows[name].line} and {row.line}: both {rows[name].name!r} and "
                            f"{row.name!r} may be the image {name!r}; write names as the images here have them")
        if name in rows and one_a_line and rows[name].tags and row.tags:
            row = rows[name] = rows[name]._replace(tags=tuple(dict.fromkeys((*rows[name].tags, *row.tags))))
        if name in rows and (set(rows[name].tags) != set(row.tags) or name in drawings):
            raise UserError(_twice(file, name, rows[name], row))
        rows.setdefault(name, row)
        drawings |= {name: file.drawings[row.name]} if row.name in file.drawings else {}
    _tell_others(file, images, rows, others)
    faults = {resolve(written, images, by_file): message for written, message in file.faults.items()}
    if lost := faults.pop(None, None):
        _LOG.warning("%s: labels that cannot be used are of none of the %d images, such as: %s", file.path, len(images),
                     lost)
    return Tagging(file.path, classes, tuple(rows), {name: tables.label_indices(file.path, row, classes)
                                                     for name, row in rows.items()}, drawings, faults, file.whole)


def _twice(file: TagFile, name: str, one: Row, other: Row) -> str:
    """Says that an image has two rows."""
    if one.line:
        return (f"{file.path}: lines {one.line} and {other.line} label {name!r} differently; write all classes of an "
                "image in one row, separated by a space or ;, or each in a row of its own")
    return (f"{file.path}: {one.name!r} and {other.name!r} both mean the image {name!r}, and their labels differ; keep "
            "one of them")


def _tell_others(file: TagFile, images: Mapping[str, Path], rows: Mapping[str, Row], others: Sequence[Row]) -> None:
    """Says how far a file that need not have all images, and no others, fits them."""
    if file.whole:
        return
    if not rows:
        if file.faults and not file.rows:
            raise UserError(f"{file.path}: the labels of all {len(file.faults)} images cannot be used. The first: "
                            f"{next(iter(file.faults.values()))}")
        written = next(iter([*(row.name for row in file.rows), *file.open]), "nothing")
        what = f"{len(file.open)} images that nobody has annotated" if file.open and not file.rows else repr(written)
        raise UserError(f"{file.path}: has labels of none of {len(images)} images; they are named like "
                        f"{next(iter(images))!r}, those of the file like {what}")
    if others:
        _LOG.warning("%s: %d of %d images that it labels are not there, the first %r", file.path, len(others),
                     len(file.rows), others[0].name)
    if file.open:
        _LOG.warning("%s: %d images are listed and not annotated yet; they are left out", file.path, len(file.open))
