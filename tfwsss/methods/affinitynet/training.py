"""What AffinityNet's second training does with its network: build and feed."""

from pathlib import Path
from typing import Any, Literal

import keras
import pydantic

from tfwsss.backbones.build import build_backbone
from tfwsss.batches.streams import steps_per_epoch, training_batches
from tfwsss.data.image_set import ImageSet
from tfwsss.data.images import reduce_ids
from tfwsss.errors import UserError
from tfwsss.models.affinity import AffinityNet
from tfwsss.ops.offsets import half_disc, reach
from tfwsss.runs.stages import Inputs
from tfwsss.training.fitting import FitSettings, make_optimizer, watchers
from tfwsss.training.optimizers import DECAYED

HEADS = ("f8_3", "f8_4", "f8_5", "f9")
"""Layers that learn faster than the backbone."""

DECAYING = (*DECAYED, "gn8_*/gamma")
"""What decays: in the released code the scales of VGG-16's group norms too."""


class AffinitySettings(FitSettings):
    """Affinity network and its training; the defaults are those of the released code with VGG-16.

    Args:
        widths: channels of its three narrowed maps.
        radius: pairs are nearer than this. border: `released`, or `full` for all pairs of the map.
    """

    epochs: pydantic.PositiveInt = 8
    batch_size: pydantic.PositiveInt = 8
    jitter: tuple[float, float, float, float] | tuple[()] = (0.3, 0.3, 0.3, 0.1)
    scatter: bool = True
    momentum: float = pydantic.Field(5e-4, ge=0.0, lt=1.0)     # released: the decay is taken for the momentum
    learning_rate: pydantic.PositiveFloat = 0.1
    schedule: Literal["epoch", "step"] = "step"
    bias_factor: pydantic.PositiveFloat = 2.0
    widths: tuple[pydantic.PositiveInt, pydantic.PositiveInt, pydantic.PositiveInt] = (64, 128, 256)
    radius: int = pydantic.Field(5, ge=2)
    border: Literal["released", "full"] = "released"


def build(config: Any, inputs: Inputs, images: ImageSet) -> AffinityNet:
    """Builds and compiles the network.

    Args:
        config: `methods.affinitynet.stages.Config`.
        inputs: not read.
        images: the usable training images.

    Returns:
        Compiled `AffinityNet`.

    Raises:
        UserError: a crop in which no pair would be compared.
    """
    settings = config.affinity
    _check_pairs(settings)
    known = settings.backbone.name == "vgg16"
    form = {"form": "affinitynet", "fc6_dilation": 4} if known else {}
    backbone = build_backbone(**settings.backbone.model_dump(), **form)
    model = AffinityNet(backbone, widths=settings.widths, group_norm=known, radius=settings.radius,
                        border=settings.border)
    steps = steps_per_epoch(images, settings.batch_size)
    model.compile(optimizer=make_optimizer(settings, model, steps, HEADS, DECAYING), jit_compile=False)
    return model


def _check_pairs(settings: AffinitySettings) -> None:
    """Refuses a crop so small that no pair is `released`: nothing would be learnt from it."""
    stride, needed = settings.backbone.stride, 2 * reach(half_disc(settings.radius)) + 1
    grid = -(-settings.crop // stride)
    if settings.border == "released" and grid < needed:
        raise UserError(f"affinity: a crop of {settings.crop} pixels makes {grid} x {grid} positions of "
                        f"{settings.backbone.name}; with border 'released' and radius {settings.radius} pairs begin "
                        f"at {needed}: set affinity.border=full, or affinity.crop={(needed - 1) * stride + 1} or more")


def batches(config: Any, inputs: Inputs, images: ImageSet, first: int) -> Any:
    """Returns the training batches from an epoch on.

    Args:
        config: `methods.affinitynet.stages.Config`.
        inputs: the finished `labels`.
        images: the usable training images.
        first: epoch to begin with.

    Returns:
        `tf.data` batches of "image" and "mask", the latter on the network's grid.
    """
    settings = config.affinity
    stride, num_ids = settings.backbone.stride, len(images.classes)
    data = training_batches(images, batch_size=settings.batch_size, how=settings.augmentation(0.0), seed=config.seed,
                            epochs=settings.epochs, initial_epoch=first, masks=inputs["labels"])
    return data.map(lambda x, y: ({"image": x["image"]}, {"mask": reduce_ids(y["mask"], stride, num_ids)}))


def callbacks(config: Any, run: Path, model: AffinityNet, images: ImageSet) -> list[keras.callbacks.Callback]:
    """Returns what watches the training.

    Args:
        config: `methods.affinitynet.stages.Config`.
        run: the run's folder.
        model: the network.
        images: the usable training images.

    Returns:
        Keras callbacks.
    """
    return watchers("affinity", config, config.affinity, run, images)
