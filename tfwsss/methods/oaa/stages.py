"""OAA: a classifier whose maps are gathered while it learns, a network that learns those, proxy labels."""

import dataclasses
import functools

from tfwsss.data.sources import Splits
from tfwsss.methods.oaa import masker, training
from tfwsss.methods.oaa.config import Config
from tfwsss.runs.stage import Stage, infer, train
from tfwsss.settings.sections import Settings
from tfwsss.steps.cam_masks import cam_mask_stage
from tfwsss.steps.class_maps import class_map_stage
from tfwsss.steps.proxy_labels import proxy_label_stages
from tfwsss.steps.rounds import segmenter_rounds
from tfwsss.steps.saliency import saliency_maps, saliency_stages
from tfwsss.training.fitting import finished_names


def stages(config: Config, splits: Splits) -> list[Stage]:
    """Jiang et al., ICCV 2019: what a classifier attends to moves while it learns; keep all of it.

    Args:
        config: settings.
        splits: what to train on, to make pseudo labels of, and to segment.

    Returns:
        The stages, in order: to `pseudo`, then the segmentation network. Without `plus` the labels are made of
        `accumulated`, and there is no second network.
    """
    images, pseudo, _ = splits
    everything = images.joined(pseudo) if config.plus else pseudo
    gathered = infer("accumulated", everything, kind="scores", settings=Settings(), needs=("oaa",),
                     predict=functools.partial(masker.gathered_maps, config, everything))
    return [
        *saliency_stages(config.data, config.saliency, pseudo),
        train("oaa", images, settings=config.oaa, epochs=config.oaa.epochs, needs=(),
              build=functools.partial(training.build, config),
              batches=functools.partial(training.batches, config, False),
              callbacks=functools.partial(training.callbacks, config, False), beside=lambda model: model.watch.memory),
        class_map_stage("cam", pseudo, config.cam, "oaa", functools.partial(masker.load_maps, config, config.cam)),
        cam_mask_stage("cam_masks", pseudo, config.cam_masks, "cam"),
        dataclasses.replace(gathered, section="oaa"),
        *(_plus_stages(config, splits) if config.plus else []),
        *proxy_label_stages(pseudo, config.label_rule, config.pseudo, source="maps" if config.plus else "accumulated",
                            saliency=saliency_maps(config.data)),
        *segmenter_rounds(config, splits),
    ]


def _plus_stages(config: Config, splits: Splits) -> list[Stage]:
    """The second network, and its maps."""
    images, pseudo, _ = splits
    return [
        train("oaa_plus", images, settings=config.oaa_plus, epochs=config.oaa_plus.epochs, needs=("accumulated",),
              usable=finished_names("accumulated", "scores", images),
              build=functools.partial(training.build_plus, config),
              batches=functools.partial(training.batches, config, True),
              callbacks=functools.partial(training.callbacks, config, True)),
        infer("maps", pseudo, kind="scores", settings=config.maps, needs=("oaa_plus",),
              predict=functools.partial(masker.plus_maps, config, pseudo)),
    ]
