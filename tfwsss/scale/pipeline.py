"""The same work under Apache Beam, whose runners spread it over machines.

    photographs ─ key ─┐
                       ├─ CoGroupByKey ─ missing ─ Reshuffle ─ label ─ faults ─ one file
    masks ─────── key ─┘

Photographs and masks are listed once each; no step asks for a single file. The model is loaded once a process and
shared by its threads.
"""

import argparse
import functools
import logging
import os
import re
import shlex
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.runner import PipelineResult
from apache_beam.transforms.environments import SubprocessSDKEnvironment
from apache_beam.utils.shared import Shared

from tfwsss.artefacts.files import readable_name, unfit_name
from tfwsss.data.patterns import Pattern
from tfwsss.errors import UserError
from tfwsss.logs import LOG
from tfwsss.scale import faults, names, patterns
from tfwsss.scale.job import Job
from tfwsss.scale.labeller import Labeller
from tfwsss.scale.loop import Counts
from tfwsss.scale.names import Photograph

_SPEAK_SECONDS = 60.0
_UNFIT = "unfit"
_PARENT = "TFWSSS_LABEL_PROCESS"
_MISTAKE = re.compile(r"tfwsss\.errors\.UserError: (.*)")
_CHECKED = ("FnApiRunner",)             # others have options that only their job servers know


def run(job: Job, runner: str, workers: int, options: Sequence[str]) -> Counts:
    """Makes the masks that are missing, and the list of faults.

    Args:
        job: the work.
        runner: Beam's name of it.
        workers: processes, where the runner is `FnApiRunner`.
        options: for Beam.

    Returns:
        Counts; under runners that repeat work after a failure, of what counts at the end.

    Raises:
        UserError: an option is unknown, masks cannot be written, or the runner has failed.
    """
    pipeline = beam.Pipeline(runner=_runner(runner, workers), options=_options(runner, workers, options))
    if runner in _CHECKED:
        os.environ[_PARENT] = str(os.getpid())          # processes that it starts end with it, be it killed
        logging.getLogger("apache_beam").setLevel(logging.CRITICAL)     # what is raised is told once, by us
    build(pipeline, job)
    try:
        result = pipeline.run()
        result.wait_until_finish()
    except Exception as error:
        raise UserError(_told(error, runner)) from error
    return _counts(result)


def build(pipeline: beam.Pipeline, job: Job) -> None:
    """Adds the steps to a pipeline.

    Args:
        pipeline: an empty one.
        job: the work.
    """
    found = (pipeline | "Images" >> beam.Create([job.images])
             | "List images" >> beam.FlatMap(_photographs).with_outputs(_UNFIT, main="fit"))
    done = (pipeline | "Masks" >> beam.Create([job.masks])
            | "List masks" >> beam.FlatMap(_masks))
    told = ({"places": found.fit, "done": done} | "Together" >> beam.CoGroupByKey()
            | "Missing" >> beam.ParDo(Missing())
            | beam.Reshuffle()
            | "Label" >> beam.ParDo(Label(job)))
    every = (told, found[_UNFIT]) | beam.Flatten()
    _ = (pipeline | "Job" >> beam.Create([job])
         | "Faults" >> beam.Map(faults.write, beam.pvalue.AsIter(every)))


def _photographs(pattern: Pattern) -> Iterator[Any]:
    """Lists photographs with their keys; names that no list can hold are faults."""
    for place in filter(names.is_photograph, patterns.match(pattern)):
        if fault := unfit_name(place):
            beam.metrics.Metrics.counter("label", "faults").inc()
            yield beam.pvalue.TaggedOutput(_UNFIT, (readable_name(place), fault))
        else:
            yield names.key_of(place), place


def _masks(pattern: Pattern) -> Iterator[tuple[str, str]]:
    for place in patterns.match(pattern):
        name = place.removesuffix(names.MASK)
        if not unfit_name(name):
            yield names.key_of(name), name


class Missing(beam.DoFn):
    """Finds the photographs of a key that have no mask, and counts the others."""

    def __init__(self):
        self._kept = beam.metrics.Metrics.counter("label", "kept")

    def process(self, element: tuple[str, dict[str, Iterable[str]]]) -> Iterator[tuple[str, str]]:
        """Yields photographs as plain pairs.

        Args:
            element: key, and its places and masks.

        Yields:
            Place and name.
        """
        key, group = element
        there = list(group["places"])
        missing = list(names.missing(key, there, group["done"]))
        self._kept.inc(len(there) - len(missing))
        yield from map(tuple, missing)


class Label(beam.DoFn):
    """Makes masks.

    Args:
        job: the work.
    """

    def __init__(self, job: Job):
        self._job, self._shared = job, Shared()
        counter = functools.partial(beam.metrics.Metrics.counter, "label")
        self._images, self._faults, self._tagged = (counter(name) for name in ("images", "faults", "tagged"))
        self._milliseconds = beam.metrics.Metrics.distribution("label", "milliseconds")

    def setup(self) -> None:
        """Loads the model, once a process."""
        parent = int(os.environ.get(_PARENT, os.getpid()))
        if parent != os.getpid():
            threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
        self._labeller = self._shared.acquire(lambda: Labeller(self._job))
        self._spoken, self._done = time.monotonic(), 0

    def process(self, element: tuple[str, str]) -> Iterator[tuple[str, str]]:
        """Makes a mask.

        Args:
            element: place and name of a photograph.

        Yields:
            Place and reason, where there is a fault.
        """
        photograph, start = Photograph(*element), time.monotonic()
        fault = self._labeller.label(photograph)
        (self._faults if fault else self._images).inc()
        if self._labeller.knows(photograph):
            self._tagged.inc()
        now = time.monotonic()
        self._milliseconds.update(round(1000 * (now - start)))
        self._done += 1
        if now - self._spoken > _SPEAK_SECONDS:
            logging.info("label: %d photographs by this worker, %.3g s the last", self._done, now - start)
            self._spoken = now
        if fault:
            yield photograph.place, fault


def _end_with(parent: int) -> None:
    """Ends this process when another one has ended: else it would go on with what it was given."""
    while True:
        try:
            os.kill(parent, 0)
        except ProcessLookupError:
            os._exit(1)
        time.sleep(1.0)


def _options(runner: str, workers: int, given: Sequence[str]) -> PipelineOptions:
    """Puts the options together; those that Beam does not know are told, or refused where nobody else reads them."""
    local = {"direct_num_workers": workers} if runner in _CHECKED else {}
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False, allow_abbrev=False)
    for kind in PipelineOptions.__subclasses__():
        kind._add_argparse_args(parser)
    try:
        _, unknown = parser.parse_known_args(list(given))
    except (argparse.ArgumentError, SystemExit) as error:
        raise UserError(f"options behind --: {error}; see the options of Apache Beam") from None
    if unknown and runner in _CHECKED:
        raise UserError(f"{unknown[0]}: unknown to Apache Beam; see its pipeline options, or leave it out")
    if unknown:
        LOG.warning("label: %s are handed on to the runner: Beam itself does not know them", " ".join(unknown))
    return PipelineOptions(list(given), save_main_session=False, **local)


def _runner(name: str, workers: int) -> str | FnApiRunner:
    """Returns a runner; the embedded one starts processes as its mode `multi_processing` does, but silent ones."""
    if name not in _CHECKED or workers == 1:
        return name
    command = f"exec {shlex.quote(sys.executable)} -m apache_beam.runners.worker.sdk_worker_main 2>/dev/null"
    return FnApiRunner(default_environment=SubprocessSDKEnvironment.from_command_string(command))


def _told(error: Exception, runner: str) -> str:
    """Returns what has stopped a runner, in one line: our own words where it was ours."""
    found = [str(error)] if isinstance(error, UserError) else _MISTAKE.findall(str(error))
    if found:
        return re.sub(r" \[while running .*", "", found[-1]).removesuffix("'").replace("\\n", "").strip()
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return f"--runner: {runner} has stopped ({lines[-1].strip()[:300]}); the same command goes on from here"


def _counts(result: PipelineResult) -> Counts:
    found = {}
    for counter in result.metrics().query()["counters"]:
        if counter.key.metric.namespace == "label":
            name = counter.key.metric.name
            found[name] = found.get(name, 0) + counter.result
    return Counts(*(found.get(name, 0) for name in Counts._fields))
