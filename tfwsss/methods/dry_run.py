"""What `--dry-run` prints: the stages of a run with sizes and estimates. Nothing starts, and nothing is written."""

import json
import math
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tfwsss import logs, methods
from tfwsss.data import label_counts
from tfwsss.data.corrections import open_corrected
from tfwsss.data.sources import Splits
from tfwsss.errors import UserError
from tfwsss.logs import LOG
from tfwsss.methods import automatic
from tfwsss.methods.run import read_settings
from tfwsss.runs import preflight, records
from tfwsss.runs.resources import bytes_in_words, copies_of
from tfwsss.runs.stage import Stage
from tfwsss.settings import reading

_BLOCK = 4096                                   # bytes that the smallest file takes
_PIXELS = {"masks": 40, "regions": 8, "saliency": 4}        # of an image, that one byte of its file stands for
_MILLIONS = {"small": 0.3, "mobilenet_v2": 3.8, "vgg16": 21, "resnet38": 105, "dinov2_small": 22, "dinov2_base": 86,
             "clip_b16": 86}                    # parameters, heads with them
_NO_FACT = {"images", "seed", "files", "versions", "initial"}
_TITLES = ("stage", "writes", "images", "sees", "steps", "on disk", "time")


class Estimate(NamedTuple):
    """What is known of a stage before it starts.

    Args:
        name: of the stage.
        kind: of its files.
        images: it works on.
        sees: side in pixels that a network sees; None: images as they are.
        steps: of training; None: trains nothing.
        size: bytes on disk, roughly; of a training while it lasts.
        seconds: as an earlier run with the same settings took, in proportion; None: there is none.
        finished: nothing is left to be done, or it is given.
    """

    name: str
    kind: str
    images: int
    sees: int | None
    steps: int | None
    size: int
    seconds: float | None
    finished: bool


def plan(method: str | None, file: Path | None, folder: Path | None, sets: Sequence[str] = (),
         until: str | None = None) -> str:
    """Returns the stages that a command would run, with sizes and estimates.

    Args:
        method: its name; None: the file's, or else ICD.
        file: YAML of settings, `auto`, or None.
        folder: of the run, or None.
        sets: single settings, `section.key=value`.
        until: last stage to run.

    Returns:
        A table for people.

    Raises:
        UserError: what would stop the command before it starts.
    """
    logs.open_log()
    settings = read_settings(method, file, sets)
    folder = folder or Path("runs") / f"{settings.method}-{settings.data.kind}"
    with tempfile.TemporaryDirectory() as aside:
        splits, _ = open_corrected(settings.data, Path(aside), settings.given)
        first = []
        if file == automatic.NAME:
            chosen = automatic.settle(settings.method, reading.parse_sets(sets), splits.training, folder)
            settings, first = chosen.settings, [automatic.in_a_table(chosen), ""]
        LOG.info("labels to train on: %s", label_counts.in_words(label_counts.count_labels(splits.training)))
        stages = methods.get(settings.method).stages(settings, splits)
        preflight.check_names([*settings.given, *([until] if until else [])], stages)
        pending = preflight.pending(stages, folder, settings.given, until)
        found = estimates(stages, pending, folder, splits)
    for line in [*_stale(preflight.wanted(stages, settings.given, until), settings.seed, folder),
                 *_doubts(pending, splits)]:
        LOG.warning(line)
    return "\n".join([*first, *_table(found)])


def _stale(stages: Sequence[Stage], seed: int, folder: Path) -> Iterator[str]:
    """Yields why the run would refuse to go on with what is finished."""
    for stage in stages:
        if text := records.difference(stage, seed, folder / stage.name):
            yield text


def _doubts(pending: Sequence[Stage], splits: Splits) -> Iterator[str]:
    try:
        preflight.check_weights(pending, lambda name: None)
    except UserError as error:
        yield str(error)
    yield from preflight.doubts(pending, splits)


def estimates(stages: Sequence[Stage], pending: Sequence[Stage], folder: Path, splits: Splits) -> list[Estimate]:
    """Estimates what stages take.

    Args:
        stages: of the method.
        pending: those still to be made.
        folder: of the run, beside which earlier ones lie.
        splits: images of the run.

    Returns:
        One estimate a stage, in order.
    """
    sizes = automatic.sizes_of(splits.pseudo)
    pixels = round(statistics.mean(rows * columns for rows, columns in sizes))
    left, found = {stage.name for stage in pending}, []
    for stage in stages:
        own, images = stage.settings, _images(stage, splits)
        window = own.get("window")              # larger images are seen in pieces, others as they are
        sees = own.get("crop") or own.get("side") or own.get("canvas") or \
            (window if window and window < max(map(max, sizes)) else None)
        steps = own["epochs"] * max(1, images // own["batch_size"]) if stage.kind == "model" and \
            {"epochs", "batch_size"} <= own.keys() else None
        found.append(Estimate(stage.name, stage.kind, images, sees, steps, _size(stage, images, pixels, splits),
                              _seconds(stage, images, folder), stage.name not in left))
    return found


def _images(stage: Stage, splits: Splits) -> int:
    """Returns how many images a stage works on."""
    used = splits._asdict()
    if stage.kind == "model":
        return len(splits.training.names)
    if stage.kind == "regions":                     # made of all that are trained on and labelled
        return len({*splits.training.names, *splits.pseudo.names})
    return len(used[stage.split].names)


def _size(stage: Stage, images: int, pixels: int, splits: Splits) -> int:
    if stage.kind == "model":
        name = (stage.settings.get("backbone") or {}).get("name", "")
        millions = _MILLIONS.get(name, 45 if "101" in name else 25)
        return round(copies_of(stage) * 4 * millions * 1e6)
    if stage.kind in _PIXELS:
        each = pixels / _PIXELS[stage.kind]
    else:                                           # half precision, each class of the image
        canvas, stride = stage.settings.get("canvas"), 1 if stage.kind == "marginals" else 16
        shown = max(1, round(statistics.mean(len(splits.pseudo.labels[name]) for name in splits.pseudo.names)))
        each = 2 * shown * ((canvas / stride) ** 2 if canvas else pixels)
    return images * _BLOCK * max(1, math.ceil(each / _BLOCK))


def _seconds(stage: Stage, images: int, folder: Path) -> float | None:
    """Returns the time by an earlier run beside this one that made the stage with the same settings."""
    for path in sorted(folder.parent.glob(f"*/{stage.name}/stage.json")):
        try:
            before = json.loads(path.read_text("utf-8"))
            counts = json.loads((path.parents[1] / "config.json").read_text("utf-8"))["images"]
            count = counts["training" if before["kind"] == "model" else before["split"]]
            if stage.kind == "regions":
                count = max(counts["training"], counts["pseudo"])
            if _facts(before["settings"]) == _facts(stage.settings) and count:
                return before["seconds"] * images / count
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def _facts(settings: Mapping[str, Any]) -> Any:
    """Returns what makes a stage as slow as it is, as JSON values."""
    def plain(value: Any) -> Any:
        return {key: plain(one) for key, one in value.items() if key not in {*_NO_FACT, "mixed"}} \
            if isinstance(value, Mapping) else value

    return json.loads(json.dumps(plain(settings)))


def _table(found: Sequence[Estimate]) -> Iterator[str]:
    rows = [_TITLES, *(_cells(one) for one in found)]
    left = [one for one in found if not one.finished]
    known = [one.seconds for one in left if one.seconds is not None]
    time = in_words(sum(known)) if known and len(known) == len(left) else \
        f"{in_words(sum(known))} and more" if known else "not known: no earlier run lies beside it"
    steps, size = sum(one.steps or 0 for one in left), sum(one.size for one in left)
    rows.append(("to do", "", "", "", str(steps), bytes_in_words(size), time))
    widths = [max(len(row[place]) for row in rows) for place in range(len(_TITLES))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield "Dry run: nothing was started, and nothing written."


def _cells(one: Estimate) -> tuple[str, ...]:
    time = "finished" if one.finished else "?" if one.seconds is None else in_words(one.seconds)
    return (one.name, one.kind, str(one.images), str(one.sees or "as it is"), str(one.steps or ""),
            bytes_in_words(one.size), time)


def in_words(seconds: float) -> str:
    """Returns a time for people.

    Args:
        seconds: of it.

    Example:

    >>> in_words(4000), in_words(61), in_words(9.6)
    ('1 h 7 min', '1 min', '10 s')
    """
    minutes = round(seconds / 60)
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
