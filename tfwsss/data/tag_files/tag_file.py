"""What a file or folder of tags holds, before its names are those of images."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tfwsss.annotations.drawings import Drawing
from tfwsss.data.labels import Row
from tfwsss.settings.sections import ColumnSettings

FORMS = ("a table (CSV, TSV, JSON Lines), COCO's JSON, Label Studio's JSON, CVAT's XML of images, YOLO's folder of "
         "labels, or a folder for each class")
"""What tags are read from, for messages."""


class TagFile(NamedTuple):
    """Tags of some images.

    Args:
        path: file or folder, for messages.
        form: of the file, in words.
        rows: one an image; of a table, in its order.
        classes: names that the file declares, in its order, without background; empty where it declares none.
        drawings: name as in the rows -> what is drawn on that image, of images with more than tags.
        faults: image as written -> why its labels cannot be used.
        open: images that the file lists and nobody has annotated.
        whole: whether it is meant to have all images, and no others.
    """

    path: Path
    form: str
    rows: tuple[Row, ...]
    classes: tuple[str, ...] = ()
    drawings: Mapping[str, Drawing] = {}
    faults: Mapping[str, str] = {}
    open: tuple[str, ...] = ()
    whole: bool = False


class TagSource(NamedTuple):
    """Where the tags of a folder of images stand.

    Args:
        place: value of the setting `data.tags`; None: found.
        columns: of a table.
        cache: folder in which masks are kept that a file draws; None: what it draws is not read.
        needed: images without tags are left out, unless other labels tell them.
        negative: tags that say that an image shows no class.
    """

    place: Path | str | None = None
    columns: ColumnSettings = ColumnSettings()
    cache: Path | None = None
    needed: bool = True
    negative: tuple[str, ...] = ()
