"""From masks to a segmentation network and its own masks, in one or more rounds: the ending of every method."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pydantic

from tfwsss.artefacts.files import finished
from tfwsss.artefacts.masks import read_mask
from tfwsss.data.image_set import ImageSet
from tfwsss.data.sources import Splits
from tfwsss.errors import ImageFault, UserError
from tfwsss.inference.served import Served
from tfwsss.palette import IGNORE
from tfwsss.refine.masks import as_they_are, review
from tfwsss.refine.upsample import strongest
from tfwsss.runs import journal
from tfwsss.runs.stages import Inputs, Stage, infer, refine
from tfwsss.settings.sections import RunSettings, Settings
from tfwsss.steps.segment import load_viewer, mask_stage, segment
from tfwsss.steps.segmenter import SegmenterSettings, segmenter_stage
from tfwsss.steps.served import from_viewer
from tfwsss.steps.viewing import SegmentSettings, Viewer

REVIEW = "review.jsonl"
"""Journal beside relabelled masks: how sure the network is, and how far it follows its labels."""


class RelabelSettings(SegmentSettings):
    """How a trained network labels its own training images, for the report and for the next round.

    Args:
        certain: pixels whose probability, before the CRF, is lower are left open.
    """

    tagged: bool = True
    certain: float = pydantic.Field(0.0, ge=0.0, lt=1.0)


class Ending(RunSettings):
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


class Config(Ending):
    """Settings of a segmentation network trained on masks that are given (`given.labels`), or on the true ones."""

    method: Literal["retrain"] = "retrain"


SMALL_SEGMENTER: Mapping[str, Any] = {
    "backbone": {"name": "small", "initial": None}, "epochs": 12, "batch_size": 16, "crop": 97,
    "scales": [0.75, 1.0, 1.25], "optimizer": "adam", "learning_rate": 1e-3, "head_factor": 1.0, "bias_factor": 1.0,
    "weight_decay": 0.0, "width": 64, "dropout": 0.0, "normaliser": "batch",
}
"""A segmentation network for the built-in data set."""

DEMO: dict[str, Any] = {"data": {"kind": "demo", "split": "train", "val_split": "val"}, "segmenter": SMALL_SEGMENTER}
"""Small settings for the built-in data set."""


def stages(config: Config, splits: Splits) -> list[Stage]:
    """Labels, then rounds of training.

    Args:
        config: settings.
        splits: what to train on, and to segment without tags.

    Returns:
        The stages, in order.

    Raises:
        UserError: no labels are given, and there are no true masks.
    """
    if "labels" not in config.given and not splits.training.masks:
        raise UserError("retrain learns from masks, and these images have none; add --set given.labels=FOLDER, such as "
                        "the pseudo folder of another run")
    labels = refine("labels", splits.training, config, kind="masks", settings=Settings(), function=as_they_are,
                    arguments=("truth",))
    return [dataclasses.replace(labels, split="training"), *ending(config, splits, "labels", "training")]


def ending(config: Ending, splits: Splits, labels: str = "pseudo", split: str = "pseudo", *,
           train: Callable[..., Stage] = segmenter_stage, relabelled: str = "relabel") -> list[Stage]:
    """Makes the stages from masks to a segmentation network and its masks.

    Args:
        config: the method's settings.
        splits: the images.
        labels: stage of the masks.
        split: which images it made them of.
        train: makes the stage of a network, as `segmenter_stage` does.
        relabelled: name of the stage of the network's own labels.

    Returns:
        For each round: `segmenter`, what it calls the training images and, where there are images to segment,
        `masks`; from the second on with its number.
    """
    images = getattr(splits, split)
    listed: list[Stage] = []
    before = None
    for number in range(1, config.rounds + 1):
        network, own, masks = (_in_round(name, number) for name in ("segmenter", relabelled, "masks"))
        trained = train(network, images, config, config.segmenter, labels, before)
        listed += [dataclasses.replace(trained, section="segmenter"),
                   _relabel_stage(own, images, config, network, labels, split)]
        if splits.val is not None:
            last = mask_stage(masks, splits.val, config, config.masks, network)
            listed.append(dataclasses.replace(last, section="masks", split="val"))
        labels, before = own, network if config.segmenter.continued else None
    return listed


def _in_round(stage: str, number: int) -> str:
    """Returns the name of a stage in a round."""
    return stage if number == 1 else f"{stage}_{number}"


def _relabel_stage(name: str, images: ImageSet, config: Ending, network: str, labels: str, split: str) -> Stage:
    predict = functools.partial(_relabelled, name, images, config.relabel, network, labels)
    stage = infer(name, images, config, kind="masks", settings=config.relabel, needs=(network, labels), predict=predict)
    return dataclasses.replace(stage, section="relabel", split=split)


def _relabelled(name: str, images: ImageSet, settings: RelabelSettings, network: str, labels: str, inputs: Inputs,
                names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
    """Yields the network's masks; how sure it is and how far it follows its labels goes into the journal first."""
    labelled = finished(inputs[labels], "masks", images.names)
    for image, found in segment(load_viewer(inputs[network]), images, names, settings):
        if isinstance(found, ImageFault):
            yield image, found
            continue
        view, mask = found
        known = read_mask(inputs[labels], image) if image in labelled else None
        sure = strongest(view.probabilities, view.size, view.covers)[1]
        journal.append(inputs[name] / REVIEW, {"name": image, **review(mask, known, sure)})
        yield image, np.where(sure < settings.certain, np.uint8(IGNORE), mask)


def network_of(config: Ending, run: Path) -> Path | None:
    """Returns the folder of the last round's network, or nothing where a run has none.

    Args:
        config: the run's settings.
        run: folder of the run.
    """
    name = _in_round("segmenter", config.rounds)
    folder = config.given.get(name, run / name)
    return folder if config.rounds and (folder / "model.keras").is_file() else None


def predict(config: Ending, run: Path, images: ImageSet, tagged: bool) -> Iterator[tuple[str, np.ndarray]]:
    """Makes masks of any images with the segmentation network of a finished run.

    Args:
        config: the run's settings.
        run: folder of the run.
        images: what to make masks of.
        tagged: whether only the images' own labels count.

    Yields:
        Name and mask uint8 `(row, column)`.
    """
    viewer = _viewer(config, run)
    settings = config.masks.model_copy(update={"tagged": tagged})
    for name, found in segment(viewer, images, images.names, settings):
        if isinstance(found, ImageFault):
            raise found
        yield name, found[1]


def served(config: Ending, run: Path) -> Served:
    """Says how a finished run makes masks, for `tfwsss.export`; `predict` makes the same.

    Args:
        config: the run's settings.
        run: folder of the run.

    Returns:
        Its segmentation network.
    """
    return from_viewer(_viewer(config, run), config.masks)


def _viewer(config: Ending, run: Path) -> Viewer:
    """Loads the last round's network; where there is none, the error names the file that is missing."""
    return load_viewer(network_of(config, run) or run / _in_round("segmenter", max(config.rounds, 1)))
