"""A file that grows by one line for each image, and loses at most the line that a kill cut short."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tfwsss.artefacts.files import write_atomically, writing

REVIEW = "review.jsonl"
"""Journal beside relabelled masks: how sure the network is, and how far it follows its labels."""

SHOWN = "shown.jsonl"
"""Journal beside class maps by words: what an image is tagged with, and what CLIP finds likeliest."""


def append(path: Path, record: Mapping[str, Any]) -> None:
    """Adds a record.

    Args:
        path: the journal; it is made where it is missing.
        record: JSON values, "name" among them.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    line = _line(record)
    with writing(path), path.open("a+b") as file:
        if file.tell():
            file.seek(-1, 2)
            line = line if file.read(1) == b"\n" else b"\n" + line      # a cut line stands alone
        file.write(line)


def write(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Writes a whole journal in place of what there was: one line for each image again.

    Args:
        path: the journal.
        records: JSON values, "name" among them.
    """
    write_atomically(path, b"".join(map(_line, records)))


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Reads a journal.

    Args:
        path: the journal, or a file that is not there.

    Returns:
        Name to its last record, in the order of their first ones; lines that are no records are left out.
    """
    found: dict[str, dict[str, Any]] = {}
    for line in path.read_bytes().splitlines() if path.is_file() else ():
        try:
            record = json.loads(line)
            found[record["name"]] = record
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return found


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"
