"""PASCAL VOC as an ImageSet: lists of names, tags from the XML files, masks of VOC or its augmentation."""

import concurrent.futures
import unicodedata
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from tfwsss.data import labels as tables
from tfwsss.data.image_set import BACKGROUND, ImageSet
from tfwsss.data.naming import usable_names
from tfwsss.data.weak.attach import read_weak_labels
from tfwsss.data.weak.boxes_xml import counted_objects
from tfwsss.data.weak.label_files import LabelFiles
from tfwsss.data.weak.parsing import read_xml
from tfwsss.errors import ImageFault, UserError
from tfwsss.palette import voc_palette

VOC_CLASSES = (
    BACKGROUND, "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor")
"""Classes of PASCAL VOC in the order of their mask ids."""

_BELOW = ("", "VOC2012", "VOCdevkit/VOC2012")
_LISTS = ("ImageSets/Segmentation", "ImageSets/Main")
_MASKS = ("SegmentationClassAug", "SegmentationClass")
_IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG")


def read_voc(root: Path, split: str, classes: Sequence[str] = VOC_CLASSES,
             files: LabelFiles = LabelFiles()) -> ImageSet:  # noqa: B008
    """Reads a data set in the layout of PASCAL VOC.

    The image-level labels are the objects of Annotations/<name>.xml that are
    not marked difficult (`files.difficult` counts all); where all are, all
    count. Masks come from
    SegmentationClassAug/ where it has the image, else from SegmentationClass/.

    Args:
        root: the folder with JPEGImages/, or one that holds it as VOC2012/ or VOCdevkit/VOC2012/.
        split: list in ImageSets/Segmentation/ or ImageSets/Main/, or the path of a list; its lines are names or
            paths such as `/JPEGImages/x.jpg /SegmentationClassAug/x.png`.
        classes: class names in the order of the mask ids, background first.
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
    for line in tables.read_lines(_list(root, split)):
        name, mask = _entry(root, line)
        masks.setdefault(name, mask or next((path for folder in _MASKS if (path := root / folder / f"{name}.png")
                                             .is_file()), None))
    files = files.below(root)
    images, labels, faults = {}, {}, {}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        read = pool.map(lambda name: _read(root, name, classes, files.difficult), masks)
        for name, found in zip(masks, read, strict=True):
            if isinstance(found, ImageFault):
                faults[name] = str(found)
            else:
                images[name], labels[name] = found
    names = usable_names(root, masks, faults)
    if not names:
        raise UserError(f"{root}: the list {split!r} names no image; write one name a line")
    weak = read_weak_labels(files, images, classes, labels)
    return ImageSet(names, root, tuple(classes), voc_palette(), images=images,
                    masks={name: masks[name] for name in names if masks[name]}, **weak.of(names, faults))


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
    tags = {(item.findtext("name") or "").strip() for item in counted_objects(read_xml(path), difficult)}
    strange = sorted(tags - set(classes[1:]))
    if strange:
        raise ImageFault(f"{path}: object {strange[0]!r} is no class; {tables.nearest(strange[0], classes[1:])}")
    return tuple(sorted(classes.index(tag) - 1 for tag in tags))


def _home(root: Path) -> Path:
    home = next((root / below for below in _BELOW if (root / below / "JPEGImages").is_dir()), None)
    if home is None:
        raise UserError(f"{root}: {'no JPEGImages/ in it' if root.is_dir() else 'no such folder'}; expected VOC's "
                        "layout: JPEGImages/, Annotations/, ImageSets/Segmentation/")
    return home


def _list(root: Path, split: str) -> Path:
    candidates = [root / place / f"{split}.txt" for place in _LISTS] + [Path(split), root / split]
    path = next((path for path in candidates if path.is_file()), None)
    if path is None:
        known = sorted({file.stem for place in _LISTS for file in (root / place).glob("*.txt")})
        raise UserError(f"{root}: no list {split!r} in {' or '.join(_LISTS)}; {tables.nearest(split, known)} (all: "
                        f"{', '.join(known[:12])}{', ...' if len(known) > 12 else ''})")
    return path


def _entry(root: Path, line: str) -> tuple[str, Path | None]:
    """Returns the name, and the mask where the line names one that exists."""
    words = line.split()
    first = PurePosixPath(words[0])
    if len(words) > 1 and not first.suffix and _image(root, line):
        return line, None                               # a name with spaces
    if first.suffix.lower() in (".jpg", ".jpeg", ".png"):
        mask = root / words[1].lstrip("/") if len(words) > 1 else None
        return first.stem, mask if mask and mask.is_file() else None
    return words[0], None                               # what follows is the 1 or -1 of Main's class lists


def _read(root: Path, name: str, classes: Sequence[str],
          difficult: bool) -> tuple[Path, tuple[int, ...]] | ImageFault:
    image = _image(root, name)
    if image is None:
        return ImageFault(f"{root / 'JPEGImages' / name}.jpg: no such file; restore it or strike it from the list")
    try:
        return image, read_tags(root / "Annotations" / f"{name}.xml", classes, difficult)
    except ImageFault as fault:
        return fault


def _image(root: Path, name: str) -> Path | None:
    spellings = dict.fromkeys((name, unicodedata.normalize("NFD", name)))
    paths = (root / "JPEGImages" / (spelling + ending) for spelling in spellings for ending in _IMAGE_ENDINGS)
    return next((path for path in paths if path.is_file()), None)
