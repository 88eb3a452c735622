"""The stage from confident labels to a network that says which near positions belong together."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import keras
import pydantic

from tfwsss.backbones.build import build_backbone
from tfwsss.backbones.facts import facts_of
from tfwsss.batches.shrink import reduce_ids
from tfwsss.batches.streams import steps_per_epoch, training_batches
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import UserError
from tfwsss.models.affinity import AffinityNet
from tfwsss.models.affinity_features import HEADS
from tfwsss.ops.offsets import half_disc, reach
from tfwsss.runs.stage import Context, Inputs, Stage, train
from tfwsss.training.fitting import FitSettings, compiled, finished_names, fit_callbacks, make_optimizer
from tfwsss.training.optimizers import DECAYED

DECAYING = (*DECAYED, "gn8_*/gamma")
"""What decays: in the released code the scales of VGG-16's group norms too."""


class AffinityFitSettings(FitSettings):
    """Training of an affinity network on AffinityNet's features, as far as all released codes agree.

    Args:
        widths: channels of its three narrowed maps.
    """

    jitter: tuple[float, float, float, float] | tuple[()] = (0.3, 0.3, 0.3, 0.1)
    scatter: bool = True
    momentum: float = pydantic.Field(5e-4, ge=0.0, lt=1.0)     # released: the decay is taken for the momentum
    schedule: Literal["epoch", "step"] = "step"
    bias_factor: pydantic.PositiveFloat = 2.0
    widths: tuple[pydantic.PositiveInt, pydantic.PositiveInt, pydantic.PositiveInt] = (64, 128, 256)


class AffinitySettings(AffinityFitSettings):
    """Affinity network and its training; the defaults are those of the released code with VGG-16.

    Args:
        radius: pairs are nearer than this. border: `released`, or `full` for all pairs of the map.
    """

    epochs: pydantic.PositiveInt = 8
    batch_size: pydantic.PositiveInt = 8
    learning_rate: pydantic.PositiveFloat = 0.1
    radius: int = pydantic.Field(5, ge=2)
    border: Literal["released", "full"] = "released"


def affinity_stage(name: str, images: ImageSet, settings: AffinitySettings, source: str) -> Stage:
    """Makes the stage that trains an affinity network.

    Args:
        name: of the stage.
        images: what to train on; those without marginals, or without a given label map, are left out.
        settings: of the network and its training.
        source: stage that is learnt from: `marginals`, or one of masks.

    Returns:
        Stage of kind `model`, a `models.affinity.AffinityNet`.
    """
    return train(name, images, settings=settings, epochs=settings.epochs, needs=(source,),
                 build=functools.partial(build, settings), usable=usable(source, images),
                 batches=functools.partial(batches, settings, source),
                 callbacks=functools.partial(callbacks, name, settings))


def build(settings: AffinitySettings, context: Context, inputs: Inputs, images: ImageSet) -> AffinityNet:
    """Builds and compiles the network.

    Args:
        settings: of network and training.
        context: not read.
        inputs: not read.
        images: the usable training images.

    Returns:
        Compiled `AffinityNet`.

    Raises:
        UserError: a crop in which no pair would be compared.
    """
    _check_pairs(settings)
    known = settings.backbone.name == "vgg16"
    form = {"form": "affinitynet", "fc6_dilation": 4} if known else {}
    backbone = build_backbone(**settings.backbone.model_dump(), **form)
    model = AffinityNet(backbone, widths=settings.widths, group_norm=known, radius=settings.radius,
                        border=settings.border)
    steps = steps_per_epoch(images, settings.batch_size)
    return compiled(model, make_optimizer(settings, model, steps, HEADS, DECAYING))


def _stride(settings: AffinitySettings) -> int:
    return facts_of(settings.backbone.name).output_stride(settings.backbone.output_stride)


def _check_pairs(settings: AffinitySettings) -> None:
    """Refuses a crop so small that no pair is `released`: nothing would be learnt from it."""
    stride, needed = _stride(settings), 2 * reach(half_disc(settings.radius)) + 1
    grid = -(-settings.crop // stride)
    if settings.border == "released" and grid < needed:
        raise UserError(f"affinity: a crop of {settings.crop} pixels makes {grid} x {grid} positions of "
                        f"{settings.backbone.name}; with border 'released' and radius {settings.radius} pairs begin "
                        f"at {needed}: set affinity.border=full, or affinity.crop={(needed - 1) * stride + 1} or more")


def usable(source: str, images: ImageSet) -> Callable[[Inputs], set[str]]:
    """Returns what finds the images that can be trained on: those with marginals, or with given labels.

    Args:
        source: stage that is learnt from.
        images: the training images.
    """
    return finished_names(source, "marginals" if source == "marginals" else "masks", images)


def batches(settings: AffinitySettings, source: str, context: Context, inputs: Inputs, images: ImageSet,
            first: int) -> Any:
    """Returns the training batches from an epoch on.

    Args:
        settings: of the training.
        source: stage that is learnt from: marginals, whose means over cells decide, or given masks.
        context: seed of the run.
        inputs: the finished stage.
        images: the usable training images.
        first: epoch to begin with.

    Returns:
        `tf.data` batches of "image" and "mask", the latter on the network's grid.
    """
    stride, num_ids = _stride(settings), len(images.classes)
    common = {"batch_size": settings.batch_size, "how": settings.augmentation((0.0, 0.0, 0.0)), "seed": context.seed,
              "epochs": settings.epochs, "initial_epoch": first, "share": context.team.share}
    if source == "marginals":
        data = training_batches(images, **common, marginals=inputs[source], cell=stride)
        return data.map(lambda x, y: ({"image": x["image"]}, {"mask": y["mask"]}))
    data = training_batches(images, **common, masks=inputs[source])
    return data.map(lambda x, y: ({"image": x["image"]}, {"mask": reduce_ids(y["mask"], stride, num_ids)}))


def callbacks(name: str, settings: AffinitySettings, context: Context, run: Path, model: AffinityNet,
              images: ImageSet) -> list[keras.callbacks.Callback]:
    """Returns what watches the training.

    Args:
        name: of the stage.
        settings: of the training.
        context: of the run.
        run: the run's folder.
        model: the network.
        images: the usable training images.

    Returns:
        Keras callbacks.
    """
    return fit_callbacks(name, context, settings, run, images)
