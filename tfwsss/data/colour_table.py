"""Colours of masks as a table tells them, in the form of CVAT's labelmap.txt."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfwsss.data.labels import read_classes, read_text
from tfwsss.data.tags import BACKGROUNDS
from tfwsss.errors import UserError
from tfwsss.palette import IGNORE, voc_palette

FILE = "labelmap.txt"
"""Name of the table in a data set."""

_COLOUR = re.compile(r"\s*\d{1,3}\s*,\s*\d{1,3}\s*,\s*\d{1,3}\s*", re.ASCII)
_IGNORED = ("ignore", "ignored", "void")


class ColourTable(NamedTuple):
    """Classes and colours.

    Args:
        classes: in the order of the table, the first is "background".
        palette: uint8 `(256, 3)`, colours of the mask ids, all different.
    """

    classes: tuple[str, ...]
    palette: np.ndarray

    def ordered(self, classes: tuple[str, ...], path: Path) -> "ColourTable":
        """Returns the same colours for classes in another order.

        Args:
            classes: background first; each must have a colour.
            path: the table, for messages.

        Raises:
            UserError: a class without a colour.
        """
        missing = [name for name in classes if name not in self.classes]
        if missing:
            raise UserError(f"{path}: has no colour for the class {missing[0]!r}; add a line such as "
                            f"{missing[0]}:128,64,0::")
        colours = {name: tuple(self.palette[self.classes.index(name)].tolist()) for name in classes}
        return ColourTable(classes, _palette(colours, tuple(self.palette[IGNORE].tolist())))


def read_colour_table(path: Path) -> ColourTable:
    """Reads a table of lines `name:red,green,blue:parts:actions`, of which the first two count.

    A line that begins with # is a comment. `background` is mask id 0, black where no line names it; `ignore`,
    `ignored` or `void` is 255.

    Args:
        path: labelmap.txt.

    Returns:
        The classes, and the palette of their ids.

    Raises:
        UserError: a line of another form, a colour or name twice, or no class.
    """
    colours: dict[str, tuple[int, ...]] = {}
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, colour = _line(line)
        if not name or max(colour) > 255:
            raise UserError(f"{path}: line {number} is {line[:60]!r}; expected name:red,green,blue:: with 0 to 255")
        known = name.casefold()
        name = "background" if known in BACKGROUNDS else _IGNORED[0] if known in _IGNORED else name
        if name in colours or colour in colours.values():
            raise UserError(f"{path}: line {number} names {name!r} or the colour {colour} a second time; they must "
                            "differ")
        colours[name] = colour
    ignored = colours.pop(_IGNORED[0], None)
    if not set(colours) - {"background"}:
        raise UserError(f"{path}: names no class; write lines such as cat:128,0,0::")
    if len(colours) > IGNORE:
        raise UserError(f"{path}: {len(colours)} classes; masks hold at most {IGNORE} ids")
    colours = {"background": colours.get("background", _free(colours)), **colours}
    return ColourTable(tuple(colours), _palette(colours, ignored))


def is_colour_table(path: Path) -> bool:
    """Tells a table of colours from a list of class names, by its name or its first line that is no comment.

    Args:
        path: of either.

    Returns:
        Whether it tells colours.
    """
    lines = (line for line in read_text(path).split("\n") if line.strip() and not line.lstrip().startswith("#"))
    return path.name == FILE or bool(_line(next(lines, ""))[0])


def _line(line: str) -> tuple[str, tuple[int, ...]]:
    """Returns name and colour; an empty name for a line of another form. A name may hold colons."""
    parts = line.split(":")
    place = next((place for place, part in enumerate(parts) if place and _COLOUR.fullmatch(part)), None)
    if place is None:
        return "", ()
    return ":".join(parts[:place]).strip(), tuple(int(value) for value in parts[place].split(","))


def declared_classes(root: Path) -> tuple[tuple[str, ...] | None, np.ndarray]:
    """Returns the classes that a data set declares, and the colours of their ids.

    Args:
        root: folder of the data set; `classes.txt` in it tells the classes in the order of their ids, `labelmap.txt`
            their colours, and the classes where there is no `classes.txt`.

    Returns:
        Class names, background first, or None; uint8 `(256, 3)`, VOC's where there is no table.

    Raises:
        UserError: one of the files is broken, or a class has no colour.
    """
    listed, path = root / "classes.txt", root / FILE
    classes = read_classes(listed) if listed.is_file() else None
    if not path.is_file():
        return classes, voc_palette()
    table = read_colour_table(path)
    return table.ordered(classes, path) if classes else table


def _palette(colours: dict[str, tuple[int, ...]], ignored: tuple[int, ...] | None) -> np.ndarray:
    """Returns the colours of the ids; ids that are no class get those of VOC that are left."""
    usual = [tuple(colour) for colour in voc_palette().tolist()]
    taken = {*colours.values(), *([ignored] if ignored else [])}
    last = ignored or next(colour for colour in reversed(usual) if colour not in taken)
    rest = [colour for colour in usual if colour not in taken | {last}]
    ids = [*colours.values(), *rest[:IGNORE - len(colours)], last]
    return np.array(ids, np.uint8)


def _free(colours: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
    """Returns the first colour of VOC that no class has: black, where none is."""
    return next(tuple(colour) for colour in voc_palette().tolist() if tuple(colour) not in colours.values())
