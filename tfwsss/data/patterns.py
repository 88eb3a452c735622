"""Which files are meant by a pattern, on a disk; of an object store the pattern alone."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tfwsss.errors import UserError

NOTHING = ("no photograph matches; expected files such as .jpg or .png, by a folder or a pattern such as "
           "'photos/**.jpg', in quotes")
"""What a command says of a pattern that finds none."""

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
"""How a path of an object store begins."""

_WILD = re.compile(r"[*?\[]")


class Pattern(NamedTuple):
    """Which files are meant.

    Args:
        base: folder that holds them, with "/" at its end; empty: the current one.
        wanted: regular expression of their paths below it.
        depth: folders below it that are searched; None: all.
        without: folder below it that is not searched; empty: none.
        text: the pattern as Beam reads it.
    """

    base: str
    wanted: str
    depth: int | None
    without: str
    text: str


def parse(text: str, without: str = "") -> Pattern:
    r"""Reads a pattern as Beam does: `*` stops at "/", `**` does not, `?` and `[ab]` are one sign.

    A folder means all files in it, at any depth. What lies on the disk under this very name is meant by it, whatever
    signs it holds.

    Args:
        text: file, folder or pattern; of an object store a folder ends with "/".
        without: folder that is not searched.

    Returns:
        Pattern.

    Example:
    >>> parse("photos/*/a?.jpg")[:3]
    ('photos/', '[^/]*/a[^/]\\.jpg', 1)
    """
    local = not is_remote(text)
    if text.endswith("/") or (local and Path(text).is_dir()):
        base, rest, literal = text.rstrip("/") + "/", "**", ""
    else:
        literal = text if (local and Path(text).is_file()) else _WILD.split(text, 1)[0]
        base = literal[:literal.rfind("/") + 1]
        rest = text[len(base):]
    wanted = re.escape(rest) if literal == text else _expression(rest)
    return Pattern(base, wanted, None if "**" in rest else rest.count("/"), _below(base, without), base + rest)


def _expression(pattern: str) -> str:
    """Translates a pattern into a regular expression."""
    found, at = [], 0
    while at < len(pattern):
        sign, end = pattern[at], pattern.find("]", at + 2)
        if pattern.startswith("**", at):
            found.append(".*")
            at += 1
        elif sign == "[" and end > 0:
            inside = pattern[at + 1:end].replace("\\", "\\\\")
            if inside.startswith("!"):
                inside = f"^{inside[1:]}"
            elif inside.startswith("^"):
                inside = f"\\{inside}"
            found.append(f"[{inside}]")
            at = end
        else:
            found.append({"*": "[^/]*", "?": "[^/]"}.get(sign) or re.escape(sign))
        at += 1
    return "".join(found)


def _below(base: str, folder: str) -> str:
    """Returns a folder's path below another, with "/" at its end; empty where it lies elsewhere."""
    if not folder or is_remote(base) != is_remote(folder):
        return ""
    if is_remote(base):
        return folder.rstrip("/")[len(base):] + "/" if folder.startswith(base) else ""
    here, there = Path(base or ".").resolve(), Path(folder).resolve()
    return f"{there.relative_to(here).as_posix()}/" if here != there and there.is_relative_to(here) else ""


def is_remote(path: str) -> bool:
    """Returns whether a path is one of an object store.

    Args:
        path: any.

    Returns:
        bool.

    Example:
    >>> is_remote("gs://bucket/a.jpg"), is_remote("C:/a.jpg")
    (True, False)
    """
    return SCHEME.match(path) is not None


def is_pattern(text: str) -> bool:
    """Returns whether a text holds a sign that stands for others.

    Args:
        text: file, folder or pattern.

    Returns:
        bool.

    Example:
    >>> is_pattern("photos/*.jpg"), is_pattern("photos/a.jpg")
    (True, False)
    """
    return _WILD.search(text) is not None


def fitting(pattern: Pattern, places: Iterable[str]) -> Iterator[str]:
    """Chooses files; hidden ones, and those in hidden folders, are left out.

    Args:
        pattern: which.
        places: paths below its base.

    Yields:
        Those that are meant.
    """
    expression = re.compile(pattern.wanted, re.DOTALL)
    for place in places:
        hidden = place.startswith(".") or "/." in place
        if not hidden and not (pattern.without and place.startswith(pattern.without)) and expression.fullmatch(place):
            yield place


def match_on_disk(pattern: Pattern) -> Iterator[str]:
    """Finds files of a disk, folder by folder.

    Args:
        pattern: which.

    Yields:
        Paths below its base, each once.

    Raises:
        UserError: a folder cannot be opened.
    """
    return fitting(pattern, _on_disk(pattern))


def _on_disk(pattern: Pattern) -> Iterator[str]:
    """Walks through folders, through linked ones too, each once; one that cannot be opened stops the walk."""
    start, seen = pattern.base or ".", set()
    for folder, below, files in os.walk(start, onerror=_raise, followlinks=True) if Path(start).is_dir() else ():
        here, facts = os.path.relpath(folder, start), os.stat(folder)
        if (facts.st_dev, facts.st_ino) in seen:
            below.clear()
            continue
        seen.add((facts.st_dev, facts.st_ino))
        before = "" if here == "." else f"{here}/"
        deeper = pattern.depth is None or before.count("/") < pattern.depth
        below[:] = sorted(name for name in below if deeper and not name.startswith(".")
                          and f"{before}{name}/" != pattern.without)
        yield from (before + name for name in sorted(files))


def _raise(error: OSError) -> None:
    raise UserError(f"{error.filename}: cannot be searched ({error.strerror}); give yourself the right, or leave it "
                    "out of the pattern") from error
