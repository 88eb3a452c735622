"""What `python -m tfwsss.predict` does: any photographs, with tags or without, to masks and overlays."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tfwsss import logs
from tfwsss.artefacts.drawing import overlay
from tfwsss.artefacts.files import path_of, write_atomically
from tfwsss.artefacts.masks import write_mask
from tfwsss.data.image_set import ImageSet
from tfwsss.data.photographs import photographs_of
from tfwsss.data.survey import survey
from tfwsss.data.words import nearest
from tfwsss.errors import ImageFault, UserError
from tfwsss.inference.stream import in_threads
from tfwsss.methods.made_from import MadeFrom, note_call
from tfwsss.methods.opened import load_run
from tfwsss.methods.predictions import Predictions
from tfwsss.palette import voc_palette

_WRITTEN = ("masks", "overlays", "images", "probabilities")
"""Folders that a call writes into `--out`."""


def predict(source: str | Path, run: Path, out: Path, tags: Sequence[str] | None = None,
            stage: str | None = None, probability: bool = False, document: bool = False,
            least: float | None = None) -> tuple[int, dict[str, str]]:
    """Writes `out/masks/<name>.png` and `out/overlays/<name>.png` of each photograph, and `out/predictions.csv`.

    An interrupted call goes on where it stopped. Masks that lie there are kept where the
    photograph's contents, the run's networks and settings, stage and tags are those
    they were made from; one line of the log says how many, and why others are made anew.

    Args:
        source: a photograph, a folder of them, a pattern, or a text file that lists them: see `photographs_of`.
        run: a finished run.
        out: where the pictures go.
        tags: classes that every image shows; None lets the network decide.
        stage: of the run, which says how: `masks`, `pseudo` or `cam_masks`; None takes the first that it has.
        probability: whether to write `out/probabilities/<name>/<id> <class>.png`, grey, 255 = 1: scores before the CRF.
        document: whether to write `out/predictions.json` too.
        least: without tags, an image whose likeliest class is less likely than this gets a mask of background, 0 to 1;
            None: what the run has chosen, mostly 0.

    Returns:
        Number of images with a mask, and a message for each that could not be used.

    Raises:
        UserError: no such photograph or run, or a stage that it has not, or a tag that is no class of the run, or
            `out` is where the photographs lie.
    """
    logs.open_log()
    opened = load_run(run)
    chosen, masker = opened.masker(stage, least)
    classes = tuple(opened.record["classes"])
    base, found = photographs_of(source, out)
    _check_apart(base, out)
    paths, labels = found.images, _labels(tags, classes, run)
    images = ImageSet(tuple(paths), base, classes, voc_palette(), paths, dict.fromkeys(paths, labels), {},
                      faults=found.faults)
    made_from = MadeFrom(out, note_call(out, Path(source), opened, chosen, tags, masker.least), images.images)
    usable, faults = survey(images, out, opened.config.data.max_pixels)
    told, faults = Predictions(out, classes, probability), dict(faults)
    lacking = set(made_from.missing(usable.names))
    lacking |= told.missing([name for name in usable.names if name not in lacking])
    missing = usable.subset([name for name in usable.names if name in lacking])
    pairs = masker.masks(missing, missing.names, tags is not None, certainty=True, scores=probability) \
        if missing.names else ()

    def written(pair) -> tuple[str, str | None]:
        name, found = pair
        if isinstance(found, ImageFault):
            made_from.drop(name)
            return name, str(found)
        _write_overlay(out, name, overlay(found.image, found.mask, images.palette))
        made_from.note(name)
        told.note(name, found)
        write_mask(out / "masks", name, found.mask, images.palette)          # last: it says that the image is done
        return name, None

    for name, fault in logs.track(in_threads(written, pairs), "predict", len(missing.names)):
        if fault:
            faults[name] = fault
    made_from.close()
    told.close(document)
    return len(usable.names) - len(faults.keys() & set(usable.names)), faults


def _check_apart(base: Path, out: Path) -> None:
    """Refuses an output folder in which photographs and pictures of ours would lie together."""
    here, place = (base if base.is_dir() else base.parent).resolve(), out.resolve()
    if here == place or any(here.is_relative_to(place / folder) for folder in _WRITTEN):
        raise UserError(f"--out {out}: is where the photographs lie; name another folder, such as {out / 'found'}")


def _labels(tags: Sequence[str] | None, classes: tuple[str, ...], run: Path) -> tuple[int, ...]:
    """Returns the labels of the tags; all of them where there are none."""
    names = classes[1:]
    if tags is None:
        return tuple(range(len(names)))
    for tag in tags:
        if tag not in names:
            raise UserError(f"--tags: '{tag}' is no class of {run}; {nearest(tag, names)}")
    return tuple(sorted({names.index(tag) for tag in tags}))


def _write_overlay(out: Path, name: str, picture: np.ndarray) -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", compress_level=1)       # a third of the time, no larger
    write_atomically(path_of(out / "overlays", "images", name), buffer.getvalue())
