"""What a stage was made with: its record in its folder, written when it begins and when it ends."""

import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfwsss.artefacts.files import read_json, write_atomically
from tfwsss.errors import UserError
from tfwsss.logs import LOG
from tfwsss.runs.origins import named_files
from tfwsss.runs.stage import Stage


def begin(stage: Stage, record: dict[str, Any], output: Path) -> dict[str, Any] | None:
    """Notes that a stage begins, unless it is finished.

    Args:
        stage: to be made.
        record: what it is made with now; the identities of weights files that its settings name are added.
        output: its folder.

    Returns:
        Record of what was made before, with "finished" where all of it was; None where there is none.

    Raises:
        UserError: it was made with other settings, files or inputs.
    """
    before = _made_with(output)
    files = named_files(_flat(record["settings"]), (before or {}).get("files", {}))
    record |= {"files": files} if files else {}
    if before and before["fingerprint"] != record["fingerprint"]:
        raise UserError(_difference(before, record, output, stage.section or stage.name))
    for key in files if before else ():
        if before.get("files", {}).get(key, files[key])["sha256"] != files[key]["sha256"]:
            raise UserError(f"{output} was made with another {stage.section or stage.name}.{key} than "
                            f"{_flat(stage.settings)[key]} is now: its contents differ; {_cure(stage.name)}")
    if before and "finished" in before:
        LOG.info("%s: finished before, kept", stage.name)
        return before
    LOG.info("%s: %s", stage.name, "goes on" if before else "starts")
    write_atomically(output / "started.json", _json(record))
    return before


def end(record: Mapping[str, Any], seconds: float, faults: Mapping[str, str], output: Path) -> None:
    """Writes the record of a finished stage.

    Args:
        record: as of `begin`.
        seconds: that it took in all.
        faults: message for each image that could not be used.
        output: its folder.
    """
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    write_atomically(output / "stage.json", _json({**record, "seconds": seconds, "finished": now, "faults": faults}))
    LOG.info("%s: finished in %.1f s", record["name"], seconds)


def difference(stage: Stage, seed: int, output: Path) -> str | None:
    """Says what a stage, finished or begun, was made with that is otherwise now, as the run would when it comes to it.

    Args:
        stage: as it would be made now.
        seed: of the run.
        output: its folder.

    Returns:
        The message; None where its settings are the same, or nothing is made yet. What only the run itself looks at,
        the contents of the stages that it needs and of weights files, is taken to be the same.

    Raises:
        UserError: its record cannot be read.
    """
    before = _made_with(output)
    if before is None:
        return None
    settings = {**stage.settings, "seed": seed}
    if "mixed" in before["settings"]:                # of a training, known once it runs
        settings["mixed"] = before["settings"]["mixed"]
    needs = {need: before["needs"].get(need, "another") for need in stage.needs}
    now = {"name": stage.name, "needs": needs, "settings": json.loads(_json(settings))}
    if needs == before["needs"] and _flat(before["settings"]) == _flat(now["settings"]):
        return None
    return _difference(before, now, output, stage.section or stage.name)


def read_record(path: Path) -> dict[str, Any] | None:
    """Returns the record of a stage; None where there is no file.

    Args:
        path: `stage.json` or `started.json`.

    Raises:
        UserError: it cannot be read, or holds something else.
    """
    if not path.is_file():
        return None
    cure = "delete its folder to make the stage again"
    record = read_json(path, cure, str(path))
    if not isinstance(record, dict) or not record.keys() >= {"fingerprint", "settings", "needs"}:
        raise UserError(f"{path} cannot be read (it is no record of a stage); {cure}")
    return record


def _made_with(output: Path) -> dict[str, Any] | None:
    """Returns the record of what a stage has made; None where it has made nothing, so that its settings may change."""
    if finished := read_record(output / "stage.json"):
        return finished
    started = read_record(output / "started.json")
    return started if started and _begun(output) else None


def _begun(output: Path) -> bool:
    """Tells whether a stage has left anything but the record of its start."""
    return any(path.is_file() and path.name != "started.json" for path in output.rglob("*"))


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


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()
