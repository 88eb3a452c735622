"""A folder of the user's own images with labels.csv as an ImageSet."""

import dataclasses
import logging
import unicodedata
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from tfwsss.data import labels as tables
from tfwsss.data.image_set import BACKGROUND, ImageSet, usable_names
from tfwsss.errors import UserError
from tfwsss.palette import voc_palette

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif")
"""Endings of image files, in any case."""

_IMAGES = ("JPEGImages", "images")
_MASKS = ("SegmentationClass", "masks")
_SPLITS = ("ImageSets/Segmentation", "splits", ".")
_NOT_IMAGES = (*_MASKS, "ImageSets", "splits", "saliency", "SegmentationObject")
_NOT_SPLITS = ("classes", "README", "LICENSE", "requirements")
_LOG = logging.getLogger("tfwsss")


def read_folder(root: Path, split: str | None = None) -> ImageSet:
    """Reads a folder of images with image-level labels.

    labels.csv has the header name,classes. A name is the path of the image
    below its folder, with or without ending; where two files differ in their
    endings only (a.jpg, a.png) the ending is part of the name. Images lie in
    JPEGImages/, images/ or the folder itself, at any depth. Optional are
    classes.txt (class names in the order of mask ids), masks in
    SegmentationClass/ or masks/, lists of names in ImageSets/Segmentation/,
    splits/ or the folder itself. Without classes.txt the classes are the sorted
    tags; without a split the order is that of labels.csv.

    Args:
        root: the folder.
        split: name of a list (`train` is train.txt), or None for all labelled images.

    Returns:
        ImageSet; listed names without an image or a row are in its `faults`.

    Raises:
        UserError: something that would spoil the run as a whole: no labels.csv, no images, a tag that is no class,
            an unknown split, one image with two different rows, most rows without an image.
    """
    root = Path(root)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; expected one with images and labels.csv")
    images = index_images(next((root / name for name in _IMAGES if (root / name).is_dir()), root))
    if not images:
        raise UserError(f"{root}: no images; expected {', '.join(SUFFIXES)} files in images/, JPEGImages/ or here")
    classes, rows, labels = _labels(root, images)
    names = list(rows) if split is None else _split(root, split, images)
    if split is None:
        names += [name for name in images if name not in labels]
    faults = _faults(root, names, images, labels)
    usable = usable_names(root, names, faults)
    masks = index_images(next((root / name for name in _MASKS if (root / name).is_dir()), root / _MASKS[0]))
    return ImageSet(usable, root, classes, voc_palette(), images={name: images[name] for name in usable},
                    labels={name: labels[name] for name in usable},
                    masks={name: masks[name] for name in usable if name in masks}, faults=faults)


def index_images(folder: Path) -> dict[str, Path]:
    """Finds the images of a folder at any depth and names them.

    Args:
        folder: searched without hidden files and folders; may be missing.

    Returns:
        name -> file, sorted by name. A name is the path below the folder
        without the ending, unless that would name two files; then with it.
    """
    files = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        place = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in place.parts)
        if path.suffix.lower() in SUFFIXES and not hidden and place.parts[0] not in _NOT_IMAGES and path.is_file():
            files[unicodedata.normalize("NFC", place.as_posix())] = path
    stems = Counter(_stem(full) for full in files)
    named = {full if stems[_stem(full)] > 1 or _stem(full) in files else _stem(full): path
             for full, path in files.items()}
    return dict(sorted(named.items()))


def with_saliency(images: ImageSet, folder: Path) -> ImageSet:
    """Returns the data set with the saliency maps of a folder, found by the names of the images.

    Args:
        images: any data set.
        folder: grey images, 0 is background.

    Raises:
        UserError: no map of the folder fits a name.
    """
    found = index_images(Path(folder))
    maps = {name: found[name] for name in images.names if name in found}
    if not maps:
        raise UserError(f"{folder}: no saliency map for any of {len(images.names)} images; expected files named "
                        f"like {images.names[0]}.png")
    if len(maps) < len(images.names):
        _LOG.warning("%s: %d of %d images have no saliency map", folder, len(images.names) - len(maps),
                     len(images.names))
    return dataclasses.replace(images, saliency=maps)


def check_classes(images: ImageSet) -> None:
    """Refuses data of which a class could not be learnt.

    Args:
        images: data to train on.

    Raises:
        UserError: a class that no image of the set shows.
    """
    shown = {label for name in images.names for label in images.labels[name]}
    missing = [images.classes[label + 1] for label in range(images.num_classes) if label not in shown]
    if missing:
        raise UserError(f"{images.root}: none of {len(images.names)} images shows {', '.join(map(repr, missing))}; "
                        "label some, or strike the class from classes.txt (mask ids count its lines)")


def resolve(written: str, images: Mapping[str, Path], by_file: Mapping[str, list[str]]) -> str | None:
    """Finds the image that a table or list means: by name, by file name, or by a path that ends in one.

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
    for prefix in ("", *(f"{folder}/" for folder in _IMAGES)):
        short = written.removeprefix(prefix)
        if short in images:
            return short
        fitting = by_file.get(short, [])
        if len(fitting) > 1:
            raise UserError(f"the name {written!r} fits {' and '.join(fitting)}; write it with its ending")
        if fitting:
            return fitting[0]
    return None


def files_of(images: Mapping[str, Path]) -> dict[str, list[str]]:
    """Returns for each file name and each stem the names of the images it may mean.

    Args:
        images: name -> file.
    """
    by_file: dict[str, list[str]] = {}
    for name, path in images.items():
        full = name if name.endswith(path.suffix) else name + path.suffix
        for key in (full, _stem(full)):
            by_file.setdefault(unicodedata.normalize("NFC", key), []).append(name)
    return by_file


def _labels(root: Path, images: Mapping[str, Path]) -> tuple[tuple[str, ...], dict[str, tables.Row], dict]:
    """Returns classes, rows by image name (or by the name as written where no image fits), labels by name."""
    table = root / "labels.csv"
    if not table.is_file():
        raise UserError(f"{table}: no such file; write a header name,classes and one line for each image, such as "
                        f"{next(iter(images))},cat dog")
    listed = root / "classes.txt"
    classes = tables.read_classes(listed) if listed.is_file() else None
    found = tables.read_table(table, classes)
    if classes is None:
        classes = (BACKGROUND, *sorted({tag for row in found for tag in row.tags}))
    rows: dict[str, tables.Row] = {}
    by_file = files_of(images)
    for row in found:
        name = resolve(row.name, images, by_file) or row.name
        if name in rows and set(rows[name].tags) != set(row.tags):
            raise UserError(f"{table}: lines {rows[name].line} and {row.line} label {name!r} differently; write all "
                            "classes of an image in one row, separated by a space or ;")
        rows.setdefault(name, row)
    return classes, rows, {name: tables.label_indices(table, row, classes) for name, row in rows.items()}


def _split(root: Path, split: str, images: Mapping[str, Path]) -> list[str]:
    path = next((root / place / f"{split}.txt" for place in _SPLITS if (root / place / f"{split}.txt").is_file()), None)
    if path is None:
        found = {file.stem for place in _SPLITS for file in (root / place).glob("*.txt")} - {*_NOT_SPLITS}
        raise UserError(f"{root}: no list {split}.txt in {', '.join(_SPLITS)}; "
                        f"{tables.nearest(split, sorted(found)) if found else 'leave the split out to use all images'}")
    by_file = files_of(images)
    names = dict.fromkeys(resolve(line, images, by_file) or line for line in tables.read_lines(path))
    if not names:
        raise UserError(f"{path}: names no image; write one name a line")
    return list(names)


def _faults(root: Path, names: list[str], images: Mapping[str, Path], labels: Mapping) -> dict[str, str]:
    faults = {}
    for name in names:
        if name not in images:
            faults[name] = (f"{root}: no image is named {name!r}, they are named like {next(iter(images))!r}; "
                            "add the file or strike its line")
        elif name not in labels:
            faults[name] = f"{images[name]}: has no row in labels.csv and is left out; add one to use it"
    return faults


def _stem(full: str) -> str:
    return str(PurePosixPath(full).with_suffix(""))
