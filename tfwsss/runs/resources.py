"""Whether the disk and the memory suffice for a run, as far as can be known before it starts."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from tfwsss.data.sources import Splits
from tfwsss.runs.stage import Stage

FILE = 8 * 1024
"""Bytes that one small picture or class map takes on a disk, at least."""

LEAST_MEMORY = 2 * 1024**3
"""Bytes; even small networks want this much."""

_MEMORY = Path("/proc/meminfo")


def needed_on_disk(stages: Sequence[Stage], splits: Splits) -> int:
    """Returns how many bytes the stages will write, at least.

        sum over stages of images x 8 KiB, and of 8 times (where nothing is trained once) the file of initial weights

    Masks of large photographs and superpixels take more.

    Args:
        stages: those still to be made.
        splits: images of the run.

    Example:

    >>> from types import SimpleNamespace
    >>> images = SimpleNamespace(names=("a", "b", "c"))
    >>> needed_on_disk([Stage("cam", "scores", (), {}, dict)], Splits(images, images, None))
    24576
    """
    return sum(_weights(stage) if stage.kind == "model" else FILE * len(getattr(splits, stage.split).names)
               for stage in stages)


def _weights(stage: Stage) -> int:
    """Returns the bytes that a model's stage keeps, as far as its initial weights tell them."""
    source = (stage.settings.get("backbone") or {}).get("initial")
    return copies_of(stage) * Path(source).stat().st_size if source and Path(source).is_file() else 0


def copies_of(stage: Stage) -> int:
    """Returns how often the disk holds a stage's model: with a training go two checkpoints with their moments.

    Args:
        stage: of kind `model`.
    """
    return 8 if stage.trained else 1


def free_memory(file: Path = _MEMORY) -> int | None:
    """Returns the bytes of memory that new programs may take; None where the system does not tell.

    Args:
        file: where Linux tells it.
    """
    try:
        lines = file.read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None


def shortages(stages: Sequence[Stage], folder: Path, splits: Splits) -> list[str]:
    """Returns what will hardly suffice, with the cure.

    Args:
        stages: those still to be made.
        folder: of the run; it exists.
        splits: images of the run.

    Returns:
        Sentences; none where all is well, or where no stage is left.
    """
    if not stages:
        return []
    found, needed, free = [], needed_on_disk(stages, splits), shutil.disk_usage(folder).free
    if free < needed:
        found.append(f"{folder}: the disk has {bytes_in_words(free)} free, and this run will write at least "
                     f"{bytes_in_words(needed)}; make room, or name another --run")
    memory = free_memory()
    if memory is not None and memory < LEAST_MEMORY:
        found.append(f"{bytes_in_words(memory)} of memory are free; runs want {bytes_in_words(LEAST_MEMORY)} at least: "
                     "end other programs, or lower batch sizes and canvases")
    return found


def bytes_in_words(size: int) -> str:
    """Returns a number of bytes for people.

    Args:
        size: of files or memory.

    Example:

    >>> bytes_in_words(2**30), bytes_in_words(3 * 2**19)
    ('1.0 GiB', '1.5 MiB')
    """
    return f"{size / 2**30:.1f} GiB" if size >= 2**29 else f"{size / 2**20:.1f} MiB"
