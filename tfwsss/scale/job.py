"""What is to be labelled by which model, and whether the folder of masks is that of the same work."""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from tfwsss.artefacts.identity import fingerprint
from tfwsss.data.labels import label_indices, read_table
from tfwsss.data.patterns import Pattern, parse
from tfwsss.errors import UserError, brief
from tfwsss.scale import patterns, places
from tfwsss.scale.names import composed

RECORD, FAULTS, MASKS = "label.json", "faults.csv", "masks/"
"""Beside the masks: what made them; photographs without one, and why; and the folder of the masks."""

_GRAPH, _CLASSES, _WEIGHTS = "saved_model.pb", "assets/labels.txt", "variables/variables.index"


class Job(NamedTuple):
    """What every worker is told.

    Args:
        model: folder of one version of an exported model.
        classes: names of its mask ids.
        images: the photographs.
        out: folder of the masks, with "/" at its end.
        tags: table of tags; None lets the network decide.
        threads: of TensorFlow, a worker; 0: its own choice.
    """

    model: str
    classes: tuple[str, ...]
    images: Pattern
    out: str
    tags: str | None = None
    threads: int = 0

    @property
    def masks(self) -> Pattern:
        """Returns the masks that lie there."""
        return Pattern(self.out + MASKS, r".*\.png", None, "", f"{self.out}{MASKS}**")

    def mask(self, name: str) -> str:
        """Returns the file of a mask.

        Args:
            name: as `names.missing` gives it.
        """
        return f"{self.out}{MASKS}{name}.png"


def make_job(model: str, images: str, out: str, tags: str | None = None, threads: int = 0) -> Job:
    """Looks at what a call names.

    Args:
        model: folder of an exported model, or of one of its versions.
        images: file, folder or pattern.
        out: folder for the masks.
        tags: CSV with the columns name and classes; names with or without ending, counted from the pattern's base.
        threads: of TensorFlow, a worker.

    Returns:
        Job.

    Raises:
        UserError: no such model, no photograph, a table that cannot be used, or masks among the photographs.
    """
    for path in (model, images, out, *([tags] if tags else [])):
        places.check_readable(path)
    out = out.rstrip("/") + "/"
    version = find_version(model)
    classes = tuple(places.read(version + _CLASSES).decode().splitlines())
    pattern = parse(images, out)
    if _whole(pattern.base) == _whole(out):
        raise UserError(f"--out {out}: is where the photographs lie; name another folder, such as {out}found")
    job = Job(version, classes, pattern, out, tags, threads)
    if tags:
        read_tags(job)
    return job


def find_version(model: str) -> str:
    """Finds the latest version of an exported model.

    Args:
        model: folder of the model, or of a version.

    Returns:
        Folder of the version, with "/" at its end.

    Raises:
        UserError: there is none that `tfwsss.export` has made.
    """
    here = model.rstrip("/") + "/"
    found = [here] if places.exists(here + _GRAPH) else []
    if not found:
        numbers = [place.split("/")[0] for place in patterns.match(parse(f"{here}*/{_GRAPH}"))]
        versions = sorted((number for number in numbers if number.isdecimal()), key=int)
        found = [f"{here}{number}/" for number in versions[-1:]]
    if not found:
        raise UserError(f"--model {model}: no exported model; expected VERSION/{_GRAPH} in it, as python -m "
                        "tfwsss.export makes it")
    if not places.exists(found[0] + _CLASSES):
        raise UserError(f"--model {model}: has no {_CLASSES}; export the run again by python -m tfwsss.export")
    return found[0]


def read_tags(job: Job) -> dict[str, tuple[int, ...]]:
    """Reads the table of tags.

    Args:
        job: with a table.

    Returns:
        Name as written there to labels, counted without background; names that stand twice have the tags of both.

    Raises:
        UserError: the table cannot be read, or a tag is no class of the model.
    """
    with places.on_disk(job.tags) as path:
        found: dict[str, tuple[int, ...]] = {}
        for row in read_table(path, job.classes):
            labels = label_indices(path, row, job.classes)
            found[composed(row.name)] = tuple(sorted({*labels, *found.get(composed(row.name), ())}))
    return found


def claim(job: Job) -> None:
    """Writes down what makes the masks of a folder, and refuses one whose masks others have made.

    Args:
        job: the work.

    Raises:
        UserError: the folder cannot be written, or holds masks of another model, base or table.
    """
    path = job.out + RECORD
    if places.exists(job.out + MASKS.rstrip("/")):
        raise UserError(f"--out {job.out}: masks in it is a file, not a folder; name another folder")
    now = {"model": _fingerprint(job), "base": _whole(job.images.base),
           "tags": None if job.tags is None else _hash(job.tags)}
    if places.exists(path):
        before = _record(path)
        others = [key for key, value in now.items() if before.get(key) != value]
        if others:
            words = {"model": "another model", "base": f"photographs of {before.get('base')}", "tags": "other tags"}
            raise UserError(f"--out {job.out}: holds masks made with {' and '.join(words[key] for key in others)}; "
                            "name another folder, or delete this one")
        return
    if next(patterns.match(job.masks), None) is not None:
        raise UserError(f"--out {job.out}: holds masks that label has not made; name another folder")
    text = {**now, "path": job.model, "classes": list(job.classes)}
    places.write(path, json.dumps(text, ensure_ascii=False, indent=1).encode())


def _record(path: str) -> dict[str, Any]:
    try:
        return dict(json.loads(places.read(path)))
    except Exception as error:
        raise UserError(f"{path}: cannot be read ({brief(error)}); name another --out, or delete this one") from error


def _fingerprint(job: Job) -> str:
    """Tells a model by its graph and the check sums of its weights, without reading these."""
    return fingerprint([_hash(job.model + file) for file in (_GRAPH, _WEIGHTS, _CLASSES)
                        if places.exists(job.model + file)])


def _hash(path: str) -> str:
    return hashlib.sha256(places.read(path)).hexdigest()


def _whole(folder: str) -> str:
    """Returns a folder's full path, with "/" at its end: where a command is given again, others may be called so."""
    return folder if places.is_remote(folder) else Path(folder or ".").resolve().as_posix().rstrip("/") + "/"
