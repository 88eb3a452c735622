"""What the training of CIAN does with its network: build, and feed with groups of images that share a class."""

import functools
from typing import Any

from tfwsss.artefacts.models import load_model
from tfwsss.backbones.build import build_backbone
from tfwsss.backbones.facts import facts_of
from tfwsss.batches.groups import group_batches, group_steps
from tfwsss.batches.shrink import shrink_ids
from tfwsss.data.image_set import ImageSet
from tfwsss.methods.cian.config import CIANSettings
from tfwsss.models.cian import CIAN, HEADS, self_network
from tfwsss.palette import IGNORE
from tfwsss.runs.stage import Context, Inputs
from tfwsss.steps.segmenter import network_stage
from tfwsss.training.fitting import compiled, make_optimizer

_OWN = {"group", "filters", "merge", "merge_self", "similarity", "cross", "downsample"}     # as the network calls them


def _build(settings: CIANSettings, before: str | None, context: Context, inputs: Inputs, images: ImageSet) -> CIAN:
    if before:
        model = load_model(inputs[before], CIAN)
    else:
        own = settings.model_dump(include=_OWN)
        model = CIAN(build_backbone(**settings.backbone.model_dump()), len(images.classes), **own)
    steps = group_steps(images, settings.batch_size, settings.group, context.seed, settings.epochs)
    optimizer = make_optimizer(settings, model, steps, HEADS, decayed=("kernel", "gamma"))
    return compiled(model, optimizer)


def _batches(settings: CIANSettings, labels: str, context: Context, inputs: Inputs, images: ImageSet,
             first: int) -> Any:
    facts, backbone = facts_of(settings.backbone.name), settings.backbone
    how = settings.augmentation(facts.colour)._replace(
        mirror_first=True, pad_id=0 if settings.padding == "background" else IGNORE)
    data = group_batches(images, batch_size=settings.batch_size, group=settings.group, how=how, seed=context.seed,
                         epochs=settings.epochs, initial_epoch=first, masks=inputs[labels], share=context.team.share)
    stride = facts.output_stride(backbone.output_stride)
    return data.map(lambda x, y: (x, {"mask": shrink_ids(y["mask"], stride, settings.label_shrink)}))


cian_stage = functools.partial(network_stage, build=_build, batches=_batches, network=self_network)
"""Makes the stage that trains CIAN on seeds or masks: a `models.cian.CIAN`."""
