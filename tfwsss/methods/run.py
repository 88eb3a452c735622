"""What `python -m tfwsss.train` does: settings, images, stages, scores, report."""

import importlib.metadata
import json
import platform
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfwsss import logs, methods
from tfwsss.artefacts.files import read_json, write_atomically
from tfwsss.backbones.initial import fetch_imagenet
from tfwsss.data.corrections import KEY
from tfwsss.data.label_counts import count_labels
from tfwsss.data.sources import Splits
from tfwsss.errors import UserError
from tfwsss.logs import LOG
from tfwsss.methods import automatic
from tfwsss.methods.opened import PRESENCE, load_run
from tfwsss.methods.presence import choose_presence
from tfwsss.methods.surveyed import corrected_masks, given_masks, look
from tfwsss.methods.together import follow, lead
from tfwsss.runs import data_parallel, devices, doubts, preflight, resources, runner, scoring, without_truth
from tfwsss.runs.lock import locked
from tfwsss.runs.membership import member
from tfwsss.runs.origins import CHANGED, Origins
from tfwsss.runs.stage import Stage
from tfwsss.runs.team import Team
from tfwsss.settings import reading, reference
from tfwsss.settings.sections import RunSettings

_HINT = ("no config: training on the built-in data set. For your own photographs add --config auto --set "
         "data.root=FOLDER (labels.csv and images/ in it); for VOC 2012 add --config configs/icd_voc12.yaml "
         "--set data.root=VOCdevkit/VOC2012")
_METRICS = "metrics.json"
_PACKAGES = ("tfwsss", "tensorflow", "keras", "numpy", "scikit-image", "opencv-python-headless")


def train(method: str | None, file: Path | None, folder: Path | None, sets: Sequence[str] = (),
          redo: Sequence[str] = (), until: str | None = None, *,
          report: Callable[[Path], Path]) -> tuple[dict[str, Any], dict[str, str]]:
    """Runs a method and scores, reports and lists what came of it.

    Args:
        method: its name; None: the file's, or else ICD.
        file: YAML of settings, `auto`, or None.
        folder: of the run, or None.
        sets: single settings, `section.key=value`.
        redo: stages to make again; `changed`: whatever was made of files that differ now.
        until: last stage to run.
        report: writes the page of a run folder, and says where.

    Returns:
        `run`, `report` and `miou` (stage to mean IoU, 0 to 1), and a message for each image that could not be used;
        both empty of all but the first of several processes.

    Raises:
        UserError: whatever the user can mend.
    """
    logs.open_log()
    settings = read_settings(method, file, sets)
    folder = folder or Path("runs") / f"{settings.method}-{settings.data.kind}"
    with member(folder) as team:
        devices.strategy(settings.devices)   # first: TensorFlow splits no processor that it has begun to use
        if not team.first:
            return follow(settings, folder, team, until)
        with locked(folder):
            logs.open_log(folder)
            if file is None and settings.data.kind == "demo":
                LOG.info(_HINT)
            return _lead(settings, sets if file == automatic.NAME else None, folder, team, redo, until, report)


def _lead(settings: RunSettings, auto: Sequence[str] | None, folder: Path, team: Team, redo: Sequence[str],
          until: str | None, report: Callable[[Path], Path]) -> tuple[dict[str, Any], dict[str, str]]:
    """Does what the first process does: looks at everything, deletes, writes, scores and reports."""
    splits, corrections, faults = look(settings, folder)
    chosen = None
    if auto is not None:
        chosen = automatic.settle(settings.method, reading.parse_sets(auto), splits.training, folder)
        settings = chosen.settings
        logs.show(automatic.in_a_table(chosen))
    stages = methods.get(settings.method).stages(settings, splits)
    named = [name for name in redo if name != CHANGED]
    preflight.check_names([*settings.given, *named, *([until] if until else [])], stages)
    as_ids = given_masks(stages, settings.given, splits, folder)
    corrected = corrected_masks(corrections, splits, folder / "given" / KEY)
    as_ids |= {KEY: folder / "given" / KEY} if corrections else {}
    again = [stage.name for stage in runner.depending(stages, set(named))] + [CHANGED] * (CHANGED in redo)
    origins = Origins(folder, splits)
    stale = origins.stale(stages, settings.given, again)
    doubtful = _check(stages, folder, settings, splits, {*again, *stale.whole, *stale.partly}, until)
    _settle(folder, origins, stages, settings.given, again)
    noted = {"corrected": dict(corrected), "doubts": list(doubtful), **({"auto": chosen.record()} if chosen else {})}
    _write_config(folder, settings, splits, noted)
    faults = faults | lead(stages, settings, folder, team, as_ids, until,
                           lambda stage, output: score(folder, stage, output, splits),
                           lambda: choose_presence(load_run(folder), splits.training))
    write_atomically(folder / "faults.json", json.dumps(faults, indent=1, ensure_ascii=False).encode())
    page = report(folder)
    metrics = _told(folder)
    miou = {name: score["miou"] for name, score in metrics.items() if score["miou"] is not None}
    LOG.info("report: %s", page)
    return {"run": str(folder), "report": str(page), "miou": miou}, faults


def read_settings(method: str | None, file: Path | None, sets: Sequence[str]) -> RunSettings:
    """Returns a method's settings: defaults, or those of the built-in data set, then the file, then single ones.

    Args:
        method: its name; None: the file's, or else ICD.
        file: YAML, or None; `auto`: what does not rest on the images.
        sets: texts `section.key=value`.

    Raises:
        UserError: unknown method or key, or a value of a wrong type.
    """
    values = reading.read_yaml(file) if file and file != automatic.NAME else {}
    method = method or str(values.get("method") or methods.METHODS[0])
    own = methods.get(method)
    single = reading.parse_sets(sets)
    single = automatic.before_choosing(single) if file == automatic.NAME else single
    if values.get("method", method) != method:
        raise UserError(f"{file} is for method '{values['method']}', but --method is '{method}'; drop one of them")
    chosen = reading.merge(values, single)
    data = chosen.get("data") or {}
    base = own.demo if isinstance(data, Mapping) and data.get("kind", "demo") == "demo" else {}
    origin = " and ".join(filter(None, [str(file) if file else "", "--set" if sets else ""])) or "defaults"
    return reading.build(own.config, reading.merge(base, chosen) | {"method": method}, origin)


def settings_in_words(method: str | None, file: Path | None, sets: Sequence[str] = (), form: str = "text") -> str:
    """Returns every key that can be set, with its type and range, its value, and what it means.

    Args:
        method: its name; None: the file's, or else ICD.
        file: YAML, or None: values are those of the built-in data set where no other data is named.
        sets: texts `section.key=value`.
        form: `text`, or `markdown`: tables.

    Raises:
        UserError: as `read_settings`.
    """
    if file == automatic.NAME:
        raise UserError("--settings with --config auto: the choice rests on the images; --dry-run prints it")
    keys = list(reference.keys_of(read_settings(method, file, sets)))
    return reference.as_markdown(keys) if form == "markdown" else reference.as_text(keys)


def _check(stages: Sequence[Stage], folder: Path, settings: RunSettings, splits: Splits, again: Collection[str],
           until: str | None) -> list[str]:
    """Looks for weights, and returns what is doubtful, before any time is spent and anything is deleted."""
    pending = preflight.pending(stages, folder, settings.given, until, again)
    preflight.check_weights(pending, fetch_imagenet)
    if data_parallel.under_jax():
        preflight.check_batches(pending, devices.strategy(settings.devices).num_replicas_in_sync)
    doubtful = preflight.doubts(pending, splits)
    for line in (*doubtful, *resources.shortages(pending, folder, splits)):
        LOG.warning(line)
    return doubtful


def _write_config(folder: Path, settings: RunSettings, splits: Splits, noted: Mapping[str, Any]) -> None:
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    used = {name: images for name, images in splits._asdict().items() if images}
    record = {"method": settings.method, "config": settings.model_dump(mode="json"), "versions": versions,
              "classes": list(splits.training.classes),
              "images": {name: len(images.names) for name, images in used.items()},
              "labels": {name: count_labels(images) for name, images in used.items() if name != "val"},
              **noted}
    write_atomically(folder / "config.json", json.dumps(record, indent=1, ensure_ascii=False).encode())


def _told(folder: Path, file: str = _METRICS) -> dict[str, Any]:
    """Returns what a file of a run tells of its stages; nothing where there is none."""
    return read_json(folder / file) if (folder / file).is_file() else {}


def _tell(folder: Path, told: Mapping[str, Any], file: str = _METRICS) -> None:
    write_atomically(folder / file, json.dumps(told, indent=1, ensure_ascii=False).encode())


def _settle(folder: Path, origins: Origins, stages: Sequence[Stage], given: Mapping[str, Path],
            again: Sequence[str]) -> None:
    """Deletes what is made again, with what is told of it; then what is there counts as what the rest was made from."""
    unused = origins.unused(stages, given, again)
    stale = origins.settle(stages, given, again)
    for name in {*again, *stale.whole, *unused} - {CHANGED}:
        runner.remove_folder(folder / name)
        (folder / PRESENCE).unlink(missing_ok=True)          # chosen by networks of before
    _forget(folder, stages, [*again, *stale.whole, *stale.scored])
    origins.keep()


def _forget(folder: Path, stages: Sequence[Stage], redo: Sequence[str]) -> None:
    """Drops what is told of stages that are not finished, are made again, or are none of this method's now."""
    own = {stage.name for stage in stages} - {stage.name for stage in runner.depending(stages, set(redo))}
    for file in (_METRICS, without_truth.FILE):
        told = _told(folder, file)
        kept = {name: told[name] for name in told if name in own and (folder / name / "stage.json").is_file()}
        if file == _METRICS or kept != told:
            _tell(folder, kept, file)


def score(folder: Path, stage: Stage, output: Path, splits: Splits) -> None:
    """Scores a finished stage where there are masks to score by; else says what is doubtful about it.

    Args:
        folder: of the run; `metrics.json` in it keeps the scores.
        stage: of the run.
        output: its folder.
        splits: the usable images.
    """
    metrics, images = _told(folder), getattr(splits, stage.split)
    if stage.name in metrics:
        return
    if stage.kind not in scoring.KINDS or not images.masks:
        for line in doubts.of_stage(stage.kind, output, images):
            LOG.warning("%s: %s", stage.name, line)
        if stage.kind == "masks":
            _describe(folder, stage, output, splits)
        return
    found = dict(scoring.evaluate(stage.kind, output, images))
    _tell(folder, {**metrics, stage.name: found})
    for warning in found["warnings"]:
        LOG.warning("%s: %s", stage.name, warning)
    if found["miou"] is not None:
        LOG.info("%s: mean IoU %.1f %%", stage.name, 100 * found["miou"])


def _describe(folder: Path, stage: Stage, output: Path, splits: Splits) -> None:
    """Keeps what can be said of a finished stage's masks without truth, beside masks of stages before it."""
    known, images = _told(folder, without_truth.FILE), getattr(splits, stage.split)
    made = read_json(output / "stage.json")["fingerprint"]
    if known.get(stage.name, {}).get("fingerprint") == made:
        return
    others = {name: folder / name for name in ("cam_masks", "labels", "seeds", "pseudo")
              if name != stage.name and known.get(name, {}).get("split") == stage.split}
    found = without_truth.describe_masks(output, images, others)
    if found:
        found = {"split": stage.split, "fingerprint": made, **found}
        _tell(folder, {**known, stage.name: found}, without_truth.FILE)
        LOG.info("%s: %s", stage.name, without_truth.in_words(found))
