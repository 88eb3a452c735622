"""What `python -m tfwsss.label` does, by whichever runner."""

import importlib.util
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfwsss import logs
from tfwsss.data.patterns import NOTHING
from tfwsss.data.words import nearest
from tfwsss.errors import UserError
from tfwsss.runs.lock import locked
from tfwsss.scale import faults, loop, names, patterns, places
from tfwsss.scale.job import Job, claim, make_job, read_tags

RUNNERS = {"loop": None, "direct": "FnApiRunner", "portable": "PortableRunner", "flink": "FlinkRunner",
           "spark": "SparkRunner", "dataflow": "DataflowRunner"}
"""Names to Beam's; `loop` needs no Beam, `direct` is Beam inside of this command."""

_SHOWN = 20


def run(model: str, images: str, out: str, *, tags: str | None = None, runner: str | None = None, workers: int = 0,
        threads: int = 0, options: Sequence[str] = ()) -> tuple[dict[str, Any], dict[str, str]]:
    """Makes the masks of photographs that have none yet.

    Writes `out/masks/<name>.png`, `out/faults.csv` and `out/label.json`. A killed call goes on where it stopped.

    Args:
        model: folder of an exported model, or of one of its versions.
        images: file, folder or pattern.
        out: folder.
        tags: table of tags; None lets the network decide.
        runner: one of `RUNNERS`; None: `direct` where Beam is installed, else `loop`.
        workers: processes on this machine; 0: one a core.
        threads: of TensorFlow, a worker; 0: on this machine its share of the cores, elsewhere TensorFlow's choice.
        options: for Beam.

    Returns:
        Runner, counts, seconds and images a second; and the first faults.

    Raises:
        UserError: whatever the user can mend.
    """
    logs.open_log()
    runner = check_runner(runner, options)
    cores = os.cpu_count() or 1
    workers = workers or cores
    if not threads and runner in ("loop", "direct"):
        threads = max(1, cores // workers)
    job = make_job(model, images, out, tags, threads)
    _check_photographs(images, job)
    if places.is_remote(job.out):
        return _work(job, runner, workers, options)
    with locked(Path(job.out), "--out", "--out"):
        places.clear_parts(job.out)
        return _work(job, runner, workers, options)


def check_runner(runner: str | None, options: Sequence[str]) -> str:
    """Returns the runner that is meant.

    Args:
        runner: as the call names it, or None.
        options: for Beam.

    Raises:
        UserError: there is no such runner, Beam is missing, or options are given that nobody reads.
    """
    there = importlib.util.find_spec("apache_beam") is not None
    runner = runner or ("direct" if there else "loop")
    if runner not in RUNNERS:
        raise UserError(f"--runner {runner}: unknown; {nearest(runner, RUNNERS)}; known: {', '.join(RUNNERS)}")
    if runner != "loop" and not there:
        raise UserError(f"--runner {runner}: needs Apache Beam, which is not installed; run make venv-beam, or pip "
                        "install 'tfwsss[beam]' in an environment of its own, or take --runner loop")
    if runner == "loop" and options:
        raise UserError(f"{options[0]}: options behind -- are Beam's, and --runner loop does without; leave them out")
    return runner


def _check_photographs(images: str, job: Job) -> None:
    """Refuses a pattern that no photograph matches, and a table that names none of those: its masks would be others."""
    table, first = read_tags(job) if job.tags else None, None
    for place in filter(names.is_photograph, patterns.match(job.images)):
        if table is None or names.named_in(table, place) is not None:
            return
        first = first or place
    if first is None:
        raise UserError(f"--images {images}: {NOTHING}")
    raise UserError(f"--tags {job.tags}: names none of the photographs; a row's name is a path below "
                    f"{job.images.base or '.'}, with or without ending, such as {first}: {nearest(first, table)}")


def _work(job: Job, runner: str, workers: int, options: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
    claim(job)
    start = time.perf_counter()
    if runner == "loop":
        counts = loop.run(job, workers)
    else:
        from tfwsss.scale import pipeline  # loads Beam

        counts = pipeline.run(job, RUNNERS[runner], workers, options)
    seconds = time.perf_counter() - start
    return {"runner": runner, **counts._asdict(), "seconds": round(seconds, 1),
            "images_per_second": round((counts.images + counts.faults) / seconds, 2)}, faults.read(job, _SHOWN)
