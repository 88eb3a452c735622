"""Tables of tags: a row for each image."""

from pathlib import Path

from tfwsss.data.labels import read_table
from tfwsss.data.tag_files.tag_file import TagFile


def read_tag_table(path: Path, classes: tuple[str, ...] | None) -> TagFile:
    """Reads a table of tags.

    Args:
        path: of the table.
        classes: the known class names, background first, or None.

    Returns:
        Its rows.

    Raises:
        UserError: as `labels.read_table`.
    """
    return TagFile(path, "table", tuple(read_table(path, classes)), whole=True)
