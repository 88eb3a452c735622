"""Tables of tags: a row for each image, or for each class of an image."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tfwsss.data.labels import read_table
from tfwsss.data.naming import files_of, resolve, tails
from tfwsss.data.tag_files.tag_file import TagFile
from tfwsss.errors import UserError
from tfwsss.settings.sections import ColumnSettings


def read_tag_table(path: Path, classes: tuple[str, ...] | None, columns: ColumnSettings,
                   images: Mapping[str, Path]) -> TagFile:
    """Reads a table of tags.

    Args:
        path: of the table.
        classes: the known class names, background first, or None.
        columns: which columns to read, where nothing else tells.
        images: name -> file, of the data set.

    Returns:
        Its rows.

    Raises:
        UserError: as `labels.read_table`.
    """
    return TagFile(path, "a table", tuple(read_table(path, classes, columns, names_image(images))), whole=True)


def names_image(images: Mapping[str, Path]) -> Callable[[str], bool]:
    """Returns what tells whether a text names an image.

    Args:
        images: name -> file.

    Example:
    >>> names_image({"farm/cow": Path("images/farm/cow.jpg")})("images/farm/cow.jpg")
    True
    """
    by_file = files_of(images)

    def names(written: str) -> bool:
        written = written.replace("\\", "/")
        try:
            return any(resolve(form, images, by_file) is not None for form in (written, *tails(written)))
        except UserError:                       # it names two
            return True
    return names
