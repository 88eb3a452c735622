"""PASCAL VOC as an ImageSet: lists of names, tags from the XML files, masks of VOC or its augmentation."""

import collections
import concurrent.futures
import logging
import os
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath

from tfwsss.artefacts.files import readable_name, unfit_name
from tfwsss.data import labels as tables
from tfwsss.data.annotation import object_names
from tfwsss.data.colour_table import declared_classes
from tfwsss.data.finding import READ
from tfwsss.data.image_set import BACKGROUND, ImageSet
from tfwsss.data.naming import usable_names
from tfwsss.data.weak.attach import read_weak_labels
from tfwsss.data.weak.label_files import LabelFiles
from tfwsss.data.words import nearest
from tfwsss.errors import ImageFault, UserError

VOC_CLASSES = (
    BACKGROUND, "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor")
"""Classes of PASCAL VOC in the order of their mask ids."""

_BELOW = ("", "VOC2012", "VOCdevkit/VOC2012")
_LISTS = ("ImageSets/Segmentation", "ImageSets/Main")
_MASKS = ("SegmentationClassAug", "SegmentationClass")
_USUAL = (".jpg", ".jpeg", ".png")
_IMAGE_ENDINGS = tuple(form for lower in (_USUAL, READ) for ending in lower for form in (ending, ending.upper()))
_LOG = logging.getLogger("tfwsss")


def read_voc(root: Path, split: str, classes: Sequence[str] | None = None,
             files: LabelFiles = LabelFiles()) -> ImageSet:  # noqa: B008
    """Reads a data set in the layout of PASCAL VOC.

    The image-level labels are the objects of Annotations/<name>.xml that are
    not marked difficult (`files.difficult` counts all); where all are, all
    count. Masks come from
    SegmentationClassAug/ where it has the image, else from SegmentationClass/.
    The classes are those of classes.txt or labelmap.txt beside JPEGImages/.
    Without these they are VOC's twenty, or, where no object of Annotations/ has
    the name of one, the names that stand there, sorted.

    Args:
        root: the folder with JPEGImages/, or one that holds it as VOC2012/ or VOCdevkit/VOC2012/.
        split: list in ImageSets/Segmentation/ or ImageSets/Main/, or the path of a list; its lines are names or
            paths such as `/JPEGImages/x.jpg /SegmentationClassAug/x.png`.
        classes: class names in the order of the mask ids, background first; None: as the data set tells.
        files: weak labels beside the tags, such as Annotations for `boxes`; a path below the folder with JPEGImages/,
            or as it is written.

    Returns:
        ImageSet; names whose image or XML file is missing or broken are in its `faults`, and names that go without
        labels.

    Raises:
        UserError: no such folder or list, or most of the list or of the weak labels cannot be used.
    """
    root = _home(Path(root))
    masks: dict[str, Path] = {}
    for line in tables.read_lines(_list(root, split), names=True):
        name, mask = _entry(root, line)
        masks.setdefault(name, mask or next((path for folder in _MASKS if os.path.isfile(
            path := root / folder / f"{name}.png")), None))
    files = files.below(root)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        found = dict(zip(masks, pool.map(lambda name: _read(root, name, files.difficult), masks), strict=True))
    declared, palette = declared_classes(root)
    classes = tuple(classes or declared or _usual_classes(root, found, files.difficult))
    faults = {name: str(each) for name, each in found.items() if isinstance(each, ImageFault)}
    images, labels = {}, {}
    for name in (name for name in masks if name not in faults):
        try:
            labels[name] = _labels(root / "Annotations" / f"{name}.xml", found[name][1], classes)
            images[name] = found[name][0]
        except ImageFault as fault:
            faults[name] = str(fault)
    faults = {name: faults[name] for name in masks if name in faults}
    names = usable_names(root, masks, faults)
    if not names:
        raise UserError(f"{root}: the list {split!r} names no image; write one name a line")
    _tell_unlisted(root / "JPEGImages", split, images)
    weak = read_weak_labels(files, images, classes, labels, palette)
    return ImageSet(names, root, classes, palette, images=images,
                    masks={name: masks[name] for name in names if masks[name]},
                    **weak.of(names, {readable_name(name): fault for name, fault in faults.items()}))


def read_tags(path: Path, classes: Sequence[str] = VOC_CLASSES, difficult: bool = False) -> tuple[int, ...]:
    """Reads the image-level labels of one VOC annotation.

    Args:
        path: XML file.
        classes: class names, background first.
        difficult: objects marked difficult count; otherwise only where all of an image are.

    Returns:
        Sorted labels, counted without background.

    Raises:
        ImageFault: the file is missing, is no XML, declares entities, or names an object that is no class.
    """
    return _labels(path, object_names(path, difficult), classes)


def _labels(path: Path, objects: Collection[str], classes: Sequence[str]) -> tuple[int, ...]:
    """Returns the sorted labels of the objects, counted without background."""
    strange = sorted(set(objects) - set(classes[1:]))
    if strange:
        raise ImageFault(f"{path}: object {strange[0]!r} is no class; {nearest(strange[0], classes[1:])}; "
                         "classes of your own stand in classes.txt beside JPEGImages/")
    return tuple(sorted(classes.index(tag) - 1 for tag in objects))


def _usual_classes(root: Path, found: Mapping[str, tuple[Path, set[str]] | ImageFault],
                   difficult: bool) -> tuple[str, ...]:
    """Returns VOC's classes, or those of Annotations/ where none of them is VOC's."""
    read = {name: each[1] for name, each in found.items() if not isinstance(each, ImageFault)}
    counts = collections.Counter(name for names in read.values() for name in names)
    if not counts or counts.keys() & set(VOC_CLASSES):
        return VOC_CLASSES
    for path in sorted((root / "Annotations").glob("*.xml")):      # all of them: lists may differ in what they show
        if path.stem not in read:
            try:
                counts.update(object_names(path, difficult))
            except ImageFault:
                continue                                           # told where a list names it
    if counts.keys() & set(VOC_CLASSES):
        return VOC_CLASSES
    first: dict[str, str] = {}
    for name in sorted(counts):
        if first.setdefault(name.casefold(), name) != name:
            raise UserError(f"{root / 'Annotations'}: {first[name.casefold()]!r} and {name!r} would be two classes; "
                            "write one of them everywhere, or list both in classes.txt beside JPEGImages/")
    _LOG.info("%s: no object is called like one of VOC's classes; the classes are those of Annotations/, sorted: %s. "
              "Write classes.txt beside JPEGImages/ for other ones or another order of ids", root,
              ", ".join(f"{name} {counts[name]}" for name in sorted(counts)))
    return (BACKGROUND, *sorted(counts))


def _home(root: Path) -> Path:
    home = next((root / below for below in _BELOW if (root / below / "JPEGImages").is_dir()), None)
    if home is None:
        raise UserError(f"{root}: {'no JPEGImages/ in it' if root.is_dir() else 'no such folder'}; expected VOC's "
                        "layout: JPEGImages/, Annotations/, ImageSets/Segmentation/")
    return home


def _tell_unlisted(folder: Path, split: str, images: Mapping[str, Path]) -> None:
    """Says how many files of the folder of images the list does not name."""
    every = sum(len(files) for _, _, files in os.walk(folder))
    if every > len(images):
        _LOG.info("%s: %d of %d files are not in the list %r, or cannot be used", folder, every - len(images), every,
                  split)


def _list(root: Path, split: str) -> Path:
    candidates = [root / place / f"{split}.txt" for place in _LISTS] + [Path(split), root / split]
    path = next((path for path in candidates if path.is_file()), None)
    if path is None:
        known = sorted({file.stem for place in _LISTS for file in (root / place).glob("*.txt")})
        raise UserError(f"{root}: no list {split!r} in {' or '.join(_LISTS)}; {nearest(split, known)} (all: "
                        f"{', '.join(known[:12])}{', ...' if len(known) > 12 else ''})")
    return path


def _entry(root: Path, line: str) -> tuple[str, Path | None]:
    """Returns the name, and the mask where the line names one that exists."""
    words = line.split()
    first = PurePosixPath(words[0])
    if len(words) > 1 and not first.suffix and _image(root, line):
        return line, None                               # a name with spaces
    ending = first.suffix.lower()
    if ending in _USUAL or (ending in READ and not _image(root, words[0])):
        mask = root / words[1].lstrip("/") if len(words) > 1 else None
        return first.stem, mask if mask and os.path.isfile(mask) else None
    return words[0], None                               # what follows is the 1 or -1 of Main's class lists


def _read(root: Path, name: str, difficult: bool) -> tuple[Path, set[str]] | ImageFault:
    """Returns the image, and the names of its objects."""
    if fault := unfit_name(name):
        return ImageFault(f"{root}: {name!r}: {fault}")
    image = _image(root, name)
    if image is None:
        return ImageFault(f"{root / 'JPEGImages' / name}.jpg: no such file; restore it or strike it from the list")
    try:
        return image, object_names(root / "Annotations" / f"{name}.xml", difficult)
    except ImageFault as fault:
        return fault


def _image(root: Path, name: str) -> Path | None:
    spellings = dict.fromkeys((name, unicodedata.normalize("NFD", name)))
    paths = (root / "JPEGImages" / (spelling + ending) for spelling in spellings for ending in _IMAGE_ENDINGS)
    return next((path for path in paths if os.path.isfile(path)), None)      # not by Path: names may be too long
