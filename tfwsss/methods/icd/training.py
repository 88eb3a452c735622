"""What ICD's stages do with its network: build, feed, load."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import pydantic

from tfwsss.artefacts.regions import read_regions
from tfwsss.backbones.build import build_backbone
from tfwsss.batches.streams import canvas_batches, steps_per_epoch, training_batches
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.logs import LOG
from tfwsss.methods import maps
from tfwsss.models.icd import ICD, scorer
from tfwsss.refine.icd import seeds_of_scores
from tfwsss.refine.merging import merge_regions
from tfwsss.refine.seeds import strongest_class
from tfwsss.refine.upsample import upsample
from tfwsss.runs.stages import Inputs
from tfwsss.settings.sections import BackboneSettings, Settings
from tfwsss.training.fitting import GREY, PANEL_THRESHOLD, FitSettings, make_optimizer, watchers
from tfwsss.training.tensorboard import Panel

HEADS = ("fc8", "conv_ft")
"""Layers that learn faster than the backbone."""


class ICDSettings(FitSettings):
    """Network, losses, optimiser and augmentation of ICD; the defaults are the published ones.

    Args:
        head_width: channels of the position classifier.
        sign_updates_per_step: 1, or 2 as on the publication's two devices.
        bottom_up_scale, top_down_threshold: of the losses.
        warm_up_epochs: until the top-down loss counts fully.
        dropout: before the class maps of backbones without a head of their own.
        top_down_into_backbone: whether the top-down loss trains the backbone too, as published.
    """

    epochs: pydantic.PositiveInt = 20
    batch_size: pydantic.PositiveInt = 32
    crop: pydantic.PositiveInt = 321
    scales: tuple[pydantic.PositiveFloat, ...] = pydantic.Field((0.5, 0.75, 1.0, 1.25, 1.5), min_length=1)
    head_width: pydantic.PositiveInt = 1024
    sign_updates_per_step: Literal[1, 2] = 1
    bottom_up_scale: pydantic.PositiveFloat = 10.0
    top_down_threshold: float = pydantic.Field(0.2, ge=0.0, lt=1.0)
    warm_up_epochs: pydantic.NonNegativeFloat = 2.0
    dropout: float = pydantic.Field(0.0, ge=0.0, lt=1.0)
    top_down_into_backbone: bool = True


class MergeWith(Settings):
    """All that changes merged superpixels: `methods.icd.stages.MergeSettings` and the network asked."""

    max_regions: int
    canvas: int
    subtract_mean: bool
    backbone: BackboneSettings


def build(config: Any, inputs: Inputs, images: ImageSet) -> ICD:
    """Builds and compiles the network.

    Args:
        config: `methods.icd.stages.Config`.
        inputs: not read.
        images: the usable training images.

    Returns:
        Compiled `ICD`.
    """
    settings = config.icd
    backbone = build_backbone(**settings.backbone.model_dump())
    steps = steps_per_epoch(images, settings.batch_size)
    model = ICD(backbone, images.num_classes, head_width=settings.head_width, dropout=settings.dropout,
                sign_updates_per_step=settings.sign_updates_per_step, bottom_up_scale=settings.bottom_up_scale,
                top_down_threshold=settings.top_down_threshold,
                warm_up_steps=int(settings.warm_up_epochs * len(images.names)) // settings.batch_size,
                accompanied=_accompanied(images), top_down_into_backbone=settings.top_down_into_backbone)
    if settings.backbone.name == "vgg16" and settings.head_width == backbone.output["classifier"].shape[-1]:
        model.copy_head()
    model.compile(optimizer=make_optimizer(settings, model, steps, HEADS), jit_compile=False)
    return model


def _accompanied(images: ImageSet) -> tuple[int, ...]:
    """Returns the classes that no image shows alone; published data sets have none."""
    alone = {images.labels[name][0] for name in images.names if len(images.labels[name]) == 1}
    missing = tuple(label for label in range(images.num_classes) if label not in alone)
    if missing:
        LOG.warning("icd: no image shows %s alone; their directions learn from images of several classes",
                    ", ".join(images.classes[1:][label] for label in missing))
    return missing


def batches(config: Any, inputs: Inputs, images: ImageSet, first: int) -> Any:
    """Returns the training batches from an epoch on.

    Args:
        config: `methods.icd.stages.Config`.
        inputs: the finished `regions`.
        images: the usable training images.
        first: epoch to begin with.

    Returns:
        One stream of `tf.data` batches up to the last epoch.
    """
    settings = config.icd
    return training_batches(images, batch_size=settings.batch_size, how=settings.augmentation(), seed=config.seed,
                            epochs=settings.epochs, initial_epoch=first, regions=inputs["regions"])


def callbacks(config: Any, run: Path, model: ICD, images: ImageSet) -> list[keras.callbacks.Callback]:
    """Returns what watches the training: progress, and TensorBoard with panels of fixed images.

    Args:
        config: `methods.icd.stages.Config`.
        run: the run's folder.
        model: the network.
        images: the usable training images.

    Returns:
        Keras callbacks.
    """
    network = scorer(model)
    return watchers("icd", config, config.icd, run, images, lambda fixed, name: _panel(config, network, fixed, name))


def _panel(config: Any, network: keras.Model, images: ImageSet, name: str) -> Panel:
    """Returns what a panel shows of an image: class maps, scores, and the seeds they give."""
    settings = config.scores.model_copy(update={"scales": (1.0,), "mirror": False, "batch_size": 1})
    _, found = next(maps.score_images(network, images, [name], settings))
    cam, scores = (upsample(found[key].scores, found[key].size, found[key].covers) for key in ("cam", "scores"))
    seeds = seeds_of_scores(found["scores"], found["cam"], corners_aligned=config.seeds.corners_aligned)
    ids, strength = strongest_class(cam, found["cam"].classes)
    plain = np.where(strength > PANEL_THRESHOLD, ids, np.uint8(0))
    likely = 1 / (1 + np.exp(-scores.max(0, initial=-np.inf)))           # of the likeliest class
    return {"CAM": strength, "scores": likely}, {"CAM mask": plain, "ICD": seeds}


def load_maps(path: Path, keys: Sequence[str]) -> keras.Model:
    """Loads a trained network and keeps some of its maps.

    Args:
        path: `model.keras`.
        keys: of `cam` and `scores`.

    Returns:
        keras.Model, image `(batch, row, column, 3)` to a dictionary of those maps.

    Raises:
        UserError: the file is missing or damaged, or holds another network.
    """
    network = scorer(maps.load_model(path.parent, ICD))
    return keras.Model(network.input, {key: network.output[key] for key in keys})


def merged_regions(config: Any, images: ImageSet, inputs: Inputs,
                   names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
    """Merges superpixels by the features of the network as it is before training.

    Args:
        config: `methods.icd.stages.Config`.
        images: the data set.
        inputs: the finished `superpixels`.
        names: what to merge.

    Yields:
        Name and merged regions int32 `(row, column)`, or a fault.
    """
    settings, backbone = config.regions, build_backbone(**config.icd.backbone.model_dump())
    shift = 0.0 if settings.subtract_mean else GREY     # undoes the subtraction inside the network
    network = keras.Model(backbone.input, backbone.output["features"])
    side = settings.canvas
    for name in names:
        try:
            regions = read_regions(inputs["superpixels"], name)
        except ImageFault as fault:
            yield name, fault
            continue
        data = canvas_batches(images, [name], 1, side, side, GREY)
        features = np.concatenate([network(image + shift, training=False) for image in data])[0]
        cover = max(side, *regions.shape)
        yield name, merge_regions(regions, features, canvas=(cover, cover), max_regions=settings.max_regions)
