"""From the `data` section of a configuration to an ImageSet."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tfwsss.data.demo import demo_images
from tfwsss.data.folder import check_classes, read_folder, with_saliency
from tfwsss.data.image_set import ImageSet
from tfwsss.data.tag_files.tag_file import TagSource
from tfwsss.data.voc import read_voc
from tfwsss.data.weak.label_files import LabelFiles
from tfwsss.errors import UserError
from tfwsss.settings.sections import MAKE, ColumnSettings, DataSettings


def open_images(data: DataSettings, cache: Path, split: str | None) -> ImageSet:
    """Reads the list, labels and paths of a data set; of images with weak labels it reads the header.

    Args:
        data: which data set.
        cache: folder in which the built-in set is drawn.
        split: name of a list of names, `None` for all.

    Returns:
        The images of that list, in its order.

    Raises:
        UserError: nothing at `data.root`, an unknown split, a tag that is no class, or weak labels that cannot be read.
    """
    return _open(data, cache, split, _files(data))


def _open(data: DataSettings, cache: Path, split: str | None, files: LabelFiles, labelled: bool = True) -> ImageSet:
    """Reads a list of images; `labelled`: they need tags, and what is drawn where these stand is read too."""
    of_folder = {"tags": data.tags, "columns": data.columns != ColumnSettings(), "negative": data.negative}
    if data.kind != "folder" and any(of_folder.values()):
        raise UserError(f"data.{next(filter(of_folder.get, of_folder))}: is for --set data.kind=folder, but data.kind "
                        f"is '{data.kind}'; change one of them")
    if data.kind == "demo":
        images = demo_images(cache, split, files=files)
    elif data.root is None:
        raise UserError(f"data.kind is '{data.kind}' but data.root is not set; add --set data.root=FOLDER")
    elif not data.root.is_dir():
        raise UserError(f"data.root: {data.root} is no folder; give the folder that holds the images")
    elif data.kind == "voc":
        images = read_voc(data.root, split or "train", files=files)
    else:
        tags = TagSource(data.tags, data.columns, cache if labelled else None, labelled,
                         (data.negative,) if isinstance(data.negative, str) else data.negative or ())
        images = read_folder(data.root, split, files, tags)
    return with_saliency(images, data.saliency) if data.saliency not in (None, MAKE) else images


def _files(data: DataSettings) -> LabelFiles:
    difficult = data.boxes is not None if data.difficult is None else data.difficult
    return LabelFiles(data.boxes, data.points, data.scribbles, data.full_masks, difficult)


class Splits(NamedTuple):
    """The images of a run by what they are for; the first two are the same object where their lists are the same.

    Args:
        training: to train on.
        pseudo: to make pseudo labels of.
        val: to segment without tags; `None` for none.
    """

    training: ImageSet
    pseudo: ImageSet
    val: ImageSet | None = None


def open_splits(data: DataSettings, cache: Path) -> Splits:
    """Reads the lists of images to train on, to make pseudo labels of, and to segment without tags.

    Args:
        data: which data set and lists.
        cache: folder in which the built-in set is drawn.

    Returns:
        Image sets of the same classes.

    Raises:
        UserError: as `open_images`; also a class that no training image shows.
    """
    files = _files(data)
    training = _open(data, cache, data.split, files)
    if data.kind != "voc":                # its twenty classes are fixed, and a list may well lack some
        check_classes(training)
    same = data.pseudo_split in (None, data.split)
    with _of_key("pseudo_split", data.pseudo_split):
        pseudo = training if same else _open(data, cache, data.pseudo_split, files._replace(needed=False))
    plain = data.model_copy(update={"saliency": None})               # a segmentation network sees images only
    untagged = LabelFiles(difficult=files.difficult, untagged=bool(files.places))
    with _of_key("val_split", data.val_split):
        val = _open(plain, cache, data.val_split, untagged, labelled=False) if data.val_split else None
    return Splits(training, pseudo, val)


@contextlib.contextmanager
def _of_key(key: str, split: str | None) -> Iterator[None]:
    """Names the key that asked for a list, and how to do without it."""
    try:
        yield
    except UserError as error:
        raise UserError(f"data.{key}={split}: {error} (--set data.{key}=null does without)") from error
