"""The photographs that a command names: one, a folder, a pattern, or a text file that lists them."""

import contextlib
import os
import unicodedata
from pathlib import Path
from typing import NamedTuple

from tfwsss.artefacts.files import readable_name, unfit_name
from tfwsss.data import patterns
from tfwsss.data.finding import READ, Found, find_images, find_these, stem_of
from tfwsss.data.labels import read_lines
from tfwsss.errors import UserError

LIST = ".txt"
"""Ending of a file that names a photograph a line."""


class Photographs(NamedTuple):
    """What a command names.

    Args:
        base: folder from which names count; of one photograph its file.
        found: images by name, and what cannot be used.
    """

    base: Path
    found: Found


def photographs_of(source: str | Path, without: Path) -> Photographs:
    """Finds the photographs that a command names; what is no photograph is listed in the log.

    Names are paths below a folder: the one that is named, that of a photograph, the part of a pattern before its first
    sign, or that of a list, if all of its photographs lie in it, and else the deepest that holds them all.

    Args:
        source: a photograph, a folder, a pattern as `patterns.parse` reads it, or a text file of paths, one a line,
            relative to the file, with or without ending.
        without: folder that is not searched.

    Returns:
        Photographs; of a line that names none the fault is in `found.faults`.

    Raises:
        UserError: there is nothing of that name, or no photograph in it.
    """
    text, path = str(source), Path(source)
    if not text:
        raise UserError("no photographs are named, the text is empty; name a photograph, a folder, a pattern or a list")
    if path.is_dir():
        found = find_images(path, [without])
        found.tell(path)
        return _some(Photographs(path, found), f"{path}: no image in it", "expected files such as .jpg or .png")
    if path.is_file() and path.suffix.lower() == LIST:
        return _listed(path)
    if path.is_file():
        if fault := unfit_name(path.stem):
            raise UserError(f"{readable_name(text)}: {fault}")
        return Photographs(path, Found({path.stem: path}, {}, []))
    if patterns.is_remote(text):
        raise UserError(f"{text}: lies in an object store; python -m tfwsss.label reads those")
    if not patterns.is_pattern(text):
        raise UserError(f"{text}: no such image, folder or list; check the path")
    return _matching(text, without)


def _matching(text: str, without: Path) -> Photographs:
    pattern = patterns.parse(text, str(without))
    base = Path(pattern.base or ".")
    found = find_these({place: base / place for place in patterns.match_on_disk(pattern)})
    found.tell(base)
    head, _, cure = patterns.NOTHING.partition("; ")
    return _some(Photographs(base, found), f"{text}: {head}", cure)


def _some(named: Photographs, what: str, cure: str) -> Photographs:
    """Refuses what holds no photograph; a fault says why."""
    if not named.found.images:
        raise UserError(f"{what}; {next(iter(named.found.faults.values()), cure)}")
    return named


def _listed(path: Path) -> Photographs:
    """Reads a list; a photograph that it names twice comes once."""
    folders: dict[Path, dict[str, list[Path]]] = {}
    files: dict[Path, int] = {}
    faults: dict[str, str] = {}
    for number, line in enumerate(read_lines(path, names=True), 1):
        file = _file_of(path.parent, line, folders)
        if isinstance(file, str):
            faults[f"{path.name}, {number}"] = f"{path}: {readable_name(line)!r} {file}"
        else:
            files.setdefault(file, number)
    base = path.parent
    if any(Path(os.path.relpath(file, base)).parts[0] == os.pardir for file in files):
        base = Path(os.path.commonpath([os.path.abspath(file.parent) for file in files]))
    places = {os.path.relpath(file, base): file for file in files}
    found = find_these(places)
    faults |= {f"{path.name}, {files[places[other]]}": f"{places[other]}: is no photograph; strike it from {path}"
               for other in found.others if other in places}
    return _some(Photographs(base, Found(found.images, {**faults, **found.faults}, [])),
                 f"{path}: names no photograph", f"write one path a line, as seen from {path.parent}")


def _file_of(folder: Path, line: str, folders: dict[Path, dict[str, list[Path]]]) -> Path | str:
    """Returns the file that a line of a list means, or why it means none; `folders` keeps what was looked at."""
    for written in dict.fromkeys((line, line.replace("\\", "/"))):          # lists of Windows have backslashes
        path = Path(os.path.normpath(folder / written))
        if os.path.isfile(path):
            return path
        if path.parent not in folders:
            folders[path.parent] = _by_name(path.parent)
        fitting = folders[path.parent].get(unicodedata.normalize("NFC", path.name), [])
        if len(fitting) > 1:
            return f"fits {' and '.join(file.name for file in fitting)}; write it with its ending"
        if fitting:
            return fitting[0]
    return f"is no file, as seen from {folder}; mend the line or strike it"


def _by_name(folder: Path) -> dict[str, list[Path]]:
    """Returns the files of a folder by their names, and photographs by these without ending too."""
    found: dict[str, list[Path]] = {}
    with contextlib.suppress(OSError, ValueError):          # no folder, or none that can be opened: the line is told
        for file in filter(os.path.isfile, sorted(folder.iterdir())):
            name = unicodedata.normalize("NFC", file.name)
            for key in {name, stem_of(name)} if file.suffix.lower() in READ else {name}:
                found.setdefault(key, []).append(file)
    return found
