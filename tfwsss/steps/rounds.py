"""From masks to a segmentation network and its own masks, in one or more rounds: how every method ends."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydantic

from tfwsss.artefacts.files import finished, path_of
from tfwsss.artefacts.masks import read_mask
from tfwsss.data.corrections import KEY
from tfwsss.data.image_set import ImageSet
from tfwsss.data.sources import Splits
from tfwsss.errors import ImageFault
from tfwsss.inference.masker import Masker
from tfwsss.palette import IGNORE
from tfwsss.refine.masks import review
from tfwsss.runs import journal
from tfwsss.runs.stage import Inputs, Stage, infer
from tfwsss.settings.sections import RunSettings
from tfwsss.steps.corrections import corrected_stage, corrections_stage
from tfwsss.steps.segment import SegmentSettings, load_segmentation_network, segment_stage, segmentation_masker
from tfwsss.steps.segmenter import SegmenterSettings, segmenter_stage


class RelabelSettings(SegmentSettings):
    """How a trained network labels its own training images, for the report and for the next round.

    Args:
        certain: pixels whose probability, before the CRF, is lower are left open.
    """

    tagged: bool = True
    certain: float = pydantic.Field(0.0, ge=0.0, lt=1.0)


class SegmenterRounds(RunSettings):
    """Settings of every method that ends with a segmentation network.

    Args:
        rounds: how often a network is trained; 0 ends with the pseudo labels, from 2 on a network learns from the
            masks of the one before.
        segmenter: network and training.
        relabel: how it labels the training images.
        masks: how it segments the images of `data.val_split`, without tags.
    """

    rounds: pydantic.NonNegativeInt = 1
    segmenter: SegmenterSettings = SegmenterSettings()
    relabel: RelabelSettings = RelabelSettings()
    masks: SegmentSettings = SegmentSettings()


SMALL_SEGMENTER: Mapping[str, Any] = {
    "backbone": {"name": "small", "initial": None}, "epochs": 12, "batch_size": 16, "crop": 97,
    "scales": [0.75, 1.0, 1.25], "optimizer": "adam", "learning_rate": 1e-3, "head_factor": 1.0, "bias_factor": 1.0,
    "weight_decay": 0.0, "width": 64, "dropout": 0.0, "normaliser": "batch",
}
"""A segmentation network for the built-in data set."""


def segmenter_rounds(settings: SegmenterRounds, splits: Splits, labels: str = "pseudo", split: str = "pseudo", *,
                     train: Callable[..., Stage] = segmenter_stage, relabelled: str = "relabel") -> list[Stage]:
    """Makes the stages from masks to a segmentation network and its masks.

    Args:
        settings: of the rounds.
        splits: the images.
        labels: stage of the masks.
        split: which images it made them of.
        train: makes the stage of a network, as `segmenter_stage` does.
        relabelled: name of the stage of the network's own labels.

    Returns:
        For each round: `segmenter`, what it calls the training images and, where there are images to segment,
        `masks`; from the second on with its number. Where corrections are given, the masks that a network learns from,
        or without one the last, are `corrected` first.
    """
    images = getattr(splits, split)
    listed: list[Stage] = [corrections_stage()] if KEY in settings.given else []
    before = None
    for number in range(1, max(settings.rounds, len(listed)) + 1):
        if KEY in settings.given:
            listed.append(corrected_stage(_in_round("corrected", number), images, labels, split))
            labels = listed[-1].name
        if not settings.rounds:
            break
        network, own, masks = (_in_round(name, number) for name in ("segmenter", relabelled, "masks"))
        trained = train(network, images, settings.segmenter, labels, before)
        listed += [dataclasses.replace(trained, section="segmenter"),
                   _relabel_stage(own, images, settings.relabel, network, labels, split)]
        if splits.val is not None:
            last = segment_stage(masks, splits.val, settings.masks, network)
            listed.append(dataclasses.replace(last, section="masks", split="val"))
        labels, before = own, network if settings.segmenter.continued else None
    return listed


def _in_round(stage: str, number: int) -> str:
    """Returns the name of a stage in a round."""
    return stage if number == 1 else f"{stage}_{number}"


def _relabel_stage(name: str, images: ImageSet, settings: RelabelSettings, network: str, labels: str,
                   split: str) -> Stage:
    predict = functools.partial(_relabelled, name, images, settings, network, labels)
    stage = infer(name, images, kind="masks", settings=settings, needs=(network, labels), predict=predict,
                  versions=settings.versions)
    return dataclasses.replace(stage, section="relabel", split=split)


def _relabelled(name: str, images: ImageSet, settings: RelabelSettings, network: str, labels: str, inputs: Inputs,
                names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
    """Yields the network's masks; how sure it is and how far it follows its labels goes into the journal first."""
    labelled = finished(inputs[labels], "masks", images.names)
    masker = segmentation_masker(load_segmentation_network(inputs[network]), settings)
    for image, found in masker.masks(images, names, settings.tagged, certainty=True):
        if isinstance(found, ImageFault):
            yield image, found
            continue
        try:
            known = _learnt(inputs[labels], image, found.mask.shape) if image in labelled else None
        except ImageFault as fault:
            yield image, fault
            continue
        journal.append(inputs[name] / journal.REVIEW, {"name": image, **review(found.mask, known, found.certainty)})
        yield image, np.where(found.certainty < settings.certain, np.uint8(IGNORE), found.mask)


def _learnt(folder: Path, name: str, size: tuple[int, int]) -> np.ndarray:
    """Returns the mask from which the network learnt an image."""
    mask = read_mask(folder, name)
    if mask.shape != size:
        raise ImageFault(f"{path_of(folder, 'masks', name)}: a mask of {mask.shape}; expected {size}, as its image; "
                         "make it again, or give the mask of that image")
    return mask


def network_of(settings: SegmenterRounds, run: Path) -> Path | None:
    """Returns the folder of the last round's network, or None where a run has none.

    Args:
        settings: of the run.
        run: folder of the run.
    """
    name = _in_round("segmenter", settings.rounds)
    folder = settings.given.get(name, run / name)
    return folder if settings.rounds and (folder / "model.keras").is_file() else None


def last_masker(settings: SegmenterRounds, run: Path) -> Masker:
    """Returns how the last round's network of a finished run makes masks.

    Args:
        settings: of the run.
        run: folder of the run.

    Returns:
        Masker.

    Raises:
        UserError: there is no network; the message names the file that is missing.
    """
    folder = network_of(settings, run) or run / _in_round("segmenter", max(settings.rounds, 1))
    return segmentation_masker(load_segmentation_network(folder), settings.masks)
