"""Hands masks on to annotation tools: what `python -m tfwsss.annotate` does."""

import csv
import io
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfwsss.annotations.label_studio import LOCAL_FILES
from tfwsss.annotations.parts import without_small
from tfwsss.artefacts.files import reading, write_atomically, writing
from tfwsss.artefacts.masks import read_mask
from tfwsss.data.labels import read_lines
from tfwsss.data.reading import read_size
from tfwsss.errors import ImageFault, UserError
from tfwsss.palette import IGNORE
from tfwsss.reports.annotation_files import HAVE_VOID, WRITERS, Item, Task
from tfwsss.reports.mask_folders import MaskFolder, find_masks

DOUBTFUL = "doubtful.csv"
"""List of the most doubtful images beside their tasks, worst first."""


def annotate(source: Path, form: str, out: Path, *, stage: str | None = None, classes: Path | None = None,
             photographs: Path | None = None, names: Path | None = None, doubtful: int | None = None, least: int = 1,
             prefix: str | None = None, void: bool | None = None, copy: bool = False) -> dict[str, Any]:
    """Writes masks in the form of an annotation tool; the folder appears whole or not at all.

    Args:
        source: a run, what `predict` was told as `--out`, or a folder of PNGs of ids.
        form: one of `WRITERS`.
        out: folder to make.
        stage: of the run; None: see `find_masks`.
        classes: file of class names; None: those of the run, or classes.txt.
        photographs: folder of the photographs; None: where the run or `predict` had them.
        names: list of the images to hand on; None: all.
        doubtful: only that many of the most doubtful images, worst first.
        least: pixels that an object must have.
        prefix: what stands before the file in Label Studio's address of a photograph; None: that of its local files,
            whose root is the folder of the photographs, or `out` where they are copied there.
        void: whether undecided pixels stay 255, where the format allows that; None: in VOC's alone.
        copy: whether the photographs are copied to `out/images`.

    Returns:
        Numbers of images and objects, share of undecided pixels and whether they are 255 in `out`, and `faults`: a
        message for each image left out.

    Raises:
        UserError: there are no masks, nothing tells which are doubtful, or `out` is not empty.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"--out {out}: is there already, and is not empty; name a new folder")
    if void and form not in HAVE_VOID:
        raise UserError(f"--undecided void: {form} has no value for undecided pixels; {' and '.join(HAVE_VOID)} have")
    found = find_masks(source, stage, classes, photographs)
    _check_apart(out, found)
    chosen = _chosen(found, source, names, doubtful)
    part = out.parent / f".{secrets.token_hex(8)}.part"
    keep = form == "voc" if void is None else void
    told = _Told()
    try:
        with writing(out):
            prefix = LOCAL_FILES + "images/" * copy if prefix is None else prefix
            task = Task(part, found.classes, found.palette, prefix, keep)
            objects = WRITERS[form](task, _items(found, chosen, least, part if copy else None, told))
            if doubtful is not None:
                _write_list(part / DOUBTFUL, chosen, found)
            if told.images:
                part.replace(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return {"out": str(out), "images": told.images, "objects": objects, "undecided": told.share, "void": keep,
            "faults": told.faults}


def _check_apart(out: Path, found: MaskFolder) -> None:
    """Refuses a folder among the photographs: what is written there would later be taken for some."""
    homes = {path.parent for path in found.photographs.values()}
    if any(out.resolve().is_relative_to(home.resolve()) for home in homes):
        raise UserError(f"--out {out}: lies among the photographs; name a folder elsewhere")


class _Told:
    """What is counted on the way: images, their pixels and the undecided ones, and a message for each left out."""

    def __init__(self):
        self.images = self.pixels = self.undecided = 0
        self.faults: dict[str, str] = {}

    @property
    def share(self) -> float:
        return self.undecided / self.pixels if self.pixels else 0.0


def _chosen(found: MaskFolder, source: Path, listed: Path | None, doubtful: int | None) -> dict[str, Mapping[str, Any]]:
    """Returns the names to hand on, with what is known of each, in their order."""
    names: Sequence[str] = found.names
    if listed is not None:
        wanted, known = read_lines(listed), set(found.names)
        missing = [name for name in wanted if name not in known]
        if missing:
            raise UserError(f"--names {listed}: {missing[0]!r} has no mask in {found.folder}; write names as the masks "
                            "have them, without ending")
        names = wanted
    if doubtful is None:
        return {name: {} for name in names}
    asked = set(names)
    records = [record for record in found.doubtful if record["name"] in asked]
    if not records:
        raise UserError(f"--doubtful: nothing tells how doubtful the masks of {source} are; a run tells it where a "
                        "network has learnt from them (rounds=1), predict where it has written predictions.csv")
    return {record["name"]: {key: value for key, value in record.items() if key != "name"}
            for record in records[:doubtful]}


def _items(found: MaskFolder, chosen: Mapping[str, Mapping[str, Any]], least: int, out: Path | None,
           told: _Told) -> Iterator[Item]:
    """Reads the masks, notes those that cannot be used, and copies photographs where `out` is a folder."""
    files: dict[str, str] = {}
    for name, figures in chosen.items():
        file = found.file_of(name)
        try:
            if (other := files.setdefault(file, name)) != name:
                raise ImageFault(f"{found.folder}: this mask and {other!r} are both of {file}; take one away")
            mask = read_mask(found.folder, name)
            _check(found, name, mask)
            mask = without_small(mask, least)
            if out is not None:
                _copy(found, name, out)
        except ImageFault as fault:
            told.faults[name] = str(fault)
            continue
        told.images += 1
        told.pixels += mask.size
        told.undecided += int(np.count_nonzero(mask == IGNORE))
        yield Item(name, file, mask, found.sureness.get(name), figures)


def _check(found: MaskFolder, name: str, mask: np.ndarray) -> None:
    """Refuses ids that are no class, and a mask of another size than its photograph."""
    strange = sorted(set(np.unique(mask).tolist()) - {*range(len(found.classes)), IGNORE})
    if strange:
        raise ImageFault(f"{found.folder}: the mask holds id {strange[0]}; ids are 0 to {len(found.classes) - 1} and "
                         f"{IGNORE}, by the list of classes")
    path = found.photographs.get(name)
    if path is None or not path.is_file():
        return
    try:
        size = read_size(path)
    except ImageFault:
        raise ImageFault(f"{path}: the photograph cannot be opened; restore it") from None
    if mask.shape != size:
        raise ImageFault(f"{path}: {size[1]} x {size[0]} pixels, its mask {mask.shape[1]} x {mask.shape[0]}; make the "
                         "mask of this photograph")


def _copy(found: MaskFolder, name: str, out: Path) -> None:
    path = found.photographs.get(name)
    if path is None:
        raise ImageFault(f"{name}: no photograph of this name is known; add --images FOLDER")
    with reading(path):
        data = path.read_bytes()
    write_atomically(out / "images" / found.file_of(name), data)


def _write_list(path: Path, chosen: Mapping[str, Mapping[str, Any]], found: MaskFolder) -> None:
    figures = list(dict.fromkeys(key for values in chosen.values() for key in values))
    table = csv.writer(text := io.StringIO(), lineterminator="\n")
    table.writerow(["image", *figures])
    table.writerows([found.file_of(name), *(values.get(key) for key in figures)] for name, values in chosen.items())
    write_atomically(path, text.getvalue().encode())
