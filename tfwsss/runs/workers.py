"""Processes that work on single images, one a core, without Keras."""

import concurrent.futures
import concurrent.futures.process
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import TypeVar

from tfwsss import logs
from tfwsss.errors import UserError

Name = TypeVar("Name", bound=Hashable)
Task = Callable[[Name], str | None]
"""Works on the image of a name; returns a message where it could not be used."""


def work_on_each(task: Task, names: Sequence[Name], workers: int, title: str,
                 costs: Mapping[Name, float] | None = None, option: str = "--set workers=1") -> dict[Name, str]:
    """Calls a task for every name in processes of its own, and shows how far they are.

    Processes are spawned, not forked: they hold nothing of this one but the task.
    They leave Ctrl-C to their parent and end with it.

    Args:
        task: what can be pickled.
        names: at least one; or whatever tells an image and can be pickled.
        workers: processes at most; 0 means one a core.
        title: shown before the bar, and in messages.
        costs: what each name costs, for the time left; None: all the same.
        option: of the command, for fewer processes.

    Returns:
        Message for each name that could not be used.

    Raises:
        UserError: a process was killed.
    """
    workers = min(workers or os.cpu_count() or 1, len(names))
    pool = concurrent.futures.ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _prepare, (task,))
    with _one_thread_each(), pool:
        try:
            results = logs.track(pool.map(_call, names), title, len(names), costs, together=workers)
            return {name: fault for name, fault in results if fault}
        except concurrent.futures.process.BrokenProcessPool:
            raise UserError(f"{title}: a worker process was killed, most likely for want of memory; "
                            f"add {option} and start again: finished files are kept") from None
        finally:
            pool.shutdown(cancel_futures=True)


_TASK: Task


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Keeps the linear algebra of processes started inside to one thread: there is a process for each core."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _prepare(task: Task) -> None:
    """Prepares a worker: keeps the task, leaves Ctrl-C to the parent, ends with the parent, computes on one core."""
    global _TASK
    _TASK = task
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import cv2

    cv2.setNumThreads(1)


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)


def _call(name: Name) -> tuple[Name, str | None]:
    return name, _TASK(name)
