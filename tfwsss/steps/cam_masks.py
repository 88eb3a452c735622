"""From class maps to masks by one threshold, set or chosen without masks: what every method is judged beside."""

import contextlib
import dataclasses
import functools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pydantic

from tfwsss.artefacts.files import finished, read_json, write_atomically
from tfwsss.artefacts.scores import read_scores
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault, UserError
from tfwsss.inference.decide.decision import likely_by_logits
from tfwsss.inference.decide.threshold import decide_by_threshold
from tfwsss.inference.kept import KeptRule, strongest
from tfwsss.inference.masker import Masker
from tfwsss.inference.sharpen import CRF
from tfwsss.refine.thresholds import VERSION, ThresholdSearch
from tfwsss.runs.shown import spread
from tfwsss.runs.stage import Inputs, Stage, infer
from tfwsss.settings.sections import Settings
from tfwsss.steps.class_maps import ClassMapNetwork, MapSettings
from tfwsss.steps.crf import WITHOUT
from tfwsss.steps.kept_masks import kept_masks

COLOURS = 500
"""Images whose colours are asked for the threshold, spread over all; of more, the median hardly moves."""


class ThresholdSettings(Settings):
    """Where background begins in class maps.

    Args:
        threshold: share of each map's maximum, 0 to 1; None means to choose it without masks.
    """

    threshold: float | None = pydantic.Field(None, ge=0.0, le=1.0)


def threshold_of(settings: Settings, folder: Path, section: str = "cam_masks") -> float:
    """Returns the threshold of class maps: the one that is set, or the one that was chosen without masks.

    Args:
        settings: have a `threshold`, perhaps None.
        folder: of the stage of thresholded masks; its `threshold.json` is read.
        section: of the configuration that holds the settings, for messages.

    Returns:
        Share of each map's maximum, 0 to 1.

    Raises:
        UserError: none is set, and none is known.
    """
    if settings.threshold is not None:
        return settings.threshold
    path = folder / "threshold.json"
    try:
        return float(read_json(path)["threshold"])
    except (UserError, ValueError, KeyError, TypeError):
        raise UserError(f"{path}: no threshold in it; add --redo {folder.name}, "
                        f"or set {section}.threshold") from None


def cam_mask_stage(name: str, images: ImageSet, settings: ThresholdSettings, source: str) -> Stage:
    """Makes the stage that turns class maps into masks: the strongest class where it passes a threshold.

    A threshold that is not given is chosen from all maps of the folder without any
    mask; the choice and its curve are kept in `threshold.json` beside the masks.

    Args:
        name: of the stage.
        images: what to make masks of.
        settings: the threshold.
        source: stage of the class maps.

    Returns:
        Stage of kind `masks`.
    """
    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
        threshold = settings.threshold
        if threshold is None:
            threshold = choose_threshold(images, inputs[source], inputs[name])
        rule = KeptRule(functools.partial(decide_by_threshold, threshold), ("cam",))
        return kept_masks(rule, images, inputs, {"cam": source}, names)

    stage = infer(name, images, kind="masks", settings=settings, needs=(source,), predict=predict,
                  versions=chosen_by(settings))
    return dataclasses.replace(stage, alone=settings.threshold is not None)


def chosen_by(settings: Settings) -> dict[str, int]:
    """Returns the version of the choice of a threshold for a stage's record, none where the threshold is set.

    Args:
        settings: have a `threshold`, perhaps None.
    """
    return {"threshold": VERSION} if settings.threshold is None else {}


def choose_threshold(images: ImageSet, scores: Path, output: Path) -> float:
    """Chooses a threshold from kept maps and their images without any mask, and keeps how in `threshold.json`.

    Args:
        images: the data set.
        scores: folder of the maps.
        output: folder of the masks to be.

    Returns:
        Share of each map's maximum, 0 to 1.
    """
    names = sorted(finished(scores, "scores", images.names))
    search, looked_at = ThresholdSearch(), set(spread([name for name in names if images.labels.get(name)], COLOURS))
    for name in names:
        with contextlib.suppress(ImageFault):            # told where its mask is made
            found = read_scores(scores, name)
            if len(found.classes):                       # an image without classes says nothing of the threshold
                search.add(strongest(found)[1], _image(images, name, found.size) if name in looked_at else None)
    write_atomically(output / "threshold.json", json.dumps(search.summary()).encode())
    return search.threshold()


def _image(images: ImageSet, name: str, size: tuple[int, int]) -> np.ndarray | None:
    """Returns an image, or None where it is not the one that the maps were made of."""
    image = images.read_image(name)
    return image if image.shape[:2] == size else None


def cam_masker(network: ClassMapNetwork, maps: MapSettings, threshold: float) -> Masker:
    """Returns how class maps under a threshold make masks, as the stage does.

    Args:
        network: of class maps.
        maps: canvas, scales, mirror.
        threshold: share of each map's maximum, 0 to 1.
    """
    return class_map_masker(network, maps, functools.partial(decide_by_threshold, threshold), WITHOUT)


def class_map_masker(network: ClassMapNetwork, maps: MapSettings, decide, crf: CRF, others: tuple = ()) -> Masker:
    """Returns how a network of class maps makes masks by a rule.

    Args:
        network: of class maps.
        maps: canvas, scales, mirror.
        decide: the rule, see `inference.decide`.
        crf: what sharpens.
        others: networks that the rule calls.
    """
    network = network.spread(maps)
    num_ids = 1 + network.network.output[network.logits].shape[-1]
    return Masker(network.network, num_ids, network.seen(maps),
                  functools.partial(likely_by_logits, network.logits), decide, crf, others)
