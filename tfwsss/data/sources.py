"""From the `data` section of a configuration to an ImageSet."""

from pathlib import Path

from tfwsss.config import DataSettings
from tfwsss.data.demo import demo_images
from tfwsss.data.folder import check_classes, read_folder, with_saliency
from tfwsss.data.image_set import ImageSet
from tfwsss.data.voc import read_voc
from tfwsss.errors import UserError


def open_images(data: DataSettings, cache: Path, split: str | None) -> ImageSet:
    """Reads the list, labels and paths of a data set; opens no image.

    Args:
        data: which data set.
        cache: folder in which the built-in set is drawn.
        split: name of a list of names, `None` for all.

    Returns:
        The images of that list, in its order.

    Raises:
        UserError: nothing at `data.root`, an unknown split, or a tag that is no class.
    """
    if data.kind == "demo":
        images = demo_images(cache, split)
    elif data.root is None:
        raise UserError(f"data.kind is '{data.kind}' but data.root is not set; add --set data.root=FOLDER")
    elif not data.root.is_dir():
        raise UserError(f"data.root: {data.root} is no folder; give the folder that holds the images")
    elif data.kind == "voc":
        images = read_voc(data.root, split or "train")
    else:
        images = read_folder(data.root, split)
    return with_saliency(images, data.saliency) if data.saliency else images


def training_and_pseudo(data: DataSettings, cache: Path) -> tuple[ImageSet, ImageSet]:
    """Reads the images to train on and those to make masks of.

    Args:
        data: which data set and lists.
        cache: folder in which the built-in set is drawn.

    Returns:
        Two image sets of the same classes; the same object where the lists are the same.

    Raises:
        UserError: as `open_images`; also a class that no training image shows.
    """
    training = open_images(data, cache, data.split)
    if data.kind != "voc":                # its twenty classes are fixed, and a list may well lack some
        check_classes(training)
    if data.pseudo_split in (None, data.split):
        return training, training
    pseudo = open_images(data, cache, data.pseudo_split)
    if pseudo.classes != training.classes:
        raise UserError(f"data.pseudo_split: classes {pseudo.classes[1:]} differ from those of data.split, "
                        f"{training.classes[1:]}; write all classes into classes.txt")
    return training, pseudo
