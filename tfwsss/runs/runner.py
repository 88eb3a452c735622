"""Runs stages in order; what is finished is kept, what was killed goes on, what differs is asked about."""

import functools
import os
import secrets
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfwsss.artefacts.identity import fingerprint
from tfwsss.errors import UserError
from tfwsss.logs import LOG
from tfwsss.runs import records
from tfwsss.runs.given import fingerprint_of_given
from tfwsss.runs.preflight import check_names
from tfwsss.runs.stage import Context, Stage


def run(stages: Sequence[Stage], folder: Path, *, context: Context = Context(),  # noqa: B008  a value, no state
        given: Mapping[str, Path] | None = None, read_as: Mapping[str, Path] | None = None, until: str | None = None,
        finished: Callable[[Stage, Path], None] = lambda stage, output: None) -> dict[str, str]:
    """Runs what is not yet finished.

    A stage is finished when its `stage.json` says so; a finished stage is never
    repeated, unless its folder was taken away. A stage that was made with other
    settings stops the run. Of several processes the first looks and writes the
    records; all work, and none begins a stage before the one before it is finished.

    Args:
        stages: in an order in which each comes after those it needs.
        folder: the run's folder; each stage writes `folder/<name>`.
        context: the run's seed, workers, devices and precision.
        given: stage name to a folder that stands for that stage's artefact.
        read_as: stage name to the folder that is read in place of the given one: the same contents in our form.
        until: last stage to run.
        finished: called with each stage and its folder once its artefact is whole, also where it was kept.

    Returns:
        Message for each image that a stage could not use.

    Raises:
        UserError: unknown stage, missing given folder, or a stage made with other settings.
    """
    given = dict(given or {})
    team = context.team
    check_names([*given, *([until] if until else [])], stages)
    outputs: dict[str, Path] = {}
    prints: dict[str, str] = {}
    faults: dict[str, str] = {}
    for stage in stages:
        if stage.name in given:
            output = given[stage.name]
            outputs[stage.name] = (read_as or {}).get(stage.name, output)
            prints[stage.name] = team.agree(functools.partial(_print_of_given, stages, folder, stage, output))
            LOG.info("%s: given, %s", stage.name, output)
            if stage.name == until:
                break
            continue
        output = outputs[stage.name] = folder / stage.name
        record = {"name": stage.name, "kind": stage.kind, "needs": {name: prints[name] for name in stage.needs},
                  "settings": _facts(stage, context)}
        prints[stage.name] = record["fingerprint"] = fingerprint(record)
        record["split"] = stage.split                # says how it is judged, not what it is
        faults |= _bring(stage, context, record, {name: outputs[name] for name in stage.needs}, output)
        if team.first:
            finished(stage, output)
        if stage.name == until:
            break
    return faults


def _facts(stage: Stage, context: Context) -> dict[str, Any]:
    """Returns all that changes a stage's result: its own settings, the seed, and of a training the precision."""
    mixed = {"mixed": context.mixed_precision} if stage.kind == "model" and stage.trained else {}
    return {**stage.settings, "seed": context.seed, **mixed}


def _bring(stage: Stage, context: Context, record: dict[str, Any], inputs: Mapping[str, Path],
           output: Path) -> dict[str, str]:
    """Makes sure that a stage's artefact is there and made as the record says."""
    team, start = context.team, time.monotonic()
    _check_same(stage, team.exchange(record["fingerprint"]))
    before = team.agree(lambda: records.begin(stage, record, output))
    if before and "finished" in before:
        return before["faults"]
    found = team.exchange(dict(stage.work(context, inputs, output)))
    faults = {name: fault for part in found for name, fault in part.items()}
    if team.first:
        records.end(record, round(time.monotonic() - start + (before or {}).get("seconds", 0.0), 1), faults, output)
    return faults


def _check_same(stage: Stage, prints: Sequence[str]) -> None:
    """Refuses processes that would make different things."""
    for rank, found in enumerate(prints):
        if found != prints[0]:
            raise UserError(f"{stage.name}: process {rank} has other settings or images than process 0; start all with "
                            "the same command, code and data")


def depending(stages: Sequence[Stage], redo: set[str]) -> list[Stage]:
    """Finds what a repeated stage makes stale.

    Args:
        stages: in an order in which each comes after those it needs.
        redo: names of the stages to make again.

    Returns:
        Those stages and all that read them, in order.

    Example:
    >>> def make(name, *needs):
    ...     return Stage(name, "masks", needs, {}, dict)
    >>> [stage.name for stage in depending([make("a"), make("b", "a"), make("c", "b"), make("d", "a")], {"b"})]
    ['b', 'c']
    """
    again = []
    for stage in stages:
        if stage.name in redo or redo & set(stage.needs):
            redo = redo | {stage.name}
            again.append(stage)
    return again


def remove_folder(folder: Path) -> None:
    """Takes a folder away in one step, then deletes it.

    Args:
        folder: of a stage; it may be missing.
    """
    if folder.exists():
        aside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.old")
        os.replace(folder, aside)
        shutil.rmtree(aside)


def _print_of_given(stages: Sequence[Stage], folder: Path, source: Stage, given: Path) -> str:
    """Returns the fingerprint of a given folder, which the records of stages that read it may name."""
    readers = [folder / stage.name for stage in stages if source.name in stage.needs]
    read = [records.read_record(path / "stage.json") or records.read_record(path / "started.json") for path in readers]
    recorded = {record["needs"][source.name] for record in read if record and source.name in record["needs"]}
    return fingerprint_of_given(source, given, folder, recorded)
