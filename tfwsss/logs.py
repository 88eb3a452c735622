"""The log that commands and run folders share, and progress with time left."""

import contextlib
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

LOG = logging.getLogger("tfwsss")
CONSOLE = Console(stderr=True, soft_wrap=True)
"""Everything for people goes to standard error; standard output carries results."""

_QUIET_SECONDS = 15.0
"""Without a terminal there is no bar; a line this often says how far the work is."""

Item = TypeVar("Item")


class TimeLeft:
    """Estimates how long the rest of some work takes, from the pace since its first part was done.

    The first part says nothing of the pace: before it programs load and graphs are traced.

        left = work still to do / work done since the first part * time since the first part

    Args:
        total: all work, in any unit.
        together: parts that are done at once, and arrive one after another then.
        clock: returns seconds; None: the process's.

    Example:
    >>> seconds = iter([0.0, 30.0, 31.0])
    >>> left = TimeLeft(100, clock=lambda: next(seconds))
    >>> left.add(1), left.add(1)
    (None, 98.0)
    """

    def __init__(self, total: float, together: int = 1, clock: Callable[[], float] | None = None):
        self._total, self._together, self._clock = total, together, clock or time.monotonic
        self._parts, self._done = 0, 0.0
        self._first: tuple[float, float] | None = None
        self._pace: float | None = None
        self.begun = self.now = self._clock()

    def add(self, work: float = 1.0) -> float | None:
        """Notes that a part is done, of so much work; returns the seconds that the rest takes, None where unknown."""
        self.now, self._done = self._clock(), self._done + work
        if self._parts % self._together == 0:                       # else it came with the one before
            if self._first is None:
                self._first = (self._done, self.now)
            elif self._done > self._first[0]:
                self._pace = (self.now - self._first[1]) / (self._done - self._first[0])
        self._parts += 1
        return self.seconds

    @property
    def seconds(self) -> float | None:
        """What the rest takes as far as is known; None before the second part."""
        return None if self._pace is None else self._pace * max(self._total - self._done, 0.0)

    def begin_again(self) -> None:
        """Counts the next part as the first: something before it was slower than what comes."""
        self._first = None


def track(items: Iterable[Item], description: str, total: int, costs: Mapping[str, float] | None = None,
          together: int = 1) -> Iterator[Item]:
    """Yields the items and shows how many are done and how long the rest takes.

    Args:
        items: what is worked on.
        description: a few words shown before the bar.
        total: number of items.
        costs: of items that are pairs, what each costs, by its first part; None: all the same.
        together: items that arrive at once, see `TimeLeft`.

    Yields:
        The items, unchanged.

    Example:
    >>> sum(track([1, 2, 3], "adding", 3))
    6
    """
    left = TimeLeft(sum(costs.values()) if costs else total, together)
    paced = ((item, costs.get(item[0], 0.0) if costs else 1.0) for item in items)
    if not CONSOLE.is_terminal:
        yield from _spoken(paced, description, total, left)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[left]}"))
    with Progress(*columns, console=CONSOLE, transient=True) as bar:
        task = bar.add_task(description, total=total, left="")
        for done, (item, cost) in enumerate(paced, 1):
            yield item
            bar.update(task, completed=done, left=clock_time(left.add(cost)))


def _spoken(paced: Iterable[tuple[Item, float]], description: str, total: int, left: TimeLeft) -> Iterator[Item]:
    """Logs a line now and then: for files and pipes, where a bar would be noise."""
    spoken = left.begun
    for done, (item, cost) in enumerate(paced, 1):
        yield item
        seconds = left.add(cost)
        if left.now - spoken > _QUIET_SECONDS and total / 50 < done < total:    # the first few tell little of the rest
            spoken = left.now
            LOG.info("%s: %d of %d%s", description, done, total, "" if seconds is None else
                     f", about {seconds:.0f} s left")


def show(text: str) -> None:
    """Writes text whose lines are not to be broken, such as a table, where the log goes.

    Args:
        text: one line or more.
    """
    LOG.debug("%s", text)                           # the file
    for line in text.splitlines():
        CONSOLE.print(" " * 9 + line, markup=False, highlight=False)


def clock_time(seconds: float | None) -> str:
    """Returns a time as hours, minutes and seconds; nothing where it is unknown.

    Args:
        seconds: of it, or None.

    Example:
    >>> clock_time(3661.4), clock_time(None)
    ('1:01:01', '')
    """
    if seconds is None:
        return ""
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


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
