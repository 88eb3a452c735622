"""What SEAM's training does with its network: build, feed, watch."""

from pathlib import Path

import keras

from tfwsss.backbones.build import build_backbone
from tfwsss.batches.streams import steps_per_epoch
from tfwsss.data.image_set import ImageSet
from tfwsss.inference.see import Seer
from tfwsss.inference.views import OwnSize
from tfwsss.methods.seam.config import Config, SEAMSettings
from tfwsss.models.seam import HEADS, SEAM, class_map_network
from tfwsss.runs.stage import Context, Inputs
from tfwsss.steps.class_maps import strongest_panel
from tfwsss.steps.classifier import tag_batches
from tfwsss.training.fitting import compiled, fit_callbacks, make_optimizer
from tfwsss.training.tensorboard import Panel

batches = tag_batches
"""The training batches: a photograph and its tags; the smaller copy is made by the network."""


def build(settings: SEAMSettings, context: Context, inputs: Inputs, images: ImageSet) -> SEAM:
    """Builds and compiles the network.

    Args:
        settings: of network and training.
        context: not read.
        inputs: not read.
        images: the usable training images.

    Returns:
        Compiled `SEAM`.
    """
    backbone = build_backbone(**settings.backbone.model_dump(), form="affinitynet")
    model = SEAM(backbone, images.num_classes, widths=settings.widths, dropout=settings.dropout, plain=settings.plain,
                 minimum=settings.minimum_pooling, scale=settings.copy_scale, share=settings.hardest)
    heads = HEADS[:1] if settings.plain else HEADS
    return compiled(model, make_optimizer(settings, model, steps_per_epoch(images, settings.batch_size), heads))


def callbacks(config: Config, context: Context, run: Path, model: SEAM,
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
    titles = {"cam": "CAM"} if config.seam.plain else {"cam": "CAM", "refined": "refined"}
    seer = Seer(class_map_network(model, tuple(titles)), OwnSize(corners=True))

    def panel(fixed: ImageSet, image: str) -> Panel:
        """Returns plain and refined maps, and the masks that they give."""
        _, found = next(seer.scores(fixed, [image]))
        shown = {title: strongest_panel(found[key]) for key, title in titles.items()}
        return ({title: next(iter(maps.values())) for title, (maps, _) in shown.items()},
                {f"{title} mask": next(iter(masks.values())) for title, (_, masks) in shown.items()})

    return fit_callbacks("seam", context, config.seam, run, images, panel)
