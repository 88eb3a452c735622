"""Images from disk in batches of one size, and work on single images by several threads at a time."""

import collections
import concurrent.futures
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault

AHEAD_PIXELS = 12_000_000
"""Pixels of the images that are read ahead, so that those of one size can come together."""

_AHEAD = 64

Item, Result = TypeVar("Item"), TypeVar("Result")


def batches_by_size(images: ImageSet, names: Sequence[str],
                    most: Callable[[Sequence[int]], int]) -> Iterator[tuple[list[str], np.ndarray | ImageFault]]:
    """Reads images by threads and puts those of one size together.

    Images are read ahead up to some number and some pixels; then the size whose
    batch is the fullest goes first. Every image comes once.

    Args:
        images: the data set.
        names: what to read.
        most: size to the number of images of a batch.

    Yields:
        Names and uint8 `(batch, row, column, 3)`, or one name and its fault.
    """
    waiting: dict[tuple[int, int], list[tuple[str, np.ndarray]]] = {}

    def full(last: bool) -> Iterator[tuple[list[str], np.ndarray]]:
        while waiting:
            size = max(waiting, key=lambda one: len(waiting[one]) / most(one))      # the fullest
            ahead = sum(len(group) for group in waiting.values())
            pixels = sum(rows * columns * len(group) for (rows, columns), group in waiting.items())
            if len(waiting[size]) < most(size) and not last and ahead < _AHEAD and pixels < AHEAD_PIXELS:
                return
            group, rest = waiting[size][:most(size)], waiting[size][most(size):]
            waiting.pop(size) if not rest else waiting.update({size: rest})
            yield [name for name, _ in group], np.stack([image for _, image in group])

    for name, image in try_each(images.read_image, names):
        if isinstance(image, ImageFault):
            yield [name], image
            continue
        waiting.setdefault(image.shape[:2], []).append((name, image))
        yield from full(last=False)
    yield from full(last=True)


def try_each(work: Callable[[str], Result], names: Iterable[str]) -> Iterator[tuple[str, Result | ImageFault]]:
    """Works on images by threads; one that cannot be used is told beside the others.

    Args:
        work: name to result.
        names: of images.

    Yields:
        Name, and result or fault, in the order of the names.

    Example:

    >>> list(try_each(len, ["a", "to"]))
    [('a', 1), ('to', 2)]
    """
    def one(name: str) -> tuple[str, Result | ImageFault]:
        try:
            return name, work(name)
        except ImageFault as fault:
            return name, fault

    return in_threads(one, names)


def in_threads(work: Callable[[Item], Result], items: Iterable[Item], workers: int = 0) -> Iterator[Result]:
    """Works on items by threads, a few ahead of what is asked for; results come in the order of the items.

    What computes in TensorFlow, NumPy or Pillow lets other threads run meanwhile.

    Args:
        work: item to result.
        items: taken one at a time.
        workers: threads; 0 means one a core.

    Yields:
        Results.

    Example:

    >>> list(in_threads(lambda x: x * x, [1, 2, 3]))
    [1, 4, 9]
    """
    workers = workers or os.cpu_count() or 1
    queue: collections.deque = collections.deque()
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                queue.append(pool.submit(work, item))
                if len(queue) > 2 * workers:
                    yield queue.popleft().result()
            while queue:
                yield queue.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)          # Ctrl-C does not wait for the queue
