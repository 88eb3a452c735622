"""What the training of CIAN does with its network: build, and feed with groups of images that share a class."""

import functools
from typing import Annotated, Any, Literal

import pydantic

from tfwsss.backbones.build import build_backbone
from tfwsss.data.groups import group_batches, group_steps
from tfwsss.data.image_set import ImageSet
from tfwsss.data.shrink import shrink_ids
from tfwsss.methods import maps
from tfwsss.methods.fitting import FitSettings, make_optimizer, mean_colour
from tfwsss.methods.segmenter_training import network_stage
from tfwsss.models.cian import CIAN, HEADS, self_network
from tfwsss.palette import IGNORE
from tfwsss.settings import ADDED, BackboneSettings, RunSettings
from tfwsss.stages import Inputs


class CIANSettings(FitSettings):
    """CIAN's network and its training; the defaults are the published ones.

    Args:
        batch_size: groups at a time, over all devices.
        group: images of a group; any two of them share a class.
        filters: width of the embeddings.
        merge: how messages of several images become one. merge_self: whether an image's own is among them.
        similarity: `dot` or `cosine`.
        cross: whether images read from each other; without it is the control, see `models.cian`.
        downsample: whether keys and values are pooled, so that a quarter as many positions are read.
        label_shrink: from masks to the network's grid: `stride`, or `bilinear_ids` of a later release.
        padding: what lies outside of an image is `background`, or `open`.
        continued: later rounds begin with the weights of the round before.
    """

    backbone: BackboneSettings = BackboneSettings(name="resnet101", output_stride=8)
    epochs: pydantic.PositiveInt = 20
    batch_size: pydantic.PositiveInt = 8
    crop: pydantic.PositiveInt = 321
    scales: tuple[pydantic.PositiveFloat, ...] = pydantic.Field((0.5, 0.75, 1.0, 1.25, 1.5), min_length=1)
    learning_rate: pydantic.PositiveFloat = 5e-4
    group: int = pydantic.Field(2, ge=2)
    filters: pydantic.PositiveInt = 1024
    merge: Literal["max", "mean"] = "max"
    merge_self: bool = True
    similarity: Literal["dot", "cosine"] = "dot"
    cross: bool = True
    downsample: Annotated[bool, ADDED] = True
    label_shrink: Literal["stride", "bilinear_ids"] = "stride"
    padding: Literal["background", "open"] = "background"
    continued: bool = True

    @property
    def images_per_batch(self) -> int:
        """Images that a step sees: all members of its groups."""
        return self.batch_size * self.group


def _build(config: RunSettings, settings: CIANSettings, before: str | None, inputs: Inputs, images: ImageSet) -> CIAN:
    if before:
        model = maps.load_model(inputs[before], CIAN)
    else:
        own = settings.model_dump(include={"group", "filters", "merge", "merge_self", "similarity", "cross",
                                           "downsample"})
        model = CIAN(build_backbone(**settings.backbone.model_dump()), len(images.classes), **own)
    steps = group_steps(images, settings.batch_size, settings.group, config.seed, settings.epochs)
    optimizer = make_optimizer(settings, model, steps, HEADS, decayed=("kernel", "gamma"))
    model.compile(optimizer=optimizer, jit_compile=False)
    return model


def _batches(config: RunSettings, settings: CIANSettings, labels: str, inputs: Inputs, images: ImageSet,
             first: int) -> Any:
    how = settings.augmentation(mean_colour(settings.backbone.name))._replace(
        mirror_first=True, pad_id=0 if settings.padding == "background" else IGNORE)
    data = group_batches(images, batch_size=settings.batch_size, group=settings.group, how=how, seed=config.seed,
                         epochs=settings.epochs, initial_epoch=first, masks=inputs[labels])
    return data.map(lambda x, y: (x, {"mask": shrink_ids(y["mask"], settings.backbone.stride, settings.label_shrink)}))


cian_stage = functools.partial(network_stage, build=_build, batches=_batches, network=self_network)
"""Makes the stage that trains CIAN on seeds or masks: a `models.cian.CIAN`."""
