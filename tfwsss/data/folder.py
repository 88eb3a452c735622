"""A folder of the user's own images and their tags as an ImageSet."""

import dataclasses
import logging
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import numpy as np

from tfwsss.artefacts.files import readable_name
from tfwsss.data import labels as tables
from tfwsss.data.colour_table import declared_classes
from tfwsss.data.finding import NOT_SEARCHED, Found, fault_of, find_images
from tfwsss.data.image_set import ImageSet
from tfwsss.data.naming import IMAGE_FOLDERS, MASK_FOLDERS, files_of, index_images, resolve, usable_names
from tfwsss.data.tag_files.drawn_labels import drawn_sources
from tfwsss.data.tag_files.tag_file import TagSource
from tfwsss.data.tag_files.tagging import Tagging, read_tagging
from tfwsss.data.weak.attach import WeakLabels, read_weak_labels
from tfwsss.data.weak.label_files import LabelFiles
from tfwsss.data.words import nearest
from tfwsss.errors import UserError

_SPLITS = ("ImageSets/Segmentation", "splits", ".")
_NOT_SPLITS = ("classes", "labelmap", "README", "LICENSE", "requirements")
_NUMBER = "\n"          # before numbers among names, none of which begins so
_LOG = logging.getLogger("tfwsss")


def read_folder(root: Path, split: str | None = None, files: LabelFiles = LabelFiles(),  # noqa: B008
                tags: TagSource = TagSource()) -> ImageSet:  # noqa: B008
    """Reads a folder of images with image-level labels.

    labels.csv has the header name,classes. A name is the path of the image
    below its folder, with or without ending; where two files differ in their
    endings only (a.jpg, a.png) the ending is part of the name. Images lie in
    JPEGImages/, images/ or the folder itself, at any depth. Optional are
    classes.txt (class names in the order of mask ids), labelmap.txt (their
    colours, in CVAT's form), masks in SegmentationClass/ or masks/, lists of
    names in ImageSets/Segmentation/, splits/ or the folder itself. Without
    classes.txt the classes are the sorted tags; without a split the order is
    that of labels.csv.

    In place of labels.csv the tags may stand in one of the forms that
    `tag_files` reads; what is drawn there labels the images too.

    An image with boxes, points, scribbles or a full mask needs no row, or none
    with classes: its tags are then the classes of these. Where all images have
    some and there is a classes.txt, labels.csv may be missing.

    Args:
        root: the folder.
        split: name of a list (`train` is train.txt), or else of a folder of images; None for all labelled images.
        files: weak labels beside the tags; a path below the folder, or as it is written.
        tags: where the tags stand.

    Returns:
        ImageSet; listed names without an image or any label are in its `faults`, files that cannot be used, and names
        that go without labels.

    Raises:
        UserError: something that would spoil the run as a whole: no labels.csv, no images, a tag that is no class,
            an unknown split, one image with two different rows, most rows without an image, weak labels that cannot
            be read.
    """
    root = Path(root)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; expected one with images and labels.csv")
    files = files.below(root)
    place = next((root / name for name in IMAGE_FOLDERS if (root / name).is_dir()), root)
    found = _found(root, place, files.places.values())
    images, (declared, palette) = found.images, declared_classes(root)
    other = [*files.places.values()] if files.places or files.untagged else None
    tagging = read_tagging(root, place, images, declared, tags, other)
    classes = tagging.classes
    files = files._replace(untagged=files.untagged or not (tagging.whole or tags.needed))
    names = _every(root, images, tagging, bool(files.places)) if split is None else _split(root, split, images)
    if split is not None and (unlisted := images.keys() - set(names)):
        _LOG.info("%s: %d of %d images are not in the list %r", root, len(unlisted), len(images), split)
    asked = {name: images[name] for name in names if name in images}
    weak = _weak(files, asked, tagging, palette, tags.cache)
    faults = _faults(root, names, found, weak, tagging)
    usable = usable_names(root, names, faults)
    masks = index_images(next((root / name for name in MASK_FOLDERS if (root / name).is_dir()), root / MASK_FOLDERS[0]))
    told = {readable_name(name): fault for name, fault in faults.items()}
    return ImageSet(usable, root, classes, palette, images={name: images[name] for name in usable},
                    masks={name: masks[name] for name in usable if name in masks}, **weak.of(usable, told))


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


def _every(root: Path, images: Mapping[str, Path], tagging: Tagging, weak: bool) -> list[str]:
    """Returns the names that are asked for where no list is: those with tags, and others that ought to have some."""
    rest = [name for name in images if name not in tagging.labels]
    if tagging.whole or weak:
        return [*tagging.names, *rest]
    broken = [name for name in rest if name in tagging.faults]
    if len(rest) > len(broken):
        _LOG.warning("%s: %d of %d images have no labels in %s and are left out", root, len(rest) - len(broken),
                     len(images), tagging.path)
    return [*tagging.names, *broken]


def _weak(files: LabelFiles, asked: Mapping[str, Path], tagging: Tagging, palette: np.ndarray,
          cache: Path | None) -> WeakLabels:
    """Reads the weak labels of the files that are named, and, of other kinds, those drawn where the tags stand."""
    drawn, faults = drawn_sources(tagging.drawings, asked, tagging.classes, cache) if cache else ([], {})
    beside = [(kind, tagging.path, source) for kind, source in drawn if kind not in files.places]
    weak = read_weak_labels(files, asked, tagging.classes, tagging.labels, palette, beside)
    return weak._replace(faults={**faults, **weak.faults})


def _split(root: Path, split: str, images: Mapping[str, Path]) -> list[str]:
    path = next((root / place / f"{split}.txt" for place in _SPLITS if (root / place / f"{split}.txt").is_file()), None)
    if path is None and (below := [name for name in images if name.startswith(f"{split}/")]):
        return below
    if path is None:
        found = {file.stem for place in _SPLITS for file in (root / place).glob("*.txt")} - {*_NOT_SPLITS}
        raise UserError(f"{root}: no list {split}.txt in {', '.join(_SPLITS)}; "
                        f"{nearest(split, sorted(found)) if found else 'leave the split out to use all images'}")
    by_file = files_of(images)
    lines = ((line, line.replace("\\", "/")) for line in tables.read_lines(path, names=True))      # a list of Windows
    names = dict.fromkeys(next(filter(None, (resolve(form, images, by_file) for form in line)), line[0])
                          for line in lines)
    if not names:
        raise UserError(f"{path}: names no image; write one name a line")
    return list(names)


def _faults(root: Path, names: list[str], found: Found, weak: WeakLabels, tagging: Tagging) -> dict[str, str]:
    faults, rest, near = {}, dict(found.faults), _by_last(found.images)
    for name in names:
        if name not in found.images:
            file = fault_of(name, found.faults)
            faults[name] = _nowhere(root, name, found, near) if file is None else rest.pop(file, found.faults[file])
        elif name not in weak.labels:
            faults[name] = weak.faults.get(name) or tagging.faults.get(name) or (
                f"{found.images[name]}: has no row in {tagging.path.name} and is left out; add one to use it")
    return faults | rest


def _nowhere(root: Path, name: str, found: Found, near: Mapping[str, list[str]]) -> str:
    """Says that there is no image of a name."""
    if any("\ud800" <= sign <= "\udfff" for sign in name):
        return f"{root}: the name {readable_name(name)!r} is not UTF-8; save the table or list in UTF-8"
    return (f"{root}: no image is named {name!r}, they are named like {next(iter(found.images))!r}; "
            f"{_perhaps(name, near)}add the file or strike its line")


def _perhaps(name: str, near: Mapping[str, list[str]]) -> str:
    """Says which image a name may mean that lacks a folder, has too many of them, or lost its zeros."""
    found = near.get(unquote(PurePosixPath(name).name), [])
    if len(found) == 1:
        return f"if {found[0]!r} is meant, write it as here; or "
    found = near.get(_NUMBER + PurePosixPath(name).stem.lstrip("0"), [])
    return f"if {found[0]!r} is meant, its zeros were lost: make the column one of text; or " if len(found) == 1 else ""


def _by_last(images: Mapping[str, Path]) -> dict[str, list[str]]:
    """Returns images by their names without folders, with ending and without, and numbers without zeros before."""
    found: dict[str, list[str]] = {}
    for name, path in images.items():
        number = [_NUMBER + name.lstrip("0")] if name.isdecimal() else []
        for key in {PurePosixPath(name).name, path.name, *number}:
            found.setdefault(key, []).append(name)
    return found


def _found(root: Path, place: Path, without: Collection[Path]) -> Found:
    """Finds the photographs of a data set, and lists what of it is passed over."""
    found = find_images(place, without)
    if not found.images:
        first = next(iter(found.faults.values()), "expected .jpg, .png, .tif, .webp and the like in images/, "
                                                  "JPEGImages/ or here")
        raise UserError(f"{root}: no images; {first}")
    known = {file.name for file in root.glob("*.*") if file.suffix in (".csv", ".txt")} if place == root else set()
    found.tell(place, known | {other for other in found.others if other.split("/")[0] in NOT_SEARCHED})
    if place != root and (outside := find_images(root, without=[place, *without]).images):
        _LOG.warning("%s: %d images lie outside of %s/ and are left out: %s%s", root, len(outside), place.name,
                     ", ".join(sorted(outside)[:5]), ", ..." if len(outside) > 5 else "")
        for name in sorted(outside)[5:]:
            _LOG.debug("%s: left out: %s", root, name)
    return found
