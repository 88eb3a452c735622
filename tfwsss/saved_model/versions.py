"""Version folders of a model, as servers watch them: whole or not there."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tfwsss.errors import UserError

MAX_VERSION = 2**63 - 1
"""Servers hold version numbers as int64."""

_ASIDE = ".part-"       # servers look at folders whose name is a number only


@contextlib.contextmanager
def publishing(model: Path, version: int | None = None) -> Iterator[Path]:
    """Gives a folder to write, and makes it a version of the model when the block ends well.

    The files are on the disk before the folder gets its name. What a killed process
    left behind is removed by the next.

    Args:
        model: folder of the model; it is made where it is missing.
        version: number; by default the one after the largest that is there.

    Yields:
        Empty folder, beside the versions.

    Raises:
        UserError: the version exists, another process is at work here, or the folder cannot be written.
    """
    with _told(model):
        model.mkdir(parents=True, exist_ok=True)
        with (model / ".lock").open("w") as lock:
            _take(lock, model)
            for left in model.glob(f"{_ASIDE}*"):
                shutil.rmtree(left)
            number = max(versions(model), default=0) + 1 if version is None else version
            if number > MAX_VERSION:
                raise UserError(f"{model}: version {number} is beyond {MAX_VERSION}, the largest that servers know; "
                                "name a smaller one by --version")
            target, aside = model / str(number), model / f"{_ASIDE}{number}"
            if target.exists():
                raise UserError(f"--version {number}: {target} is there already; a version never changes. Leave "
                                "--version out, or delete that folder")
            aside.mkdir()
            try:
                yield aside
                _settle(aside)
                os.rename(aside, target)
                _settle_folder(model)
            finally:
                shutil.rmtree(aside, ignore_errors=True)


def versions(model: Path) -> list[int]:
    """Returns the numbers of a model's versions, rising; folders beyond the largest number are none.

    Args:
        model: folder of the model; may be missing.
    """
    named = [path.name for path in model.glob("*") if path.is_dir() and path.name.isdecimal()]
    return sorted(int(name) for name in named if len(name) <= len(str(MAX_VERSION)) and int(name) <= MAX_VERSION)


def _take(lock, model: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(f"{model}: another process is exporting there; wait for it") from None


def _settle(folder: Path) -> None:
    """Brings a folder's files to the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        else:
            _settle_folder(path)
    _settle_folder(folder)


def _settle_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextlib.contextmanager
def _told(model: Path) -> Iterator[None]:
    """Turns what a full or forbidden disk raises into one line for the user."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{model}: could not be written ({error.strerror or error}); free space on that disk, or name "
                        "a folder in which you may write") from error
