"""What tells one content of a file, or one set of values, from another."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfwsss.errors import UserError


def identity(path: Path, known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Returns a file's size, time of change and hash; files of one hash are the same.

    A file is read only where an earlier look does not tell its hash: about a second a gigabyte.

    Args:
        path: the file.
        known: what an earlier call has returned for this path; its hash holds where size and time are the same.

    Returns:
        "size" in bytes, "mtime_ns" and "sha256".

    Raises:
        UserError: the file cannot be read.
    """
    try:
        facts = path.stat()
        stamp = {"size": facts.st_size, "mtime_ns": facts.st_mtime_ns}     # first: a later change shows next time
        if known and known.get("sha256") and all(known.get(key) == value for key, value in stamp.items()):
            return {**stamp, "sha256": known["sha256"]}
        with path.open("rb") as file:
            return {**stamp, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}); check the file and your right to read "
                        "it") from error


def fingerprint(value: Any) -> str:
    """Returns a hash of JSON values; the order of keys does not matter.

    Args:
        value: anything that JSON can say.

    Returns:
        64 hexadecimal digits.

    Example:
    >>> fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
