"""The log that commands and run folders share, and progress with time left."""

import contextlib
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LOG = logging.getLogger("tfwsss")
CONSOLE = Console(stderr=True, soft_wrap=True)
"""Everything for people goes to standard error; standard output carries results."""

_QUIET_SECONDS = 15.0
"""Without a terminal there is no bar; a line this often says how far the work is."""

Item = TypeVar("Item")


def track(items: Iterable[Item], description: str, total: int) -> Iterator[Item]:
    """Yields the items and shows how many are done and how long the rest takes.

    Args:
        items: what is worked on.
        description: a few words shown before the bar.
        total: number of items.

    Yields:
        The items, unchanged.

    Example:
    >>> sum(track([1, 2, 3], "adding", 3))
    6
    """
    if not CONSOLE.is_terminal:
        yield from _spoken(items, description, total)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=CONSOLE, transient=True) as bar:
        yield from bar.track(items, total=total, description=description)


def _spoken(items: Iterable[Item], description: str, total: int) -> Iterator[Item]:
    """Logs a line now and then: for files and pipes, where a bar would be noise."""
    start = spoken = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - spoken > _QUIET_SECONDS and total / 50 < done < total:      # the first few tell little of the rest
            spoken = now
            LOG.info("%s: %d of %d, about %.0f s left", description, done, total, (now - start) / done * (total - done))


@contextlib.contextmanager
def quiet_loading() -> Iterator[None]:
    """Keeps TensorFlow's notes to its developers off standard error, while it loads and later.

    What is written before its log is set up takes no account of any level, so it is
    caught where it is written; a failure shows all of it. `TF_CPP_MIN_LOG_LEVEL=0` lets everything through.

    Yields:
        Nothing; import inside.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "0":
        yield
        return
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with contextlib.ExitStack() as stack:
        try:
            kept = os.dup(2)
        except OSError:                          # started without standard error
            yield
            return
        stack.callback(os.close, kept)
        notes = stack.enter_context(tempfile.TemporaryFile("w+", errors="replace"))
        sys.stderr.flush()
        os.dup2(notes.fileno(), 2)
        try:
            yield
        except BaseException:
            notes.seek(0)
            os.write(kept, notes.read().encode())
            raise
        finally:
            os.dup2(kept, 2)


@contextlib.contextmanager
def told_before() -> Iterator[None]:
    """Keeps notes out of the log that stand there already, since the same data are read again.

    Yields:
        Nothing; errors are logged as ever.
    """
    level = LOG.level
    LOG.setLevel(logging.ERROR)
    try:
        yield
    finally:
        LOG.setLevel(level)


def open_log(folder: Path | None = None) -> None:
    """Sends the log to standard error and, with all details, to `log.txt` of a folder that is given.

    Args:
        folder: an existing run folder.
    """
    LOG.setLevel(logging.DEBUG)
    LOG.propagate = False
    for handler in LOG.handlers[:]:
        LOG.removeHandler(handler)
        handler.close()
    LOG.addHandler(RichHandler(logging.INFO, CONSOLE, show_path=False, show_level=False, log_time_format="%H:%M:%S"))
    if folder is not None:
        handler = logging.FileHandler(folder / "log.txt", encoding="utf-8")
        handler.handleError = lambda record: None     # a full disk: what the run itself writes says so
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        LOG.addHandler(handler)
