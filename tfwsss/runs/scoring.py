"""Scores finished masks and class maps against the masks of an image set."""

import collections
import concurrent.futures
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.scores import read_scores
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault, UserError
from tfwsss.metrics.iou import Confusion, confusion_matrix, ignored_share, iou, mean_iou, threshold_sweep

THRESHOLDS = tuple(step / 100 for step in range(5, 100, 5))
"""Background thresholds that a scores artefact is tried with."""

DOMINANT = 0.99
"""Masks of which one class fills more than this share are reported: they are all but black."""

Progress = Callable[[int, int], None]
"""Called after every image with the numbers of images done and of all."""


def score_masks(folder: Path, images: ImageSet, names: Sequence[str] | None = None, progress: Progress | None = None,
                workers: int = 0) -> dict[str, Any]:
    """Scores a folder of masks against the masks of an image set.

    Images that cannot be scored (no file, broken, of another size, an unknown
    id) are faults; the others count. Masks are read by threads, a few at a time.

    Args:
        folder: masks artefact.
        images: image set whose masks are the truth.
        names: images to score; by default all that have a true mask.
        progress: called after every image.
        workers: threads; 0 means one a core.

    Returns:
        What metrics.json holds of a stage: kind, images (scored), miou, iou (class to 0–1 or None where the class
        occurs nowhere), ignored, miou_ignore_as_error, shares (class to its share of the predicted pixels), faults
        (name to message) and warnings.

    Raises:
        UserError: none of the images has a true mask.
    """
    def count(name: str) -> Confusion:
        truth, prediction = images.read_mask(name), read_mask(folder, name)
        _same_size(name, prediction.shape, truth.shape)
        return _checked(name, confusion_matrix, truth, prediction, len(images.classes))

    counts, done, faults = _scan(_with_truth(images, names), count, progress, workers)
    return _score("masks", counts or Confusion.zeros(len(images.classes)), done, faults, images.classes)


def score_scores(folder: Path, images: ImageSet, names: Sequence[str] | None = None,
                 thresholds: Sequence[float] = THRESHOLDS, progress: Progress | None = None, workers: int = 0,
                 chosen: float | None = None) -> dict[str, Any]:
    """Scores a folder of class maps under every background threshold, in one pass over the pixels.

    Each map is enlarged to the image and its positive part divided by its
    maximum; a pixel belongs to its strongest class where that exceeds the
    threshold, and to the background elsewhere.

    Args:
        folder: scores artefact.
        images: image set whose masks are the truth.
        names: images to score; by default all that have a true mask.
        thresholds: background thresholds in 0–1.
        progress: called after every image.
        workers: threads; 0 means one a core.
        chosen: a threshold found without masks, scored beside the others.

    Returns:
        As `score_masks`, at the best threshold, and: threshold (the best), curve (pairs of threshold and miou) and,
        where `chosen` is given, threshold_without_masks and miou_without_masks.

    Raises:
        UserError: none of the images has a true mask.
    """
    num_ids = len(images.classes)
    steps = np.unique([*thresholds, *([] if chosen is None else [chosen])])

    def count(name: str) -> np.ndarray:
        from tfwsss.inference.kept import strongest  # TensorFlow: not loaded for --help

        truth, maps = images.read_mask(name), read_scores(folder, name)
        _same_size(name, maps.size, truth.shape)
        if not np.isfinite(maps.scores).all():
            raise ImageFault(f"{name}: its scores are not finite; run the stage that wrote them again")
        ids, strength = strongest(maps)
        return _checked(name, threshold_sweep, truth, ids, strength, steps, num_ids)

    matrices, done, faults = _scan(_with_truth(images, names), count, progress, workers)
    matrices = np.zeros((len(steps), num_ids, num_ids), np.int64) if matrices is None else matrices
    confusions = {step: Confusion(matrix, np.zeros(num_ids, np.int64))
                  for step, matrix in zip(steps.tolist(), matrices, strict=True)}
    curve = [[float(step), _number(mean_iou(confusions[step]))] for step in sorted(set(thresholds))]
    best = max(curve, key=lambda point: point[1] or 0.0)[0]       # the lowest of equals
    score = _score("scores", confusions[best], done, faults, images.classes) | {"threshold": best, "curve": curve}
    if chosen is not None:
        score |= {"threshold_without_masks": chosen, "miou_without_masks": _number(mean_iou(confusions[float(chosen)]))}
    return score


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


def _score(kind: str, counts: Confusion, done: int, faults: dict, classes: Sequence[str]) -> dict[str, Any]:
    predicted = counts.matrix.sum(0) / max(counts.pixels, 1)
    shares = {name: float(share) for name, share in zip(classes, predicted, strict=True)}
    warning = dominant_class(shares)
    return {"kind": kind, "images": done, "miou": _number(mean_iou(counts)),
            "iou": {name: _number(value) for name, value in zip(classes, iou(counts), strict=True)},
            "ignored": ignored_share(counts), "miou_ignore_as_error": _number(mean_iou(counts, ignore_as_error=True)),
            "shares": shares, "faults": faults, "warnings": [warning] if warning else []}


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)              # strict JSON has no NaN
