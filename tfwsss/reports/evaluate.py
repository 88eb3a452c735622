"""Scores any masks or class maps: of a run's stage, or of a folder that somebody else wrote."""

from pathlib import Path
from typing import Any

import numpy as np

from tfwsss import logs
from tfwsss.artefacts.files import EXTENSIONS, read_json
from tfwsss.data.colour_table import FILE, is_colour_table, read_colour_table
from tfwsss.data.finding import Found, find_images
from tfwsss.data.image_set import ImageSet
from tfwsss.data.labels import read_classes, read_lines
from tfwsss.errors import UserError
from tfwsss.palette import voc_palette
from tfwsss.runs.scoring import KINDS, Progress, evaluate


def evaluate_folder(folder: Path, *, stage: str | None = None, truth: Path | None = None, classes: Path | None = None,
                    names: Path | None = None, progress: Progress | None = None) -> dict[str, Any]:
    """Scores a stage of a run, or a folder of masks or class maps.

    Args:
        folder: a run, or a folder of masks (PNG) or scores (npz).
        stage: of the run; None: its last finished one that made masks or scores.
        truth: folder of true masks; None: those of the run's own images.
        classes: file of class names, needed with `truth`.
        names: list of the names to score; None: all.
        progress: called after every image.

    Returns:
        `folder`, and what `runs.scoring.evaluate` yields.

    Raises:
        UserError: there is nothing to score, or nothing to score it by: no mask of `truth` holds a class.
    """
    found, kind, images = _subject(folder, stage, truth, classes)
    if names:
        images = images.subset(read_lines(names))
    score = dict(evaluate(kind, found, images, progress=progress))
    if truth and score["images"] and score["miou_ignore_as_error"] is None:
        raise UserError(f"--truth {truth}: {score['warnings'][-1]}")
    return {"folder": str(found), **score, "faults": {**(images.faults if truth else {}), **score["faults"]}}


def images_of_run(run: Path, split: str = "pseudo") -> ImageSet:
    """Returns the images of a run by what they are for.

    Args:
        run: folder of the run.
        split: field of `data.sources.Splits`.

    Returns:
        ImageSet.

    Raises:
        UserError: the run's configuration or its data cannot be read, or it has no such images.
    """
    with logs.quiet_loading():
        from tfwsss.methods.opened import load_run  # loads TensorFlow: not for a folder against a folder

    return load_run(run).images(split)


def images_of_masks(truth: Path, classes: Path | None = None) -> ImageSet:
    """Returns an image set that has masks only: enough to score against.

    Args:
        truth: folder of PNG masks, searched with its sub-folders.
        classes: file of class names, or a table of their colours; None: the `labelmap.txt` beside the masks.

    Returns:
        ImageSet without image-level labels; names are the masks' paths without ending. Masks whose names cannot be
        used are its faults.

    Raises:
        UserError: there is no mask, or the class names cannot be read.
    """
    beside = next((folder / FILE for folder in (truth, truth.resolve().parent) if (folder / FILE).is_file()), None)
    if classes is None and beside is None:
        raise UserError("--truth and --classes go together: a folder of masks and the names of their ids, where no "
                        f"{FILE} lies beside the masks")
    found = find_images(truth)
    masks: dict[str, Path] = {}
    faults = {name: fault for name, fault in found.faults.items() if name.lower().endswith(".png")}
    others = [name for name in found.faults if name not in faults]
    for path in found.images.values():
        place = path.relative_to(truth)
        name = place.with_suffix("").as_posix()
        if path.suffix.lower() != ".png":
            others.append(str(place))
        elif name in masks:
            faults[str(place)] = f"{path}: is named like {masks[name]}; rename one of them"
        else:
            masks[name] = path
    Found({}, {}, sorted(others)).tell(truth)
    if not masks:
        raise UserError(f"--truth {truth}: {next(iter(faults.values()), 'no PNG there')}; name the folder of the true "
                        "masks")
    named, palette = _classes_of(classes, beside)
    return ImageSet(tuple(masks), truth, named, palette, images=masks,
                    labels=dict.fromkeys(masks, ()), masks=masks, faults=faults)


def _classes_of(file: Path | None, beside: Path | None) -> tuple[tuple[str, ...], np.ndarray]:
    """Returns the class names that a file tells, and their colours, of it or of the table beside the masks."""
    if file is None or is_colour_table(file):
        return read_colour_table(file or beside)
    named = read_classes(file)
    return read_colour_table(beside).ordered(named, beside) if beside else (named, voc_palette())


def _subject(run: Path, stage: str | None, truth: Path | None,
             classes: Path | None) -> tuple[Path, str, ImageSet]:
    """Returns folder and kind of the artefact to score, and the image set to score it against."""
    folder, kind, split = run, None, "pseudo"
    if not run.is_dir():
        raise UserError(f"{run}: no such folder; name a run or a folder of masks or scores")
    is_run = (run / "config.json").is_file()
    if is_run:
        folder, kind, split = _stage_of(run, stage)
    elif stage:
        raise UserError(f"--stage {stage}: {run} is no run, it has no config.json; leave --stage out")
    if classes and truth is None:
        raise UserError("--truth and --classes go together: a folder of masks and the names of their ids")
    if truth is None and not is_run:
        raise UserError(f"{run}: is no run, it has no config.json; add --truth FOLDER --classes FILE")
    images = images_of_masks(truth, classes) if truth else images_of_run(run, split)
    return folder, kind or _kind_of(folder), images


def _stage_of(run: Path, name: str | None) -> tuple[Path, str | None, str]:
    """Returns folder, kind and images of a stage; without a name, of the last finished one that can be scored."""
    if name is None:
        records = [read_json(path) for path in run.glob("*/stage.json")]
        records = [record for record in records if isinstance(record, dict) and record.get("kind") in KINDS]
        if not records:
            raise UserError(f"{run}: no finished stage has masks or scores; name an unfinished one by --stage")
        name = max(records, key=lambda record: str(record.get("finished")))["name"]
    if name not in [path.name for path in run.iterdir() if path.is_dir()]:
        raise UserError(f"--stage {name}: {run} has no such stage")
    records = [path for path in (run / name / "stage.json", run / name / "started.json") if path.is_file()]
    record = read_json(records[0]) if records else {}
    kind = record.get("kind")
    if kind is not None and kind not in KINDS:
        raise UserError(f"--stage {name}: holds {kind}, which have no mean IoU; name a stage of masks or scores")
    return run / name, kind, record.get("split", "pseudo")


def _kind_of(folder: Path) -> str:
    for kind in KINDS:
        if next(folder.rglob(f"*{EXTENSIONS[kind]}"), None):
            return kind
    raise UserError(f"{folder}: holds neither masks (PNG) nor scores (npz)")
