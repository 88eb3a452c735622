"""Masks to hand on, with all that is known of them: of a run, of `predict`, or of any folder."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfwsss.artefacts.files import finished
from tfwsss.data.colour_table import is_colour_table, read_colour_table
from tfwsss.data.labels import read_classes, read_text
from tfwsss.data.naming import index_images
from tfwsss.errors import UserError, named
from tfwsss.palette import voc_palette
from tfwsss.reports.doubtful import review_of, worst_first
from tfwsss.reports.evaluate import images_of_run
from tfwsss.runs import journal

CALL, TABLE = "made_by.json", "predictions.csv"
"""Files that `predict` leaves beside its masks."""


class MaskFolder(NamedTuple):
    """Masks, and what is known of them.

    Args:
        folder: of the masks.
        names: of all images that have one.
        classes: in the order of the mask ids, background first.
        palette: uint8 `(256, 3)`.
        photographs: name to file, of those that are known.
        sureness: name to a figure in 0-1, of those that have one: how sure the mask is.
        doubtful: figures by image, the most doubtful first.
    """

    folder: Path
    names: tuple[str, ...]
    classes: tuple[str, ...]
    palette: np.ndarray
    photographs: Mapping[str, Path]
    sureness: Mapping[str, float]
    doubtful: list[Mapping[str, Any]]

    def file_of(self, name: str) -> str:
        """Returns how tools call an image: its name with the ending of its photograph, .jpg where that is unknown.

        Args:
            name: of the image.
        """
        ending = self.photographs[name].suffix if name in self.photographs else ".jpg"
        return name if name.casefold().endswith(ending.casefold()) else name + ending


def find_masks(source: Path, stage: str | None = None, classes: Path | None = None,
               photographs: Path | None = None) -> MaskFolder:
    """Finds masks, their classes and their photographs.

    Args:
        source: a run, what `predict` was told as `--out`, or a folder of PNGs of ids.
        stage: of the run; None: the last finished one that made masks of the images with tags, or else of others.
        classes: file of class names, or a table of their colours; None: those of the run, or classes.txt in the folder
            or beside it.
        photographs: folder of the photographs; None: where the run or `predict` had them.

    Returns:
        MaskFolder.

    Raises:
        UserError: there are no masks, or no class names.
    """
    given, palette = (None, None) if classes is None else _given(classes)
    found = _found(source, stage, given, photographs)
    return found if palette is None else found._replace(palette=palette)


def _given(file: Path) -> tuple[tuple[str, ...], np.ndarray | None]:
    """Returns the class names that a file tells, and their colours if it is a table of them."""
    return read_colour_table(file) if is_colour_table(file) else (read_classes(file), None)


def _found(source: Path, stage: str | None, given: tuple[str, ...] | None, photographs: Path | None) -> MaskFolder:
    if not source.is_dir():
        raise UserError(f"{source}: no such folder; name a run or a folder of masks")
    if (source / "config.json").is_file():
        return _of_run(source, stage, given, photographs)
    if stage:
        raise UserError(f"--stage {stage}: {source} is no run, it has no config.json; leave --stage out")
    for folder in (source, source.parent):
        if (folder / CALL).is_file() and (folder / "masks").is_dir() and source in (folder, folder / "masks"):
            return _of_predict(folder, given, photographs)
    return _of_folder(source, given, photographs)


def _of_run(run: Path, stage: str | None, classes: tuple[str, ...] | None, photographs: Path | None) -> MaskFolder:
    stage, split = _stage_of(run, stage)
    palette, files = voc_palette(), None
    if photographs is None:
        images = images_of_run(run, split)
        palette, files = images.palette, images.images
        done = finished(run / stage, "masks", images.names)
        names = tuple(name for name in images.names if name in done)
    else:
        names, files = _names(run / stage), _index(photographs)
    review = review_of(run, stage, split)
    figure = "confidence" if (run / stage / journal.REVIEW).is_file() else "agreement"
    sureness = {record["name"]: record[figure] for record in review if record[figure] is not None}
    return MaskFolder(run / stage, names, classes or _classes_of(run), palette, files, sureness, worst_first(review))


def _stage_of(run: Path, name: str | None) -> tuple[str, str]:
    """Returns name and split of a stage that makes masks; without a name, of the last one of the run's own images."""
    records = [_read(path) for path in run.glob("*/stage.json")]
    records += [_read(path) for path in run.glob("*/started.json") if not (path.parent / "stage.json").is_file()]
    masks = [record for record in records if record.get("kind") == "masks"]
    done = [record for record in masks if record.get("finished")]
    if name is None and not done:
        raise UserError(f"{run}: no finished stage has masks; let python -m tfwsss.train finish, or name one by "
                        "--stage")
    last = sorted(done, key=lambda record: (record.get("split", "pseudo") == "pseudo", record["finished"]))[-1:]
    chosen = [record for record in masks if record["name"] == name] if name else last
    if not chosen:
        raise UserError(f"--stage {name}: {run} makes no such masks; it has "
                        f"{' and '.join(sorted(record['name'] for record in masks)) or 'none yet'}")
    return chosen[0]["name"], chosen[0].get("split", "pseudo")


def _of_predict(out: Path, classes: tuple[str, ...] | None, photographs: Path | None) -> MaskFolder:
    names = _names(out / "masks")
    if classes is None:
        run = Path(str(_read(out / CALL).get("run", "")))
        if not (run / "config.json").is_file():
            raise UserError(f"{out}: its masks were made by {run}, which is no longer there; add --classes FILE")
        classes = _classes_of(run)
    figures = _figures(out / TABLE)
    doubtful = worst_first(({"name": name, "confidence": value} for name, value in figures.items()), "confidence")
    files = _predicted(out) if photographs is None else _index(photographs)
    return MaskFolder(out / "masks", names, classes, voc_palette(), files, figures, doubtful)


def _predicted(out: Path) -> dict[str, Path]:
    records = journal.read(out / "made_from.jsonl")
    return {name: Path(record["path"]) for name, record in records.items() if "path" in record}


def _figures(path: Path) -> dict[str, float]:
    """Returns how sure each image's mask is: the confidences of its classes, weighted by their areas."""
    found: dict[str, float] = {}
    for row in csv.DictReader(io.StringIO(read_text(path))) if path.is_file() else ():
        try:
            found[row["image"]] = found.get(row["image"], 0.0) + float(row["confidence"]) * float(row["area"])
        except (KeyError, TypeError, ValueError):
            continue
    return {name: min(value, 1.0) for name, value in found.items()}


def _of_folder(folder: Path, classes: tuple[str, ...] | None, photographs: Path | None) -> MaskFolder:
    tables = [path for path in (folder / "classes.txt", folder.parent / "classes.txt") if path.is_file()]
    if classes is None and not tables:
        raise UserError(f"{folder}: nothing tells what the ids of its masks mean; add --classes FILE, class names one "
                        "a line in the order of the ids, background first")
    files = {} if photographs is None else _index(photographs)
    return MaskFolder(folder, _names(folder), classes or read_classes(tables[0]), voc_palette(), files, {}, [])


def _names(folder: Path) -> tuple[str, ...]:
    places = [place for path in folder.rglob("*") if (place := path.relative_to(folder)).suffix.lower() == ".png"
              and not any(part.startswith(".") for part in place.parts)]
    if other := next((place for place in places if place.suffix != ".png"), None):
        raise UserError(f"{folder / other}: masks are looked for by the ending .png in small letters; rename it")
    names = sorted(place.with_suffix("").as_posix() for place in places)
    if not names:
        raise UserError(f"{folder}: no PNG there; name a run or a folder of masks")
    return tuple(names)


def _index(photographs: Path) -> dict[str, Path]:
    found = index_images(photographs)
    if not found:
        raise UserError(f"--images {photographs}: no image there; name the folder of the photographs")
    return found


def _classes_of(run: Path) -> tuple[str, ...]:
    return tuple(_read(run / "config.json")["classes"])


def _read(path: Path) -> dict[str, Any]:
    with named(f"{path}:", "restore it"):
        return dict(json.loads(path.read_text("utf-8")))
