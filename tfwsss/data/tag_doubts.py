"""Class names that may not be what was meant: refused with the way to say it."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from tfwsss.errors import UserError

CURE = ("separate classes by ; (traffic sign;car), or put names with spaces in quotes ('traffic sign' car), or list "
        "the classes in classes.txt")
"""How a column is written that can be read in one way only."""

_NO_START, _NO_END = "[({\"'])}:.-_*#=<>~!?", "])}\"[({:.-_*#=<>~!?"
_PARTS = re.compile(r"\s*[/+&:=>#*~\\]\s*|\s+and\s+", re.IGNORECASE)
_SHOWN = 100            # names in a message
NOTHING = {"none", "nan", "null", "nil", "n/a", "na", "nothing", "empty", "no", "false", "unknown", "0"}
"""Words, in small letters, that say that there is no class."""


class Tag(NamedTuple):
    """A name and the line it stands on.

    Args:
        line: counted from 1.
        text: the name.
        sure: its ends are told, by quotes or by a mark that is no part of names.
        quoted: by quotes: it is what it is.
    """

    line: int
    text: str
    sure: bool
    quoted: bool


def check_apart(path: Path, cells: Sequence[Sequence[Tag]], mark: str) -> None:
    """Refuses words that always stand side by side in one order: they may be one name.

    Args:
        path: the table, for messages.
        cells: what stands in each.
        mark: what separates words: a space, or a sign that may be a part of a name.

    Raises:
        UserError: such words; both and their line are named, and the classes.txt that says which is meant.
    """
    after: dict[str, set[str | None]] = {}
    before: dict[str, set[str | None]] = {}
    lines: dict[str, int] = {}
    for tags in cells:
        texts = [None, *(None if tag.sure else tag.text for tag in tags), None]
        for one, other in zip(texts, texts[1:], strict=False):
            if one is not None:
                after.setdefault(one, set()).add(other)
            if other is not None:
                before.setdefault(other, set()).add(one)
        for tag in tags:
            lines.setdefault(tag.text, tag.line)
    pairs = [(one, other) for one, others in after.items()
             if None not in others and all(before[other] == {one} for other in others) for other in sorted(others)]
    pairs += [(other, one) for one, others in before.items()
              if None not in others and all(after[other] == {one} for other in others) for other in sorted(others)]
    if pairs:
        one, other = min(pairs, key=lambda pair: lines[pair[0]])
        raise UserError(f"{path}: line {lines[one]}: is {one + mark + other!r} one class or two? These words never "
                        f"stand apart. If one, write a classes.txt with the lines {_listed(cells, {*pairs}, mark)}; "
                        f"if two, with {_listed(cells, (), mark)}; or {CURE}")


def _listed(cells: Sequence[Sequence[Tag]], pairs: Collection[tuple[str, str]], mark: str) -> str:
    """Returns the lines of a classes.txt, those pairs taken for one class each."""
    found = set()
    for tags in cells:
        place = 0
        while place < len(tags):
            both = [tag for tag in tags[place:place + 2] if not tag.sure]
            joined = len(both) == 2 and (both[0].text, both[1].text) in pairs
            found.add(f"{both[0].text}{mark}{both[1].text}" if joined else tags[place].text)
            place += 1 + joined
    return ", ".join([*map(repr, sorted(found)[:_SHOWN]), *(["..."] if len(found) > _SHOWN else [])])


def check_plain(path: Path, cells: Sequence[Sequence[Tag]]) -> None:
    """Refuses what is hardly the name of a class: nothing, odd signs, two other classes in one.

    Args:
        path: the table, for messages.
        cells: what stands in each.

    Raises:
        UserError: such a name, with its line.
    """
    every = {tag.text for tags in cells for tag in tags}
    for tag in (tag for tags in cells for tag in tags if not tag.quoted):
        where = f"{path}: line {tag.line}: "
        if tag.text.casefold() in NOTHING:
            raise UserError(f"{where}is {tag.text!r} a class? Leave the cell empty where an image shows none, or list "
                            "the classes in classes.txt")
        if not any(sign.isalnum() for sign in tag.text) or tag.text[0] in _NO_START or tag.text[-1] in _NO_END:
            raise UserError(f"{where}{tag.text!r} is an odd name for a class; {CURE}")
        words, parts = re.split(r"[\s_-]+", tag.text), _PARTS.split(tag.text)
        if (len(words) > 1 and every.issuperset(words)) or (len(parts) > 1 and every.intersection(parts)):
            raise UserError(f"{where}is {tag.text!r} one class? Parts of it are classes of their own; {CURE}")


def check_alike(path: Path, cells: Sequence[Sequence[Tag]]) -> None:
    """Refuses two names that differ in capitals, spaces, hyphens or underscores only.

    Args:
        path: the table, for messages.
        cells: what stands in each.

    Raises:
        UserError: such names, with their lines.
    """
    first: dict[str, Tag] = {}
    for tag in (tag for tags in cells for tag in tags):
        other = first.setdefault(re.sub(r"[\s_-]+", " ", tag.text.casefold()), tag)
        if other.text != tag.text:
            raise UserError(f"{path}: {other.text!r} on line {other.line} and {tag.text!r} on line {tag.line} would be "
                            "two classes; write one of them everywhere, or list both in classes.txt")
