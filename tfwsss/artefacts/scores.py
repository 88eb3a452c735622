"""Class maps on disk: npz files of the classes that an image shows, in half precision."""

import io
import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfwsss.artefacts.files import path_of, reading, write_atomically
from tfwsss.errors import UserError

_HALF = (-65504, 65504)         # the range of float16
_PARSING = threading.Lock()     # NumPy parses headers by `ast`, which Python 3.11 may break off in several threads


class Scores(NamedTuple):
    """Maps of the classes that one image shows; no other class has a plane.

    Classes are label indices (0 is the first class after background). Maps made
    on a padded canvas cover more than the image: `covers` says how much.
    """

    classes: np.ndarray       # int32 (K,), may be empty
    scores: np.ndarray        # float16 or float32 (K, rows / s, columns / s)
    size: tuple[int, int]     # rows, columns of the image
    covers: tuple[int, int] | None = None    # pixels that the maps cover from the upper left; None = size


def write_scores(folder: Path, name: str, scores: Scores) -> None:
    """Writes the class maps of one image as npz: classes, scores (float16), size and covers.

    Args:
        folder: folder of the artefact.
        name: name of the image.
        scores: maps; values beyond float16's range are clipped to it.

    Raises:
        UserError: a value is not a number: the model has diverged.
    """
    values = np.asarray(scores.scores)
    if values.ndim != 3 or len(values) != len(scores.classes):
        raise ValueError(f"scores are (K, row, column) for K classes; received {values.shape}, {len(scores.classes)}")
    if not np.isfinite(values).all():
        raise UserError(f"{folder}: scores of {name!r} are not finite; the model has diverged: lower its learning rate")
    buffer = io.BytesIO()
    integers = {"classes": scores.classes, "size": scores.size, "covers": scores.covers or scores.size}
    np.savez(buffer, scores=np.clip(values, *_HALF).astype(np.float16),
             **{key: np.asarray(value, np.int32) for key, value in integers.items()})
    write_atomically(path_of(folder, "scores", name), buffer.getvalue())


def with_rest(scores: Scores) -> np.ndarray:
    """Returns kept probabilities of classes with those of the background, which has what they leave.

    Args:
        scores: of an image's own size, not negative.

    Returns:
        float32 `(row, column, 1 + K)`, the background first.

    Example:

    >>> with_rest(Scores(np.array([4]), np.float32([[[0.25, 1.0]]]), (1, 2))).tolist()
    [[[0.75, 0.25], [0.0, 1.0]]]
    """
    planes = np.moveaxis(np.asarray(scores.scores, np.float32), 0, -1)
    return np.concatenate([np.clip(1 - planes.sum(axis=-1, keepdims=True), 0, 1), planes], axis=-1)


def likeliest(scores: Scores) -> np.ndarray:
    """Returns the mask of the most probable classes; of equals the background, then the first.

    Args:
        scores: kept probabilities, as for `with_rest`.

    Returns:
        uint8 `(row, column)`, mask ids.

    Example:

    >>> likeliest(Scores(np.array([4]), np.float32([[[0.25, 0.5, 0.75]]]), (1, 3))).tolist()
    [[0, 0, 5]]
    """
    return np.append(0, scores.classes + 1).astype(np.uint8)[with_rest(scores).argmax(axis=-1)]


def read_scores(folder: Path, name: str) -> Scores:
    """Returns the class maps of one image as stored; objects in the file are refused, never unpickled.

    Args:
        folder: folder of the artefact.
        name: name of the image.

    Raises:
        ImageFault: no such file, or it is broken, or its arrays do not fit each other.
    """
    path = path_of(folder, "scores", name)
    with reading(path), _PARSING, np.load(path, allow_pickle=False) as file:
        classes, scores, size = (file[key] for key in ("classes", "scores", "size"))
        covers = file["covers"] if "covers" in file else size
        pairs = size.shape == covers.shape == (2,) and scores.ndim == 3 and classes.shape == scores.shape[:1]
        if not pairs or scores.dtype.kind != "f" or classes.dtype.kind not in "iu":
            raise ValueError(f"{classes.dtype} {classes.shape} and {scores.dtype} {scores.shape} do not fit")
    return Scores(classes.astype(np.int32), scores, tuple(map(int, size)), tuple(map(int, covers)))
