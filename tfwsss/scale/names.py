"""What the masks of many photographs are called, told from the names of a few: no list of all is needed."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

from tfwsss.data.finding import READ

MASK = ".png"


class Photograph(NamedTuple):
    """A photograph and its mask.

    Args:
        place: path of the photograph below its base.
        name: path of the mask below its folder, without ending.
    """

    place: str
    name: str


def is_photograph(place: str) -> bool:
    """Returns whether a file may be a photograph: by its ending, or for want of one.

    Args:
        place: path of the file.

    Returns:
        bool.

    Example:
    >>> is_photograph("a.JPG"), is_photograph("objects/8f3a"), is_photograph("labels.csv")
    (True, True, False)
    """
    ending = PurePosixPath(place).suffix.lower()
    return ending in READ or not ending


def key_of(place: str) -> str:
    """Returns what photographs and masks that may share a name have in common.

    Args:
        place: path of a photograph, or name of a mask.

    Example:
    >>> key_of("farm/cow 1.jpg"), key_of("farm/cow 1"), key_of("v1.2")
    ('farm/cow 1', 'farm/cow 1', 'v1.2')
    """
    return place[:-len(ending)] if (ending := PurePosixPath(place).suffix).lower() in READ else place


def missing(key: str, places: Iterable[str], done: Iterable[str]) -> Iterator[Photograph]:
    """Finds the photographs of one key that have no mask.

    A mask is called like its photograph without the ending; with it where several
    photographs, or another one's full name, would give the same name.

    Args:
        key: of all of them.
        places: of photographs.
        done: names of masks.

    Yields:
        Photographs, sorted.

    Example:
    >>> [each.name for each in missing("a", ["a.jpg", "a.png"], ["a.jpg"])]
    ['a.png']
    """
    places, there = sorted(places), set(done)
    whole = len(places) > 1 or key != key_of(key)
    for place in places:
        name = place if whole else key
        if name not in there:
            yield Photograph(place, name)


def composed(name: str) -> str:
    """Returns a name with its letters composed (NFC), as tables hold it.

    Args:
        name: as the disk has it.
    """
    return unicodedata.normalize("NFC", name)


def named_in(table: Mapping[str, tuple[int, ...]], place: str) -> tuple[int, ...] | None:
    """Returns what a table says of a photograph, by its name with ending or without; None where it says nothing.

    Args:
        table: name to labels.
        place: path of the photograph below its base.
    """
    whole = composed(place)
    return table.get(whole, table.get(key_of(whole)))
