"""Pictures of a run: the same images through all its stages, and the images it does worst on."""

import base64
import dataclasses
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tfwsss.artefacts.drawing import class_heat, fit_within, heat, overlay
from tfwsss.artefacts.files import finished
from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.saliency import read_saliency
from tfwsss.artefacts.scores import likeliest, read_scores
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.inference.kept import strongest
from tfwsss.metrics.iou import iou
from tfwsss.runs.scoring import count_mask

SIDE = 300
"""Pixels of a picture's longer side."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One image through the stages.

    Args:
        name: name of the image.
        tags: its image-level labels in words.
        pictures: title to data address of a picture; None where there is none.
        iou: mean IoU of its last masks in 0–1, or None.
    """

    name: str
    tags: tuple[str, ...]
    pictures: Mapping[str, str | None]
    iou: float | None


def rows(stages: Mapping[str, tuple[str, Path]], images: ImageSet, names: Sequence[str]) -> tuple[list[Row], list[str]]:
    """Draws images through the stages.

    Args:
        stages: stage to its kind ("scores", "probabilities", "masks" or "saliency") and folder, in the order of the
            columns.
        images: image set of the run.
        names: images to draw.

    Returns:
        A row for each image that can be read, and what hinders the others.
    """
    found, faults = [], []
    for name in names:
        try:
            found.append(_row(stages, images, name))
        except ImageFault as fault:
            faults.append(str(fault))
    return found, faults


def image_ious(folder: Path, images: ImageSet, names: Sequence[str]) -> dict[str, float]:
    """Scores every image for itself.

    Args:
        folder: masks artefact.
        images: image set with true masks.
        names: images to score; those that cannot be scored are left out.

    Returns:
        Name to mean IoU in 0–1 over the classes that occur in that image, the worst first.
    """
    scores = {name: _image_iou(folder, images, name) for name in names if name in images.masks}
    known = {name: score for name, score in scores.items() if score is not None}
    return dict(sorted(known.items(), key=lambda pair: pair[1]))


def data_address(content: bytes, kind: str) -> str:
    """Returns bytes as an address that a page can hold.

    Args:
        content: the bytes of a file.
        kind: its media type, such as "image/svg+xml".

    Returns:
        A data URL.

    Example:
    >>> data_address(b"x", "text/plain")
    'data:text/plain;base64,eA=='
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _row(stages: Mapping[str, tuple[str, Path]], images: ImageSet, name: str) -> Row:
    image = images.read_image(name)
    small = fit_within(image, SIDE)
    pictures: dict[str, str | None] = {"image": _jpeg(small)}
    last = None
    for title, (kind, folder) in stages.items():
        last = folder if kind == "masks" and finished(folder, kind, [name]) else last
        pictures[title] = _picture(_drawer(kind), folder, name, small, images)
    if images.masks:
        pictures["truth"] = _picture(_draw_truth, images.root, name, small, images)
    tags = tuple(images.classes[label + 1] for label in images.labels[name])
    return Row(name, tags, pictures, _image_iou(last, images, name) if last else None)


def _drawer(kind: str) -> Callable[..., np.ndarray]:
    return {"scores": _draw_scores, "probabilities": _draw_likeliest, "masks": _draw_mask,
            "saliency": _draw_saliency}[kind]


def _draw_scores(folder: Path, name: str, small: np.ndarray, images: ImageSet) -> np.ndarray:
    winner, strength = strongest(read_scores(folder, name))
    return class_heat(small, winner, strength, images.palette)


def _draw_likeliest(folder: Path, name: str, small: np.ndarray, images: ImageSet) -> np.ndarray:
    return _over(small, likeliest(read_scores(folder, name)), images)


def _draw_saliency(folder: Path, name: str, small: np.ndarray, images: ImageSet) -> np.ndarray:
    return heat(small, read_saliency(folder, name) / 255)


def _draw_mask(folder: Path, name: str, small: np.ndarray, images: ImageSet) -> np.ndarray:
    return _over(small, read_mask(folder, name), images)


def _draw_truth(folder: Path, name: str, small: np.ndarray, images: ImageSet) -> np.ndarray:
    return _over(small, images.read_mask(name), images)


def _over(small: np.ndarray, mask: np.ndarray, images: ImageSet) -> np.ndarray:
    nearest = Image.fromarray(mask).resize(small.shape[1::-1], Image.Resampling.NEAREST)
    return overlay(small, np.asarray(nearest), images.palette)


def _picture(draw: Callable[..., np.ndarray], folder: Path, name: str, small: np.ndarray,
             images: ImageSet) -> str | None:
    try:
        return _jpeg(draw(folder, name, small, images))
    except ImageFault:
        return None                                # not made yet, or broken: an empty place tells


def _image_iou(folder: Path, images: ImageSet, name: str) -> float | None:
    if name not in images.masks:
        return None
    try:
        counts = count_mask(images, name, read_mask(folder, name))
    except ImageFault:                             # another size or other classes: the scoring lists it
        return None
    score = iou(counts, ignore_as_error=True, reduction="mean")
    return None if np.isnan(score) else score


def _jpeg(picture: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=88, subsampling=0)
    return data_address(buffer.getvalue(), "image/jpeg")
