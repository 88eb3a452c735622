"""What ICD's stages do with its network: build, feed, watch, and merge superpixels by its features."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfwsss.artefacts.regions import read_regions
from tfwsss.backbones.build import build_backbone
from tfwsss.backbones.facts import GREY
from tfwsss.batches.streams import steps_per_epoch, training_batches
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.inference.canvas import on_canvas
from tfwsss.inference.kept import KeptRule
from tfwsss.inference.see import Seer
from tfwsss.inference.views import OwnSize
from tfwsss.logs import LOG
from tfwsss.methods.icd.config import Config, ICDSettings, MergeWith
from tfwsss.methods.icd.masker import KEYS, rule
from tfwsss.models.icd import ICD, scorer
from tfwsss.refine.merging import merge_regions
from tfwsss.runs.stage import Context, Inputs
from tfwsss.steps.class_maps import strongest_panel
from tfwsss.training.fitting import compiled, fit_callbacks, make_optimizer
from tfwsss.training.stored_features import joined, kept_features, trunk_of
from tfwsss.training.tensorboard import Panel

HEADS = ("fc8", "conv_ft")
"""Layers that learn faster than the backbone."""

LOSS_IN_WORDS = ("its loss is classification + bottom_up + weight x top_down; bottom_up is minus what the classes' "
                 "directions tell apart, so a loss that is negative and falls is right. The parts are in history.json")
"""Said before the first number is printed, which else would look wrong."""


def build(settings: ICDSettings, context: Context, inputs: Inputs, images: ImageSet) -> ICD:
    """Builds and compiles the network.

    Args:
        settings: of network and training.
        context: not read.
        inputs: not read.
        images: the usable training images.

    Returns:
        Compiled `ICD`.
    """
    backbone = build_backbone(**settings.backbone.model_dump())
    steps = steps_per_epoch(images, settings.batch_size)
    trunk = trunk_of(settings, backbone, images, settings.augmentation())
    model = ICD(trunk, images.num_classes, head_width=settings.head_width, dropout=settings.dropout,
                sign_updates_per_step=settings.sign_updates_per_step, bottom_up_scale=settings.bottom_up_scale,
                top_down_threshold=settings.top_down_threshold,
                warm_up_steps=int(settings.warm_up_epochs * len(images.names)) // settings.batch_size,
                accompanied=_accompanied(images), top_down_into_backbone=settings.top_down_into_backbone)
    if settings.backbone.name == "vgg16" and settings.head_width == backbone.output["classifier"].shape[-1]:
        model.copy_head()
    compiled(model, make_optimizer(settings, model, steps, HEADS))
    return joined(settings, model, backbone)


def _accompanied(images: ImageSet) -> tuple[int, ...]:
    """Returns the classes that no image shows alone; published data sets have none."""
    alone = {images.labels[name][0] for name in images.names if len(images.labels[name]) == 1}
    missing = tuple(label for label in range(images.num_classes) if label not in alone)
    if missing:
        LOG.warning("icd: no image shows %s alone; their directions learn from images of several classes",
                    ", ".join(images.classes[1:][label] for label in missing))
    return missing


def batches(settings: ICDSettings, context: Context, inputs: Inputs, images: ImageSet, first: int) -> Any:
    """Returns the training batches from an epoch on.

    Args:
        settings: of the training.
        context: seed of the run.
        inputs: the finished `regions`.
        images: the usable training images.
        first: epoch to begin with.

    Returns:
        One stream of `tf.data` batches up to the last epoch.
    """
    how = settings.augmentation()
    return training_batches(images, batch_size=settings.batch_size, how=how, seed=context.seed,
                            epochs=settings.epochs, initial_epoch=first, regions=inputs["regions"],
                            features=kept_features(settings, images, how), share=context.team.share)


def callbacks(config: Config, context: Context, run: Path, model: ICD,
              images: ImageSet) -> list[keras.callbacks.Callback]:
    """Returns what watches the training: progress, and TensorBoard with panels of fixed images.

    Args:
        config: the method's settings.
        context: of the run.
        run: the run's folder.
        model: the network.
        images: the usable training images.

    Returns:
        Keras callbacks.
    """
    LOG.info("icd: %s", LOSS_IN_WORDS)
    seer, decide = Seer(scorer(model), OwnSize()), KeptRule(rule(config.seeds), KEYS)

    def panel(fixed: ImageSet, name: str) -> Panel:
        """Returns class maps, scores, and the seeds they give."""
        _, found = next(seer.scores(fixed, [name]))
        maps, masks = strongest_panel(found["cam"])
        object_likely = 1 / (1 + np.exp(-found["scores"].scores.max(0, initial=-np.inf)))   # of the likeliest class
        return {**maps, "scores": object_likely}, {**masks, "ICD": decide(found)}

    return fit_callbacks("icd", context, config.icd, run, images, None if config.icd.stored else panel)


def merged_regions(settings: MergeWith, images: ImageSet, inputs: Inputs,
                   names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
    """Merges superpixels by the features of the network as it is before training.

    Args:
        settings: of the merging, with the network.
        images: the data set.
        inputs: the finished `superpixels`.
        names: what to merge.

    Yields:
        Name and merged regions int32 `(row, column)`, or a fault.
    """
    backbone = build_backbone(**settings.backbone.model_dump())
    shift = 0.0 if settings.subtract_mean else GREY     # undoes the subtraction inside the network
    network = keras.Model(backbone.input, backbone.output["features"])
    side = settings.canvas
    for name in names:
        try:
            regions, image = read_regions(inputs["superpixels"], name), images.read_image(name)
        except ImageFault as fault:
            yield name, fault
            continue
        canvas = on_canvas(tf.constant(image), side, side, (GREY, GREY, GREY))
        features = keras.ops.convert_to_numpy(network(canvas[None] + shift, training=False))[0]
        cover = max(side, *regions.shape)
        yield name, merge_regions(regions, features, canvas=(cover, cover), max_regions=settings.max_regions)
