"""What OAA's stages do with its two networks: build, feed and watch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfwsss.artefacts.scores import Scores, read_scores
from tfwsss.backbones.build import build_backbone
from tfwsss.batches.frames import framed_batches
from tfwsss.batches.streams import steps_per_epoch
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import UserError
from tfwsss.inference.see import Seer
from tfwsss.methods.oaa.config import AttentionFitSettings, Config, LookSettings, OAASettings
from tfwsss.models.oaa import OAA, attention_network
from tfwsss.runs.stage import Context, Inputs
from tfwsss.steps.class_maps import strongest_panel
from tfwsss.steps.gathering import AttentionDrop, Gatherer, GatheringLogs
from tfwsss.training.attention_memory import AttentionMemory
from tfwsss.training.fitting import compiled, fit_callbacks, make_optimizer
from tfwsss.training.optimizers import DECAYED
from tfwsss.training.schedules import StepDecay
from tfwsss.training.tensorboard import Panel

HEADS = ("fc8", "extra*")
"""Layers that no ImageNet network has; the latter are VGG-16's."""

NOTHING = 0.001
"""Target up to which the program for PyTorch teaches a position to fall."""


def build(config: Config, context: Context, inputs: Inputs, images: ImageSet) -> OAA:
    """Builds and compiles the first network, with the memory into which its maps are gathered.

    Args:
        config: the method's settings.
        context: not read.
        inputs: not read.
        images: the usable training images.

    Returns:
        Compiled `OAA`, whose `watch.memory` gathers.

    Raises:
        UserError: several devices, and images that keep their shapes.
    """
    settings = config.oaa
    model = _built(settings, settings, images)
    seen = _at_once(settings, settings)
    an_epoch = steps_per_epoch(images, seen) * seen
    memory = AttentionMemory(settings.joined_by, settings.accepted_by, _first_visit(settings, images, seen, an_epoch),
                             settings.quantised, latest=settings.drop > 0)
    model.watch = Gatherer(memory, images, an_epoch * (settings.epochs - 1) + 1 if settings.program == "torch" else
                           None)
    if settings.drop > 0:
        model.veil = AttentionDrop(memory, images, settings.drop_above, settings.facts_of_network.colour)
    return model


def _first_visit(settings: OAASettings, images: ImageSet, seen: int, an_epoch: int) -> int:
    """Returns the number of the first visit that counts: a step's images count together, whichever device has them."""
    if settings.program == "torch":
        return an_epoch + 1                                           # the whole first epoch is passed over
    if settings.joined_by != "max":
        return 1
    return (len(images.names) - 1) // seen * seen + 1                 # as many as there are images, less one


def _at_once(settings: AttentionFitSettings, frame: OAASettings) -> int:
    """Returns how many images the network sees at once."""
    return settings.batch_size if frame.square else 1


def _built(settings: AttentionFitSettings, first: OAASettings, images: ImageSet, **further: Any) -> OAA:
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if keras.backend.backend() != "tensorflow":
        raise UserError(f"oaa gathers its maps inside TensorFlow's graph, and KERAS_BACKEND is "
                        f"{keras.backend.backend()}; unset it, or give the stages oaa and oaa_plus by `given`")
    if not first.square and replicas > 1:
        raise UserError(f"oaa: {replicas} devices, but images that keep their shapes are seen one by one; set "
                        "oaa.square=true, or devices=1")
    backbone = build_backbone(**settings.backbone.model_dump(), form=first.form)
    model = OAA(backbone, images.num_classes, **further)
    return compiled(model, _optimizer(settings, first, model, images))


def _optimizer(settings: AttentionFitSettings, first: OAASettings, model: OAA,
               images: ImageSet) -> keras.optimizers.Optimizer:
    """Returns the optimiser; where images are seen one by one it gathers the gradients of a batch of them."""
    steps = steps_per_epoch(images, _at_once(settings, first))
    heads = HEADS if settings.backbone.name == "vgg16" else HEADS[:1]
    rate = StepDecay(settings.learning_rate, settings.decay_epochs, steps) if settings.decay_epochs else None
    return make_optimizer(settings, model, steps, heads, ("*",) if settings.decay_all else DECAYED, rate,
                          settings.batch_size // _at_once(settings, first), nesterov=settings.nesterov,
                          rate_outside=settings.rate_outside)


def build_plus(config: Config, context: Context, inputs: Inputs, images: ImageSet) -> OAA:
    """Builds and compiles the second network.

    Args:
        config: the method's settings.
        context: not read.
        inputs: not read.
        images: the usable training images.

    Returns:
        Compiled `OAA`, integral.

    Raises:
        UserError: as `build`.
    """
    threshold = NOTHING if config.oaa.program == "torch" else 0.0
    return _built(config.oaa_plus, config.oaa, images, integral=True, threshold=threshold, name="oaa_plus")


def batches(config: Config, plus: bool, context: Context, inputs: Inputs, images: ImageSet, first: int) -> Any:
    """Returns the training batches from an epoch on.

    Args:
        config: the method's settings.
        plus: whether for the second network, which learns the maps of `accumulated`.
        context: seed of the run.
        inputs: the finished `accumulated`, for the second network.
        images: the usable training images.
        first: epoch to begin with.

    Returns:
        One stream of `tf.data` batches up to the last epoch.
    """
    settings = config.oaa_plus if plus else config.oaa
    return framed_batches(images, config.oaa.frame, batch_size=_at_once(settings, config.oaa), mirror=settings.mirror,
                          colours=settings.jitter, drop=0.0 if plus else config.oaa.drop, seed=context.seed,
                          epochs=settings.epochs, initial_epoch=first,
                          attention=_targets(inputs["accumulated"], images.num_classes) if plus else None)


def _targets(folder: Path, num_classes: int) -> Callable[[str], np.ndarray]:
    """Returns what reads an image's gathered maps, 0 for classes that it does not show."""
    def read(name: str) -> np.ndarray:
        kept = read_scores(folder, name)
        targets = np.zeros((*kept.scores.shape[1:], num_classes), np.float32)
        targets[..., kept.classes] = np.moveaxis(kept.scores, 0, -1) / np.float32(255)
        return targets

    return read


def callbacks(config: Config, plus: bool, context: Context, run: Path, model: OAA,
              images: ImageSet) -> list[keras.callbacks.Callback]:
    """Returns what watches a training: progress, TensorBoard, and panels of what the network finds and has gathered.

    Args:
        config: the method's settings.
        plus: whether of the second network.
        context: of the run.
        run: the run's folder.
        model: the network.
        images: the usable training images.

    Returns:
        Keras callbacks.
    """
    seer = Seer(attention_network(model), LookSettings().resized(config.oaa))

    def panel(fixed: ImageSet, name: str) -> Panel:
        _, found = next(seer.scores(fixed, [name]))
        maps, masks = strongest_panel(found["position_logits"])
        if plus:
            return {"OAA+": maps["CAM"]}, {"OAA+ mask": masks["CAM mask"]}
        gathered = strongest_panel(_gathered(model.watch.memory, found["position_logits"], name))
        return {**maps, "gathered": gathered[0]["CAM"]}, {**masks, "gathered mask": gathered[1]["CAM mask"]}

    settings = config.oaa_plus if plus else config.oaa
    seen = settings.model_copy(update={"batch_size": _at_once(settings, config.oaa)})
    shown = fit_callbacks("oaa_plus" if plus else "oaa", context, seen, run, images, panel)
    return shown if plus else [GatheringLogs(model.watch.memory, images), *shown]


def _gathered(memory: AttentionMemory, found: Scores, name: str) -> Scores:
    """Returns the gathered maps of an image, 0 where nothing was gathered yet."""
    planes = [memory.get(name, label) for label in found.classes]
    planes = [np.zeros(found.scores.shape[1:], np.float32) if plane is None else plane for plane in planes]
    return found._replace(scores=np.stack(planes).astype(np.float32) if planes else found.scores)
