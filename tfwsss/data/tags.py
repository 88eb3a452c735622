"""Class names in the cells of a column, as people separate them; what could mean two things is refused."""

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from tfwsss.data.tag_doubts import CURE, Tag, check_alike, check_apart, check_plain
from tfwsss.errors import UserError

BACKGROUNDS = ("background", "_background_", "__background__")
"""Names of mask id 0, in any capitals; no image is tagged with it."""

_WIDE = str.maketrans({"，": ",", "、": ",", "；": ";", "｜": "|", "／": "/", "＋": "+", "“": '"', "”": '"', "„": '"'})
_LISTS = {"[": "]", "(": ")", "{": "}"}
_STRONG, _WEAK = ";|,\n", "/+&"         # what separates names with spaces; what may as well be a part of a name
_TOKEN = re.compile(r"""(?P<quote>["'])(?P<name>(?:(?!(?P=quote)).)+)(?P=quote)(?=[\s;|,/+&]|\Z)"""
                    r"""|(?P<mark>[;|,/+&\n]|and(?=\s))|(?P<word>[^\s;|,/+&]+)""", re.IGNORECASE)


class _Token(NamedTuple):
    """A quoted name, a mark or a word, and where it stands; `and` is the mark &."""

    kind: str
    text: str
    start: int
    end: int


class _Cell(NamedTuple):
    """A cell without the brackets of a list."""

    line: int
    text: str
    tokens: tuple[_Token, ...]
    listed: bool

    def between(self, tokens: Sequence[_Token]) -> str:
        """Returns what the cell says from the first to the last of these, with single spaces."""
        return " ".join(self.text[tokens[0].start:tokens[-1].end].split())

    def groups(self, marks: Collection[str]) -> list[list[_Token]]:
        """Returns the tokens between marks; groups are not empty."""
        found: list[list[_Token]] = [[]]
        for token in self.tokens:
            if token.kind == "mark" and token.text in marks:
                found.append([])
            else:
                found[-1].append(token)
        return [group for group in found if group]


def split_tags(path: Path, column: Sequence[tuple[int, str]], classes: Collection[str] | None) -> list[tuple[str, ...]]:
    """Splits the cells of a column into class names.

    Names are separated by one of `; | ,` or new lines, and may then hold spaces; where none of these occurs in the
    column, by one of `/ + &`, or by spaces. Quotes round a name keep it whole, and brackets round all of them (JSON,
    Python) are taken off. Where the classes are known, a cell is read as their names, in whatever way they are written.

    Args:
        path: the table, for messages.
        column: line and text of each cell.
        classes: the known class names, or None.

    Returns:
        Names of each cell.

    Raises:
        UserError: the column can be read in two ways; the message says how to write it.

    Example:
    >>> split_tags(Path("labels.csv"), [(2, "cat, traffic sign"), (3, "['cat', 'dog']")], None)
    [('cat', 'traffic sign'), ('cat', 'dog')]
    """
    cells = [_cell(line, text) for line, text in column]
    if classes is not None:
        return [_objects(_by_names(path, cell, classes)) for cell in cells]
    quoted = {token.text for cell in cells for token in cell.tokens if token.kind == "name"}
    marks, apart = _separator(path, cells)
    found = [[tag for tag in _by_marks(path, cell, marks, quoted) if tag.text.casefold() not in BACKGROUNDS]
             for cell in cells]
    if not apart:
        check_apart(path, found, marks or " ")
    check_plain(path, found)
    check_alike(path, found)
    return [_objects(tag.text for tag in tags) for tags in found]


def _objects(names: Iterable[str]) -> tuple[str, ...]:
    """Returns each name once, background left out."""
    return tuple(dict.fromkeys(name for name in names if name.casefold() not in BACKGROUNDS))


def _cell(line: int, text: str) -> _Cell:
    text = text.translate(_WIDE).strip()
    listed = len(text) > 1 and _LISTS.get(text[0]) == text[-1]
    text = text[1:-1] if listed else text
    tokens = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup if match.lastgroup in ("mark", "word") else "name"
        said = " ".join(match[kind].split()) if kind == "name" else match[kind]
        tokens.append(_Token(kind, "&" if kind == "mark" and said.isalpha() else said, match.start(), match.end()))
    return _Cell(line, text, tuple(tokens), listed)


def _separator(path: Path, cells: Sequence[_Cell]) -> tuple[str, bool]:
    """Returns the sign that separates names (empty: spaces), and whether nothing else can be meant."""
    first = {token.text: cell for cell in reversed(cells) if not cell.listed
             for token in cell.tokens if token.kind == "mark"}
    strong = [mark for mark in _STRONG if mark in first]
    if len(strong) > 1:
        one, other = strong[:2]
        raise UserError(f"{path}: line {first[one].line} separates classes by {one!r}, line {first[other].line} by "
                        f"{other!r}; write the same everywhere, or put a name that holds one in quotes")
    if strong:
        return strong[0], True
    weak = [mark for mark in _WEAK if mark in first]
    spaced = next((cell for cell in cells if not cell.listed and any(
        one.kind != "mark" != other.kind for one, other in zip(cell.tokens, cell.tokens[1:], strict=False))), None)
    if len(weak) + (spaced is not None) > 1:
        cell = spaced or first[weak[1]]
        raise UserError(f"{path}: lines {first[weak[0]].line} and {cell.line} separate classes in two ways, "
                        f"{first[weak[0]].text!r} and {cell.text!r}; {CURE}")
    return weak[0] if weak else "", False


def _by_marks(path: Path, cell: _Cell, mark: str, quoted: Collection[str]) -> list[Tag]:
    """Returns what stands between the marks; those of a list are strong ones."""
    if cell.listed:
        mark = _STRONG
    found = []
    for group in cell.groups(mark):
        kinds, text = {token.kind for token in group}, cell.between(group)
        if kinds == {"name"}:
            found += [Tag(cell.line, token.text, True, True) for token in group]
        elif text in quoted:
            found.append(Tag(cell.line, text, True, True))
        elif mark:
            if "name" in kinds:
                raise UserError(f"{path}: line {cell.line}: {text!r} is quoted in part; {CURE}")
            found.append(Tag(cell.line, text, any(sign in mark for sign in _STRONG), False))
        else:
            found += [Tag(cell.line, token.text, token.kind == "name", token.kind == "name") for token in group]
    return found


def _by_names(path: Path, cell: _Cell, classes: Collection[str]) -> list[str]:
    """Returns the classes that a cell names; what is none stays as it stands, for whoever tells the nearest."""
    if (whole := " ".join(cell.text.split())) in classes:
        return [whole]
    marks = [mark for mark in _STRONG if any(token.kind == "mark" and token.text == mark for token in cell.tokens)]
    found = [_read(path, cell, group, classes) for group in cell.groups(marks)]
    if None in found and (together := _read(path, cell, cell.tokens, classes)):      # a name that holds a mark
        return together
    apart = bool(marks) or cell.listed
    return [name for names, group in zip(found, cell.groups(marks), strict=True) for name in
            names or ([cell.between(group)] if apart else [token.text for token in group if token.kind != "mark"])]


def _read(path: Path, cell: _Cell, group: Sequence[_Token], classes: Collection[str]) -> list[str] | None:
    """Returns neighbouring tokens as names of classes, marks between them left out; None where they are none."""
    text = cell.between(group)
    if text in classes:
        return [text]
    longest = max(len(_TOKEN.findall(name)) for name in classes)
    after: list[list[tuple]] = [[()]]                       # at most two ways from each token on, the last first
    for place in range(len(group) - 1, -1, -1):
        ways = list(after[-1]) if group[place].kind == "mark" else []
        for count in range(1, min(longest, len(group) - place) + 1):
            alone = count == 1 and group[place].kind == "name"
            name = group[place].text if alone else cell.between(group[place:place + count])
            if name in classes:
                ways += [(name, way) for way in after[-count]]
        after.append(ways[:2])
    found = [_unrolled(way) for way in after[-1]]
    if len(found) > 1:
        one, other = (" + ".join(map(repr, way)) for way in found)
        raise UserError(f"{path}: line {cell.line}: {text!r} can mean {one} or {other}; separate classes by ;")
    return found[0] if found else None


def _unrolled(way: tuple) -> list[str]:
    """Returns the names of a chain (name, (name, ...))."""
    names = []
    while way:
        name, way = way
        names.append(name)
    return names
