"""Folders, and files, that a user gives in a stage's place: what tells whether their contents are still the same."""

import json
from collections.abc import Collection
from pathlib import Path

from tfwsss.artefacts.files import read_json, write_atomically
from tfwsss.artefacts.identity import fingerprint, identity
from tfwsss.errors import UserError
from tfwsss.runs.stage import Stage

FILE = "given.json"
"""In a run folder: stage name to the identities of the files that were given for it."""


def fingerprint_of_given(stage: Stage, given: Path, run: Path, recorded: Collection[str] = ()) -> str:
    """Returns a hash of a given folder's place and of the contents of its files; a file is one of these.

    Files are read once; later calls look at size and time of change, and read what differs.

    Args:
        stage: the one it stands for.
        given: the folder or file.
        run: the run's folder; `given.json` in it remembers the files.
        recorded: fingerprints that finished stages were made from. Version 0.1.0 noted sizes in place of contents:
            where its fingerprint is among them and still holds, it is returned.

    Returns:
        64 hexadecimal digits.

    Raises:
        UserError: no such folder, or a file in it cannot be read.
    """
    if not given.is_dir() and not (stage.kind == "corrections" and given.is_file()):
        raise UserError(f"given.{stage.name}: {given} is no folder; give the folder with its {stage.kind} files")
    paths = [given] if given.is_file() else given.rglob("*")
    files = sorted((_writable(str(path.relative_to(given))), path) for path in paths if path.is_file())
    by_sizes = _of(given, [(name, path.stat().st_size) for name, path in files])
    if by_sizes in recorded:
        return by_sizes
    known = _read(run / FILE)
    before = known.get(stage.name, {})
    now = {name: identity(path, before.get(name)) for name, path in files}
    if now != before:
        write_atomically(run / FILE, json.dumps({**known, stage.name: now}, ensure_ascii=False).encode())
    return _of(given, [(name, now[name]["sha256"]) for name, _ in files])


def _writable(name: str) -> str:
    """Returns a name in which bytes that are not UTF-8 are shown by their numbers; others as they are."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _of(given: Path, files: list[tuple[str, int | str]]) -> str:
    return fingerprint({"given": str(given.resolve()), "files": files})


def _read(path: Path) -> dict:
    try:
        known = read_json(path)
    except UserError:
        return {}                               # missing or damaged: every file is read again
    sound = isinstance(known, dict) and all(isinstance(files, dict) for files in known.values())
    return known if sound else {}
