"""Counts masks and class maps against true masks, in one place: for the runner, evaluation, reports and TensorBoard."""

import collections
import concurrent.futures
import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.scores import Scores, likeliest, read_scores
from tfwsss.data.image_set import ImageSet
from tfwsss.data.mask_objects import SAVED_AS_IGNORE
from tfwsss.errors import ImageFault, UserError
from tfwsss.metrics.iou import Confusion, confusion_matrix, ignored_share, iou, threshold_sweep
from tfwsss.palette import IGNORE

KINDS = ("masks", "scores", "probabilities")
"""Kinds of artefact that have a mean IoU."""

THRESHOLDS = tuple(step / 100 for step in range(5, 100, 5))
"""Background thresholds that a scores artefact is tried with."""

DOMINANT = 0.99
"""Masks of which one class fills more than this share are reported: they are all but black."""

Progress = Callable[[int, int], None]
"""Called after every image with the numbers of images done and of all."""


def evaluate(kind: str, folder: Path, images: ImageSet, names: Sequence[str] | None = None, *,
             chosen: float | None = None, progress: Progress | None = None,
             workers: int = 0) -> Iterator[tuple[str, Any]]:
    """Scores a folder of masks or class maps against the masks of an image set.

    Images that cannot be scored (no file, broken, of another size, an unknown
    id) are faults; the others count. Files are read by threads, a few at a time.
    Masks are counted once; probabilities are masks of the likeliest classes.
    Class maps are tried under every background threshold, in one pass over the
    pixels: each map is enlarged to the image and its positive part divided by
    its maximum; a pixel belongs to its strongest class where that exceeds the
    threshold, and to the background elsewhere.

    Args:
        kind: one of `KINDS`.
        folder: of the artefact.
        images: image set whose masks are the truth.
        names: images to score; None: all that have a true mask.
        chosen: of class maps, a threshold found without masks, scored beside the others.
        progress: called after every image.
        workers: threads; 0 means one a core.

    Yields:
        Name and value, together what metrics.json holds of a stage: kind, images (scored), miou (None where nothing but
        background was counted), iou (class to 0–1 or None where the class occurs nowhere), ignored,
        miou_ignore_as_error, shares (class to its share of the predicted pixels), faults (name to message) and
        warnings. Of class maps these are at the best threshold, and then come threshold (the best), curve (pairs of
        threshold and miou) and, where `chosen` is given, threshold_without_masks and miou_without_masks.

    Raises:
        UserError: none of the images has a true mask.
    """
    wanted, num_ids = _with_truth(images, names), len(images.classes)
    if kind != "scores":
        count = functools.partial(_count_file, kind, folder, images)
        counts, done, faults = _scan(wanted, count, progress, workers)
        yield from _values(kind, counts or Confusion.zeros(num_ids), done, faults, images.classes)
        return
    steps = np.unique([*THRESHOLDS, *([] if chosen is None else [chosen])])
    matrices, done, faults = _scan(wanted, functools.partial(_sweep_file, folder, images, steps), progress, workers)
    matrices = np.zeros((len(steps), num_ids, num_ids), np.int64) if matrices is None else matrices
    at = {step: Confusion(matrix, np.zeros(num_ids, np.int64))
          for step, matrix in zip(steps.tolist(), matrices, strict=True)}
    curve = [[step, _number(iou(at[step], reduction="mean"))] for step in THRESHOLDS]
    best = max(curve, key=lambda point: point[1] or 0.0)[0]       # the lowest of equals
    yield from _values(kind, at[best], done, faults, images.classes)
    yield from {"threshold": best, "curve": curve}.items()
    if chosen is not None:
        without = _number(iou(at[float(chosen)], reduction="mean"))
        yield from {"threshold_without_masks": chosen, "miou_without_masks": without}.items()


def count_mask(images: ImageSet, name: str, mask: np.ndarray) -> Confusion:
    """Counts one image's mask against its true one.

    Args:
        images: image set whose masks are the truth.
        name: of an image that has one.
        mask: uint8 `(row, column)`, class ids with background 0 and 255 = ignore.

    Returns:
        Confusion of that image; those of several images add.

    Raises:
        ImageFault: the true mask is missing or broken, or of another size, or an id is no class.
    """
    truth = images.read_mask(name)
    _same_size(name, mask.shape, truth.shape)
    return _checked(name, confusion_matrix, truth, mask, len(images.classes))


def sweep_maps(images: ImageSet, name: str, maps: Scores, thresholds: np.ndarray) -> np.ndarray:
    """Counts the masks that one image's class maps give under several thresholds.

    Args:
        images: image set whose masks are the truth.
        name: of an image that has one.
        maps: of the classes that the image shows.
        thresholds: background thresholds in 0–1, ascending.

    Returns:
        int64 `(threshold, true id, predicted id)`.

    Raises:
        ImageFault: the true mask is missing or broken, or of another size, or a map is not finite or of no class.
    """
    from tfwsss.inference.kept import strongest  # TensorFlow: not loaded for --help

    truth = images.read_mask(name)
    _same_size(name, maps.size, truth.shape)
    if not np.isfinite(maps.scores).all():
        raise ImageFault(f"{name}: its scores are not finite; run the stage that wrote them again")
    ids, strength = strongest(maps)
    return _checked(name, threshold_sweep, truth, ids, strength, thresholds, len(images.classes))


def _count_file(kind: str, folder: Path, images: ImageSet, name: str) -> Confusion:
    return count_mask(images, name, read_mask(folder, name) if kind == "masks" else
                      likeliest(read_scores(folder, name)))


def _sweep_file(folder: Path, images: ImageSet, thresholds: np.ndarray, name: str) -> np.ndarray:
    return sweep_maps(images, name, read_scores(folder, name), thresholds)


def dominant_class(shares: Mapping[str, float]) -> str | None:
    """Says in words where one class fills nearly all predicted pixels; None where none does.

    Args:
        shares: class to its share of the predicted pixels.

    Returns:
        A warning, or None.

    Example:
    >>> dominant_class({"background": 0.999, "cat": 0.001})
    "'background' fills 99.9 % of the predicted pixels; the masks are all but one colour"
    """
    for name, share in shares.items():
        if share > DOMINANT:
            return f"{name!r} fills {100 * share:.1f} % of the predicted pixels; the masks are all but one colour"
    return None


def _with_truth(images: ImageSet, names: Sequence[str] | None) -> list[str]:
    wanted = images.names if names is None else names
    found = [name for name in wanted if name in images.masks]
    if not found:
        raise UserError(f"{images.root}: none of {len(wanted)} images has a true mask; add masks, or name their folder "
                        "and its class names by --truth and --classes")
    return found


def _same_size(name: str, shape: Sequence[int], truth: Sequence[int]) -> None:
    if tuple(shape) != tuple(truth):
        raise ImageFault(f"{name}: made for {shape[0]} rows x {shape[1]} columns, but the true mask has {truth[0]} x "
                         f"{truth[1]}; make it at the image's own size")


def _checked(name: str, count: Callable, *arrays) -> Any:
    try:
        return count(*arrays)
    except ValueError as error:                                   # an id that is no class
        raise ImageFault(f"{name}: {error}; were its masks made with other classes?") from error


def _scan(names: Sequence[str], count: Callable[[str], Any], progress: Progress | None, workers: int) -> tuple:
    """Adds up `count(name)`, a few images ahead; returns the sum or None, images counted, faults."""
    total, faults = None, {}
    workers = workers or os.cpu_count() or 1
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        queue: collections.deque = collections.deque()
        rest = iter(names)
        try:
            for done in range(1, len(names) + 1):
                while len(queue) < 4 * workers and (name := next(rest, None)) is not None:
                    queue.append((name, pool.submit(count, name)))
                name, future = queue.popleft()
                try:
                    total = future.result() if total is None else total + future.result()
                except ImageFault as fault:
                    faults[name] = str(fault)
                if progress:
                    progress(done, len(names))
        finally:
            pool.shutdown(cancel_futures=True)                    # Ctrl-C does not wait for the queue
    return total, len(names) - len(faults), faults


def _values(kind: str, counts: Confusion, done: int, faults: dict, classes: Sequence[str]) -> Iterator[tuple[str, Any]]:
    predicted = counts.matrix.sum(0) / max(counts.pixels, 1)
    shares = {name: float(share) for name, share in zip(classes, predicted, strict=True)}
    known = bool(counts.matrix[1:].any() or counts.ignored[1:].any())      # truth holds a class
    warnings = [dominant_class(shares), *_without_class(counts, known)] if done else []

    def mean(ignore_as_error: bool = False) -> float | None:
        found = iou(counts, ignore_as_error=ignore_as_error)
        objects = known and (ignore_as_error or not np.isnan(found[1:]).all())
        return _number(iou(counts, ignore_as_error=ignore_as_error, reduction="mean")) if objects else None

    yield "kind", kind
    yield "images", done
    yield "miou", mean()
    yield "iou", {name: _number(value) for name, value in zip(classes, iou(counts), strict=True)}
    yield "ignored", ignored_share(counts)
    yield "miou_ignore_as_error", mean(ignore_as_error=True)
    yield "shares", shares
    yield "faults", faults
    yield "warnings", [warning for warning in warnings if warning]


def _without_class(counts: Confusion, known: bool) -> Iterator[str]:
    """Yields what is odd where the true or the predicted masks hold no class at all."""
    if not known:
        yield (f"no true mask holds a class, but the ids 0 and {IGNORE} only: there is nothing to score; "
               f"{SAVED_AS_IGNORE}")
    elif counts.ignored.any() and not counts.matrix[:, 1:].any():
        yield f"no predicted mask holds a class, but the ids 0 and {IGNORE} only; {SAVED_AS_IGNORE}"


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)              # strict JSON has no NaN
