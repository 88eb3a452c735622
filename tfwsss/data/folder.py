"""A folder of the user's own images with labels.csv as an ImageSet."""

import dataclasses
import logging
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from tfwsss.data import labels as tables
from tfwsss.data.colour_table import declared_classes
from tfwsss.data.finding import NOT_SEARCHED, Found, fault_of, find_images, index_images, stem_of
from tfwsss.data.image_set import BACKGROUND, ImageSet, usable_names
from tfwsss.errors import UserError

_IMAGES = ("JPEGImages", "images")
_MASKS = ("SegmentationClass", "masks")
_SPLITS = ("ImageSets/Segmentation", "splits", ".")
_NOT_SPLITS = ("classes", "labelmap", "README", "LICENSE", "requirements")
_LOG = logging.getLogger("tfwsss")


def read_folder(root: Path, split: str | None = None) -> ImageSet:
    """Reads a folder of images with image-level labels.

    labels.csv has the header name,classes. A name is the path of the image
    below its folder, with or without ending; where two files differ in their
    endings only (a.jpg, a.png) the ending is part of the name. Images lie in
    JPEGImages/, images/ or the folder itself, at any depth. Optional are
    classes.txt (class names in the order of mask ids), labelmap.txt (their
    colours, in CVAT's form), masks in SegmentationClass/ or masks/, lists of names in ImageSets/Segmentation/,
    splits/ or the folder itself. Without classes.txt the classes are the sorted
    tags; without a split the order is that of labels.csv.

    Args:
        root: the folder.
        split: name of a list (`train` is train.txt), or None for all labelled images.

    Returns:
        ImageSet; listed names without an image or a row are in its `faults`, and files that cannot be used.

    Raises:
        UserError: something that would spoil the run as a whole: no labels.csv, no images, a tag that is no class,
            an unknown split, one image with two different rows, most rows without an image.
    """
    root = Path(root)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; expected one with images and labels.csv")
    found = _found(root)
    images = found.images
    declared, palette = declared_classes(root)
    classes, rows, labels = _labels(root, images, declared)
    names = list(rows) if split is None else _split(root, split, images)
    if split is None:
        names += [name for name in images if name not in labels]
    faults = _faults(root, names, found, labels)
    usable = usable_names(root, names, faults)
    masks = index_images(next((root / name for name in _MASKS if (root / name).is_dir()), root / _MASKS[0]))
    return ImageSet(usable, root, classes, palette, images={name: images[name] for name in usable},
                    labels={name: labels[name] for name in usable},
                    masks={name: masks[name] for name in usable if name in masks}, faults=faults)


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
        for key in (full, stem_of(full)):
            by_file.setdefault(unicodedata.normalize("NFC", key), []).append(name)
    return by_file


def _labels(root: Path, images: Mapping[str, Path], classes: tuple[str, ...] | None
            ) -> tuple[tuple[str, ...], dict[str, tables.Row], dict]:
    """Returns classes, rows by image name (or by the name as written where no image fits), labels by name."""
    table = root / "labels.csv"
    if not table.is_file():
        raise UserError(f"{table}: no such file; write a header name,classes and one line for each image, such as "
                        f"{next(iter(images))},cat dog")
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


def _faults(root: Path, names: list[str], found: Found, labels: Mapping) -> dict[str, str]:
    faults, rest = {}, dict(found.faults)
    for name in names:
        if name not in found.images:
            file = fault_of(name, found.faults)
            faults[name] = (f"{root}: no image is named {name!r}, they are named like {next(iter(found.images))!r}; "
                            "add the file or strike its line") if file is None else rest.pop(file, found.faults[file])
        elif name not in labels:
            faults[name] = f"{found.images[name]}: has no row in labels.csv and is left out; add one to use it"
    return faults | rest


def _found(root: Path) -> Found:
    """Finds the photographs of a data set, and lists what of it is passed over."""
    place = next((root / name for name in _IMAGES if (root / name).is_dir()), root)
    found = find_images(place)
    if not found.images:
        first = next(iter(found.faults.values()), "expected .jpg, .png, .tif, .webp and the like in images/, "
                                                  "JPEGImages/ or here")
        raise UserError(f"{root}: no images; {first}")
    known = {file.name for file in root.glob("*.*") if file.suffix in (".csv", ".txt")} if place == root else set()
    found.tell(place, known | {other for other in found.others if other.split("/")[0] in NOT_SEARCHED})
    if place != root and (outside := find_images(root, without=[place]).images):
        _LOG.warning("%s: %d images lie outside of %s/ and are left out: %s%s", root, len(outside), place.name,
                     ", ".join(sorted(outside)[:5]), ", ..." if len(outside) > 5 else "")
    return found
