"""What MCIS' training does with its network: build, feed with pairs, watch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfwsss.artefacts.scores import Scores
from tfwsss.backbones.build import build_backbone
from tfwsss.backbones.facts import facts_of
from tfwsss.batches.pairs import pair_batches
from tfwsss.batches.streams import steps_per_epoch
from tfwsss.data.image_set import ImageSet
from tfwsss.methods.mcis.config import Config, MCISSettings
from tfwsss.models.mcis import HEADS, MCIS
from tfwsss.runs import devices
from tfwsss.runs.stage import Context, Inputs
from tfwsss.steps.class_maps import strongest_panel
from tfwsss.steps.co_attention_maps import co_attention_maps
from tfwsss.training.fitting import compiled, fit_callbacks, make_optimizer
from tfwsss.training.schedules import StepDecay
from tfwsss.training.tensorboard import Panel


def build(settings: MCISSettings, context: Context, inputs: Inputs, images: ImageSet) -> MCIS:
    """Builds and compiles the network.

    Args:
        settings: of network and training.
        context: says the devices, on which the number of steps depends.
        inputs: not read.
        images: the usable training images.

    Returns:
        Compiled `MCIS`, with PyTorch's rule of momentum where it is trained by it.
    """
    backbone = build_backbone(**settings.backbone.model_dump(), form="mcis")
    steps = steps_per_epoch(images, settings.batch_size, _whole_batches(context))
    start = settings.contrastive_from_epoch
    model = MCIS(backbone, images.num_classes, self_views=settings.self_views,
                 contrastive_from_step=None if start is None else start * steps,
                 alike=not facts_of(backbone.name).fresh)
    model.get_layer("co_attention").similarity.trainable = settings.learn_similarity
    rate = StepDecay(settings.learning_rate, settings.decay_epochs, steps) if settings.decay_epochs else None
    learning = {layer.name for layer in (*model.layers, *backbone.layers)}
    heads = tuple(name for name in HEADS if any(one.startswith(name.rstrip("*")) for one in learning))
    optimizer = make_optimizer(settings, model, steps, heads, decayed=("*",), rate=rate, nesterov=True,
                               rate_outside=True)
    return compiled(model, optimizer)


def _whole_batches(context: Context) -> bool:
    """Says whether the last pairs of an epoch are left out where they are fewer than a batch, for devices share it."""
    return devices.strategy(context.devices).num_replicas_in_sync > 1


def batches(settings: MCISSettings, context: Context, inputs: Inputs, images: ImageSet, first: int) -> Any:
    """Returns the training batches from an epoch on.

    Args:
        settings: of the training.
        context: seed and devices of the run.
        inputs: not read.
        images: the usable training images, each with a class.
        first: epoch to begin with.

    Returns:
        One stream of `tf.data` batches of pairs up to the last epoch.
    """
    return pair_batches(images, batch_size=settings.batch_size, side=settings.side, colours=settings.jitter,
                        self_views=settings.self_views, seed=context.seed, epochs=settings.epochs,
                        initial_epoch=first, drop_remainder=_whole_batches(context), share=context.team.share)


def callbacks(config: Config, context: Context, run: Path, model: MCIS,
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
    maps = co_attention_maps(model, config.maps, images)

    def panel(fixed: ImageSet, name: str) -> Panel:
        """Returns class maps of the image alone, by each of its references, and merged, and the masks they give."""
        image, labels = fixed.read_image(name), fixed.labels[name]
        maps.forget()                                                   # the network has learnt since
        seen = {key: each[0] for key, each in maps.see(image[None]).items()}
        alone = np.moveaxis(seen["cam"][..., labels], -1, 0)
        apart: Mapping[str, np.ndarray] = maps.apart(seen, name, labels) if config.maps.references else {}
        merged = np.moveaxis(maps.merged(seen, name, labels), -1, 0)
        shown = {"CAM": alone, **{f"by reference {place}": found for place, found in apart.items()}, "merged": merged}
        strengths, masks = {}, {}
        for title, found in shown.items():
            (strengths[title],), (masks[f"{title} mask"],) = (
                each.values() for each in strongest_panel(Scores(np.int32(labels), found, image.shape[:2])))
        return strengths, {title: mask for title, mask in masks.items() if title in ("CAM mask", "merged mask")}

    return fit_callbacks("mcis", context, config.mcis, run, images, panel)
