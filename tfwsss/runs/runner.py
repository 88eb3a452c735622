"""Runs stages in order; what is finished is kept, what was killed goes on, what differs is asked about."""

import datetime
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfwsss.artefacts.files import read_json, write_atomically
from tfwsss.artefacts.identity import fingerprint
from tfwsss.errors import UserError
from tfwsss.logs import LOG
from tfwsss.runs.given import fingerprint_of_given
from tfwsss.runs.origins import named_files
from tfwsss.runs.preflight import check_names
from tfwsss.runs.stage import Context, Stage


def run(stages: Sequence[Stage], folder: Path, *, context: Context = Context(),  # noqa: B008  a value, no state
        given: Mapping[str, Path] | None = None, read_as: Mapping[str, Path] | None = None, redo: Sequence[str] = (),
        until: str | None = None,
        finished: Callable[[Stage, Path], None] = lambda stage, output: None) -> dict[str, str]:
    """Runs what is not yet finished.

    A stage is finished when its `stage.json` says so; a finished stage is never
    repeated. A stage that was made with other settings stops the run.

    Args:
        stages: in an order in which each comes after those it needs.
        folder: the run's folder; each stage writes `folder/<name>`.
        context: the run's seed, workers, devices and precision.
        given: stage name to a folder that stands for that stage's artefact.
        read_as: stage name to the folder that is read in place of the given one: the same contents in our form.
        redo: stages to make again, with all that depends on them.
        until: last stage to run.
        finished: called with each stage and its folder once its artefact is whole, also where it was kept.

    Returns:
        Message for each image that a stage could not use.

    Raises:
        UserError: unknown stage, missing given folder, or a stage made with other settings.
    """
    given = dict(given or {})
    check_names([*given, *([until] if until else [])], stages)
    remove(stages, folder, redo)
    outputs: dict[str, Path] = {}
    prints: dict[str, str] = {}
    faults: dict[str, str] = {}
    for stage in stages:
        if stage.name in given:
            output = given[stage.name]
            outputs[stage.name] = (read_as or {}).get(stage.name, output)
            prints[stage.name] = fingerprint_of_given(stage, output, folder, _made_from(stages, folder, stage))
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
    before = _read(output / "stage.json") or _read(output / "started.json")
    files = named_files(_flat(record["settings"]), (before or {}).get("files", {}))
    record |= {"files": files} if files else {}
    if before and "finished" not in before and not _begun(output):
        before = None                                # it failed before it made anything: settings may change
    if before and before["fingerprint"] != record["fingerprint"]:
        raise UserError(_difference(before, record, output, stage.section or stage.name))
    for key in files if before else ():
        if before.get("files", {}).get(key, files[key])["sha256"] != files[key]["sha256"]:
            raise UserError(f"{output} was made with another {stage.section or stage.name}.{key} than "
                            f"{_flat(stage.settings)[key]} is now: its contents differ; {_cure(stage.name)}")
    if before and "finished" in before:
        LOG.info("%s: finished before, kept", stage.name)
        return before["faults"]
    LOG.info("%s: %s", stage.name, "goes on" if before else "starts")
    write_atomically(output / "started.json", _json(record))
    start = time.monotonic()
    faults = dict(stage.work(context, inputs, output))
    seconds = round(time.monotonic() - start + (before or {}).get("seconds", 0.0), 1)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    write_atomically(output / "stage.json", _json({**record, "seconds": seconds, "finished": now, "faults": faults}))
    LOG.info("%s: finished in %.1f s", stage.name, seconds)
    return faults


def _begun(output: Path) -> bool:
    """Tells whether a stage has left anything but the record of its start."""
    return any(path.is_file() and path.name != "started.json" for path in output.rglob("*"))


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


def remove(stages: Sequence[Stage], folder: Path, redo: Sequence[str]) -> None:
    """Deletes stages by their names, and all that depend on them.

    Args:
        stages: of the run.
        folder: of the run.
        redo: names; an unknown one is a UserError.
    """
    check_names(redo, stages)
    for stage in depending(stages, set(redo)):
        remove_folder(folder / stage.name)


def remove_folder(folder: Path) -> None:
    """Takes a folder away in one step, then deletes it.

    Args:
        folder: of a stage; it may be missing.
    """
    if folder.exists():
        aside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.old")
        os.replace(folder, aside)
        shutil.rmtree(aside)


def _made_from(stages: Sequence[Stage], folder: Path, source: Stage) -> set[str]:
    """Returns the fingerprints of a stage that the records of those that read it name."""
    readers = [folder / stage.name for stage in stages if source.name in stage.needs]
    records = [_read(path / "stage.json") or _read(path / "started.json") for path in readers]
    return {record["needs"][source.name] for record in records if record and source.name in record["needs"]}


def _difference(before: Mapping[str, Any], now: Mapping[str, Any], output: Path, section: str) -> str:
    """Says what makes an earlier artefact unfit."""
    cure = _cure(now["name"])
    old, new = _flat(before["settings"]), _flat(now["settings"])
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            return f"{output} was made with {_change(key, old, new, section)}; {cure}"
    for need, print_ in now["needs"].items():
        if before["needs"].get(need) != print_:
            return f"{output} was made from another '{need}'; {cure}"
    return f"{output} was made as another kind of stage; {cure}"


def _cure(stage: str) -> str:
    return f"add --redo {stage} to make it again, or name another folder with --run"


def _change(key: str, old: Mapping[str, Any], new: Mapping[str, Any], section: str) -> str:
    """Says what a stage was made with, and what it would be made with now."""
    if key == "images":
        return "other images or labels"
    if key.startswith("versions."):                              # a record without it: the first version
        return f"{key.removeprefix('versions.')} version {old.get(key, 1)}, now {new.get(key, 1)}"
    return f"{section}.{key} = {old.get(key)!r}, now {new.get(key)!r}"


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, value in settings.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return flat


def _read(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    cure = "delete its folder to make the stage again"
    record = read_json(path, cure, str(path))
    if not isinstance(record, dict) or not record.keys() >= {"fingerprint", "settings", "needs"}:
        raise UserError(f"{path} cannot be read (it is no record of a stage); {cure}")
    return record


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()
