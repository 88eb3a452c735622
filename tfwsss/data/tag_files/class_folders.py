"""Tags of images that lie in folders named by their class."""

import collections
import filecmp
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from tfwsss.data.labels import Row
from tfwsss.data.tag_doubts import NOTHING
from tfwsss.data.tag_files.tag_file import TagFile
from tfwsss.data.tags import BACKGROUNDS
from tfwsss.errors import UserError
from tfwsss.settings.sections import FOLDERS

SPLITS = ("train", "training", "val", "valid", "validation", "test", "testing")
"""Folders that are lists and no classes, in small letters: classes then lie inside of them."""

_NO_CLASSES = ("images", "jpegimages", "labels", "annotations")
_SURE = f"--set data.tags={FOLDERS}"


def read_class_folders(place: Path, images: Mapping[str, Path], sure: bool) -> TagFile | None:
    """Reads the tags that the folders of images are: one tag each.

    Classes are the first folders below the place, or, where these are lists such as `train` and `val`, the second. A
    folder `background` holds images that show no class.

    Args:
        place: folder of the images.
        images: name -> file; names are paths below it.
        sure: it is known that the folders are classes.

    Returns:
        The tags, in the order of the names; None where the folders are none.

    Raises:
        UserError: some folders may be classes and others not, or one photograph lies in two; if it is sure, also an
            image that lies in no folder.
    """
    parts = {name: PurePosixPath(name).parts[:-1] for name in images}
    first = {folders[0].casefold() for folders in parts.values() if folders}
    level = 1 if first and first <= set(SPLITS) else 0
    outside = next((name for name, folders in parts.items() if len(folders) <= level), None)
    if outside is not None:
        if sure:
            raise UserError(f"data.tags={FOLDERS}: the image {outside!r} lies in no folder of a class below {place}; "
                            "move it into one, into 'background' if it shows none")
        return None
    tags = {name: folders[level] for name, folders in parts.items()}
    classes = sorted(set(tags.values()))
    if not sure and (len(classes) < 2 or any(name.casefold() in _NO_CLASSES for name in classes)):
        return None
    _check(place, classes, sure)
    _check_once(images, tags)
    rows = tuple(Row(0, name, () if tag.casefold() in BACKGROUNDS else (tag,)) for name, tag in tags.items())
    return TagFile(place, "a folder for each class", rows, whole=True)


def _check(place: Path, classes: list[str], sure: bool) -> None:
    """Refuses folders that are hardly classes."""
    lists = [name for name in classes if name.casefold() in SPLITS]
    if lists and len(lists) < len(classes):
        other = next(name for name in classes if name not in lists)
        raise UserError(f"{place}: are its folders classes? {lists[0]!r} is called like a list of images, {other!r} is "
                        "not; name a folder with a folder for each class, or write labels.csv")
    nothing = next((name for name in classes if name.casefold() in NOTHING), None)
    if nothing:
        raise UserError(f"{place / nothing}: is {nothing!r} a class? Call the folder 'background' if its images show "
                        "none")
    unnamed = next((name for name in classes if not any(sign.isalpha() for sign in name)), None)
    if unnamed and not sure:
        raise UserError(f"{place}: there is no labels.csv; is {unnamed!r}, as its folders are called, a class? {_SURE} "
                        "says so")


def _check_once(images: Mapping[str, Path], tags: Mapping[str, str]) -> None:
    """Refuses a photograph that lies in the folders of two classes: each tag would say that the other is not shown."""
    alike: dict[tuple[str, int], list[str]] = collections.defaultdict(list)
    for name, path in images.items():
        alike[path.name, path.stat().st_size].append(name)
    for names in alike.values():
        for other in names[1:]:
            if tags[other] != tags[names[0]] and filecmp.cmp(images[names[0]], images[other], shallow=False):
                raise UserError(f"{images[names[0]]} and {images[other]} are one photograph of two classes; write such "
                                "images with all their classes in a table, labels.csv")
