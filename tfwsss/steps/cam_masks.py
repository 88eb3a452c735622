"""From class maps to masks by one threshold, set or chosen without masks."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pydantic

from tfwsss.artefacts.files import finished, write_atomically
from tfwsss.artefacts.scores import read_scores
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault, UserError
from tfwsss.refine.seeds import decide_cam
from tfwsss.refine.thresholds import ThresholdSearch
from tfwsss.refine.upsample import upsample
from tfwsss.runs.stages import Inputs, Stage, infer
from tfwsss.settings.sections import RunSettings, Settings


class ThresholdSettings(Settings):
    """Where background begins in class maps.

    Args:
        threshold: share of each map's maximum, 0 to 1; nothing means to choose it without masks.
    """

    threshold: float | None = pydantic.Field(None, ge=0.0, le=1.0)


def threshold_of(settings: ThresholdSettings, folder: Path) -> float:
    """Returns the threshold of class maps: the one that is set, or the one that was chosen without masks.

    Args:
        settings: the threshold.
        folder: of the stage of thresholded masks; its `threshold.json` is read.

    Returns:
        Share of each map's maximum, 0 to 1.

    Raises:
        UserError: none is set, and none is known.
    """
    if settings.threshold is not None:
        return settings.threshold
    path = folder / "threshold.json"
    try:
        return float(json.loads(path.read_text(encoding="utf-8"))["threshold"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{path}: no threshold in it; add --redo {folder.name}, or set cam_masks.threshold") from None


def threshold_stage(name: str, images: ImageSet, config: RunSettings, settings: ThresholdSettings,
                    source: str) -> Stage:
    """Makes the stage that turns class maps into masks by one threshold; see `threshold_masks`.

    Args:
        name: of the stage.
        images: what to make masks of.
        config: the run's settings.
        settings: the threshold.
        source: stage of the class maps.

    Returns:
        Stage of kind `masks`.
    """
    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
        return threshold_masks(images, inputs, source, name, names, settings)

    return infer(name, images, config, kind="masks", settings=settings, needs=(source,), predict=predict)


def threshold_masks(images: ImageSet, inputs: Inputs, source: str, target: str, names: Sequence[str],
                    settings: ThresholdSettings) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
    """Turns class maps into masks: the strongest class where it passes a threshold.

    A threshold that is not given is chosen from all maps of the folder without any
    mask; the choice and its curve are kept in `threshold.json` beside the masks.

    Args:
        images: the data set.
        inputs: folders of the finished scores and of the masks.
        source: stage of the scores.
        target: stage of the masks.
        names: what to make.
        settings: the threshold.

    Yields:
        Name and mask uint8 `(row, column)`, or a fault.
    """
    threshold = settings.threshold
    if threshold is None:
        threshold = _choose(images, inputs[source], inputs[target])
    for name in names:
        try:
            scores = read_scores(inputs[source], name)
            maps = upsample(scores.scores, scores.size, scores.covers)
            yield name, decide_cam(maps, scores.classes, threshold)
        except ImageFault as fault:
            yield name, fault


def _choose(images: ImageSet, scores: Path, output: Path) -> float:
    """Chooses the threshold from all maps, and keeps how."""
    search = ThresholdSearch()
    for name in sorted(finished(scores, "scores", images.names)):
        with contextlib.suppress(ImageFault):            # told where its mask is made
            found = read_scores(scores, name)
            search.add(upsample(found.scores, found.size, found.covers))
    write_atomically(output / "threshold.json", json.dumps(search.summary()).encode())
    return search.threshold()
