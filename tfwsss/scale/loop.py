"""The work as a plain loop: all names in this process, masks in others. Nothing but the package is needed."""

import collections
from collections.abc import Sequence
from typing import NamedTuple

from tfwsss.logs import LOG
from tfwsss.runs.workers import work_on_each
from tfwsss.scale import faults, names, patterns
from tfwsss.scale.job import Job, read_tags
from tfwsss.scale.labeller import Task, shown
from tfwsss.scale.names import Photograph


class Counts(NamedTuple):
    """What came of a call.

    Args:
        images: masks that were made.
        kept: masks that lay there.
        faults: photographs that have none.
        tagged: photographs, of the first and the last kind, that the table of tags names.
    """

    images: int
    kept: int
    faults: int
    tagged: int


def run(job: Job, workers: int) -> Counts:
    """Makes the masks that are missing, and the list of faults.

    Args:
        job: the work.
        workers: processes.

    Returns:
        Counts.

    Raises:
        UserError: masks cannot be written, or a process was killed.
    """
    missing, kept = plan(job)
    tagged = _tagged(job, missing)
    if kept:
        LOG.info("label: %d of %d masks kept, %d to make", kept, kept + len(missing), len(missing))
    found = work_on_each(Task(job), missing, workers, "label", option="--workers 1") if missing else {}
    faults.write(job, ((shown(photograph), fault) for photograph, fault in found.items()))
    return Counts(len(missing) - len(found), kept, len(found), tagged)


def plan(job: Job) -> tuple[list[Photograph], int]:
    """Finds the photographs that have no mask: photographs and masks are listed once each.

    Args:
        job: the work.

    Returns:
        Photographs by name, and the number of masks that are kept.
    """
    groups: dict[str, list[str]] = collections.defaultdict(list)
    for place in filter(names.is_photograph, patterns.match(job.images)):
        groups[names.key_of(place)].append(place)
    done: dict[str, list[str]] = collections.defaultdict(list)
    for place in patterns.match(job.masks):
        name = place.removesuffix(names.MASK)
        if names.key_of(name) in groups:
            done[names.key_of(name)].append(name)
    missing = [each for key in sorted(groups) for each in names.missing(key, groups[key], done.get(key, ()))]
    return missing, sum(map(len, groups.values())) - len(missing)


def _tagged(job: Job, missing: Sequence[Photograph]) -> int:
    """Counts the photographs that have tags."""
    table = read_tags(job) if job.tags and missing else {}
    return sum(names.named_in(table, photograph.place) is not None for photograph in missing)
