"""The stage that trains a segmentation network on masks: build, feed, watch."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import keras
import pydantic

from tfwsss.artefacts.models import load_model
from tfwsss.backbones.build import build_backbone
from tfwsss.backbones.facts import facts_of
from tfwsss.batches.augment import Augmentation
from tfwsss.batches.streams import steps_per_epoch, training_batches
from tfwsss.data.image_set import ImageSet
from tfwsss.models.segmenter import Segmenter, logit_maps
from tfwsss.runs.stage import Context, Inputs, Stage, train
from tfwsss.steps.segment import SegmentationNetwork, SegmentSettings, segmentation_masker
from tfwsss.training.fitting import (
    FitSettings,
    HeadFitSettings,
    compiled,
    finished_names,
    fit_callbacks,
    make_optimizer,
)
from tfwsss.training.stored_features import joined, kept_features, trunk_of
from tfwsss.training.tensorboard import Panel


class SegmenterSettings(HeadFitSettings):
    """Segmentation network and its training; the defaults are those of DeepLab-LargeFOV on VGG-16.

    Args:
        head: `largefov`, `aspp`, or `parallel`: see `models.segmenter`.
        width: channels of the head's new layers, where it has some.
        dropout: share dropped in the head, where the head drops.
        loss_at: `full` enlarges the logits to the masks, `grid` reduces the masks to the logits.
        normaliser: the loss is the mean over each `image`'s labelled pixels, or over those of the whole `batch`.
        continued: later rounds begin with the weights of the round before.
    """

    batch_size: pydantic.PositiveInt = 10
    crop: pydantic.PositiveInt = 321
    scales: tuple[pydantic.PositiveFloat, ...] = pydantic.Field((0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3), min_length=1)
    schedule: Literal["epoch", "step"] = "step"
    bias_factor: pydantic.PositiveFloat = 2.0
    head: Literal["largefov", "aspp", "parallel"] = "largefov"
    width: pydantic.PositiveInt = 1024
    dropout: float = pydantic.Field(0.5, ge=0.0, lt=1.0)
    loss_at: Literal["full", "grid"] = "full"
    normaliser: Literal["image", "batch"] = "image"
    continued: bool = False

    @pydantic.model_validator(mode="after")
    def _new_heads_where_stored(self) -> "SegmenterSettings":
        if self.continued and self.stored is not None:
            raise ValueError("continued trains whole networks, stored their heads; set one of them")
        return self


def network_stage(name: str, images: ImageSet, settings: FitSettings, labels: str, before: str | None = None, *,
                  build: Callable[..., keras.Model], batches: Callable[..., Any],
                  network: Callable[[Any], keras.Model]) -> Stage:
    """Makes the stage that trains a segmentation network on masks.

    Args:
        name: of the stage.
        images: what to train on; those without a mask are left out.
        settings: of the network.
        labels: stage of the masks.
        before: stage of a network whose weights this one begins with.
        build: settings, `before`, context, inputs and images to a compiled model.
        batches: settings, `labels`, context, inputs, images and first epoch to batches.
        network: model to a network of single images with "logits".

    Returns:
        Stage of kind `model`.
    """
    return train(name, images, settings=settings, epochs=settings.epochs, needs=(labels, before) if before else
                 (labels,), usable=finished_names(labels, "masks", images),
                 build=functools.partial(build, settings, before), batches=functools.partial(batches, settings, labels),
                 callbacks=functools.partial(_callbacks, name, settings, network))


def _build(settings: SegmenterSettings, before: str | None, context: Context, inputs: Inputs,
           images: ImageSet) -> Segmenter:
    if before:
        model = load_model(inputs[before], Segmenter)
    else:
        backbone = build_backbone(**settings.backbone.model_dump(), **_form(settings))
        trunk = trunk_of(settings, backbone, images, _how(settings))
        model = Segmenter(trunk, len(images.classes), head=settings.head, width=settings.width,
                          dropout=settings.dropout, loss_at=settings.loss_at, normaliser=settings.normaliser)
        joined(settings, model, backbone)
    steps = steps_per_epoch(images, settings.batch_size)
    return compiled(model, make_optimizer(settings, model, steps, model.heads))


def _form(settings: SegmenterSettings) -> dict[str, Any]:
    """Returns what a backbone is told beyond its settings: VGG-16 brings the large field of view itself."""
    wide = settings.backbone.name == "vgg16" and settings.head == "largefov"
    return {"fc6_dilation": 12} if wide else {}


def _how(settings: SegmenterSettings) -> Augmentation:
    return settings.augmentation(facts_of(settings.backbone.name).colour)


def _batches(settings: SegmenterSettings, labels: str, context: Context, inputs: Inputs, images: ImageSet,
             first: int) -> Any:
    how = _how(settings)
    data = training_batches(images, batch_size=settings.batch_size, how=how, seed=context.seed, epochs=settings.epochs,
                            initial_epoch=first, masks=inputs[labels],
                            features=kept_features(settings, images, how), share=context.team.share)
    return data.map(lambda x, y: ({"image": x["image"]}, {"mask": y["mask"]}))


def _callbacks(name: str, settings: FitSettings, network: Callable[[Any], keras.Model], context: Context, run: Path,
               model: keras.Model, images: ImageSet) -> list[keras.callbacks.Callback]:
    """Returns what watches the training, with panels of the network's masks."""
    colour = facts_of(settings.backbone.name).colour
    masker = segmentation_masker(SegmentationNetwork(network(model), colour), SegmentSettings())

    def panel(fixed: ImageSet, name: str) -> Panel:
        _, found = next(masker.masks(fixed, [name], tagged=False))
        return {}, {"mask": found.mask}

    kept = getattr(settings, "stored", None) is not None
    return fit_callbacks(name, context, settings, run, images, None if kept else panel)


segmenter_stage = functools.partial(network_stage, build=_build, batches=_batches, network=logit_maps)
"""Makes the stage that trains DeepLab on masks: a `models.segmenter.Segmenter`."""
