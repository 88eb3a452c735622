"""Which files are meant by a pattern, on a disk or in an object store, and the list of them."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tfwsss.errors import UserError
from tfwsss.scale import places

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
    local = not places.is_remote(text)
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
    if not folder or places.is_remote(base) != places.is_remote(folder):
        return ""
    if places.is_remote(base):
        return folder.rstrip("/")[len(base):] + "/" if folder.startswith(base) else ""
    here, there = Path(base or ".").resolve(), Path(folder).resolve()
    return f"{there.relative_to(here).as_posix()}/" if here != there and there.is_relative_to(here) else ""


def match(pattern: Pattern) -> Iterator[str]:
    """Finds files; hidden ones, and those in hidden folders, are left out.

    Args:
        pattern: which.

    Yields:
        Paths below its base, each once. A disk is read folder by folder; an object store answers once for all.

    Raises:
        UserError: the store cannot be read.
    """
    expression = re.compile(pattern.wanted, re.DOTALL)
    for place in _stored(pattern) if places.is_remote(pattern.base) else _on_disk(pattern):
        hidden = place.startswith(".") or "/." in place
        if not hidden and not (pattern.without and place.startswith(pattern.without)) and expression.fullmatch(place):
            yield place


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
