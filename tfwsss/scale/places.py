"""Files on a disk or in an object store, by one set of functions; the latter alone need Apache Beam."""

import contextlib
import importlib.util
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tfwsss.artefacts.files import write_atomically
from tfwsss.errors import UserError, brief

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_WILD = re.compile(r"[*?\[]")
_WHOLE = ("gs", "s3", "azfs")           # stores whose objects appear when their writer closes, and not before
_PART = re.compile(r"\.[0-9a-f]{16}\.part")


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
            found.append(f"[^{inside[1:]}]" if inside[0] == "!" else f"[{re.sub('^[^]', '[^]', inside)}]"
                         if inside[0] != "^" else f"[\\{inside}]")
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
    for place in _stored(pattern) if is_remote(pattern.base) else _on_disk(pattern):
        hidden = place.startswith(".") or "/." in place
        if not hidden and not (pattern.without and place.startswith(pattern.without)) and expression.fullmatch(place):
            yield place


def _on_disk(pattern: Pattern) -> Iterator[str]:
    start = pattern.base or "."
    for folder, below, files in os.walk(start, followlinks=True):
        here = os.path.relpath(folder, start)
        before = "" if here == "." else f"{here}/"
        deeper = pattern.depth is None or before.count("/") < pattern.depth
        below[:] = sorted(name for name in below if deeper and not name.startswith(".")
                          and f"{before}{name}/" != pattern.without)
        yield from (before + name for name in sorted(files))


def _stored(pattern: Pattern) -> Iterator[str]:
    with _told(pattern.text):
        found = _file_systems().match([pattern.text])[0].metadata_list
    yield from (file.path[len(pattern.base):] for file in found)


def read(path: str) -> bytes:
    """Returns what a file holds.

    Args:
        path: of a disk or an object store.

    Raises:
        OSError: it cannot be read; Beam's stores raise other kinds too.
    """
    if not is_remote(path):
        return Path(path).read_bytes()
    with _file_systems().open(path, compression_type="uncompressed") as file:
        return file.read()


@contextlib.contextmanager
def on_disk(path: str) -> Iterator[Path]:
    """Gives a file of an object store as one of a disk; files of a disk as they are.

    Args:
        path: of a file.

    Yields:
        A file of the same name.

    Raises:
        UserError: the store does not give it.
    """
    if not is_remote(path):
        yield Path(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, path.rsplit("/", 1)[-1])
        with _told(path):
            copy.write_bytes(read(path))
        yield copy


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
    if not is_remote(path):
        return Path(path)
    for place in match(parse(path)):
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        with _told(path + place):
            target.write_bytes(read(path + place))
    return folder


def exists(path: str) -> bool:
    """Says whether there is a file of this name.

    Args:
        path: of a disk or an object store.

    Raises:
        UserError: the store cannot be asked.
    """
    if not is_remote(path):
        return Path(path).is_file()
    with _told(path):
        return _file_systems().exists(path)


def write(path: str, data: bytes) -> None:
    """Writes a file that appears whole or not at all.

    On a disk, and in stores whose writers show half files, it is written aside and
    renamed; the objects of other stores appear when their writer closes.

    Args:
        path: of a disk or an object store.
        data: its contents.

    Raises:
        UserError: it cannot be written.
    """
    if not is_remote(path):
        write_atomically(Path(path), data)
        return
    systems = _file_systems()
    whole = _SCHEME.match(path)[1] in _WHOLE
    target = path if whole else f"{path[:path.rfind('/') + 1]}.{secrets.token_hex(8)}.part"
    with _told(path):
        with systems.create(target, compression_type="uncompressed") as file:
            file.write(data)
        if not whole:
            if systems.exists(path):
                systems.delete([path])
            systems.rename([target], [path])


def clear_parts(folder: str) -> None:
    """Deletes what killed processes were writing; nobody may be at work there.

    Args:
        folder: of a disk; nothing is done in a store.
    """
    if not is_remote(folder):
        for here, _, files in os.walk(folder):
            for name in filter(_PART.fullmatch, files):
                Path(here, name).unlink(missing_ok=True)


def is_remote(path: str) -> bool:
    """Says whether a path is one of an object store.

    Args:
        path: any.

    Example:
    >>> is_remote("gs://bucket/a.jpg"), is_remote("C:/a.jpg")
    (True, False)
    """
    return _SCHEME.match(path) is not None


@contextlib.contextmanager
def _told(path: str) -> Iterator[None]:
    """Makes one line of what a store raises, of whatever kind."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{path}: cannot be used ({brief(error)}); check the path and your rights") from error


def check_readable(path: str) -> None:
    """Refuses a path of an object store where Beam is missing.

    Args:
        path: any.

    Raises:
        UserError: Beam is not installed, or knows no such store.
    """
    if not is_remote(path):
        return
    if importlib.util.find_spec("apache_beam") is None:
        raise UserError(f"{path}: object stores are read by Apache Beam, which is not installed; run make venv-beam, "
                        "or pip install 'tfwsss[beam]' in an environment of its own")
    with _told(path):
        _file_systems().get_filesystem(path)


def _file_systems():
    from apache_beam.io.filesystems import FileSystems

    return FileSystems
