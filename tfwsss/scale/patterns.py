"""Files that a pattern means, on a disk or in an object store."""

from collections.abc import Iterator
from pathlib import Path

from tfwsss.data.patterns import Pattern, fitting, match_on_disk, parse
from tfwsss.scale import places


def match(pattern: Pattern) -> Iterator[str]:
    """Finds files; hidden ones, and those in hidden folders, are left out.

    Args:
        pattern: which.

    Yields:
        Paths below its base, each once. A disk is read folder by folder; an object store answers once for all.

    Raises:
        UserError: the store cannot be read.
    """
    return fitting(pattern, _stored(pattern)) if places.is_remote(pattern.base) else match_on_disk(pattern)


def _stored(pattern: Pattern) -> Iterator[str]:
    with places.told(pattern.text):
        found = places.file_systems().match([pattern.text])[0].metadata_list
    yield from (file.path[len(pattern.base):] for file in found)


def folder_on_disk(path: str, folder: Path) -> Path:
    """Copies a folder of an object store; one of a disk is given as it is.

    Args:
        path: of a folder, with "/" at its end.
        folder: an empty one for the copy.

    Returns:
        Folder on the disk.

    Raises:
        UserError: the store does not give it.
    """
    if not places.is_remote(path):
        return Path(path)
    for place in match(parse(path)):
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        with places.told(path + place):
            target.write_bytes(places.read(path + place))
    return folder
