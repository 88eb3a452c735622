"""MCIS: a classifier of pairs, class maps by what images have in common, saliency or the dense CRF."""

import functools

from tfwsss.batches.pairs import with_classes
from tfwsss.data.sources import Splits
from tfwsss.methods.mcis import masker, training
from tfwsss.methods.mcis.config import Config
from tfwsss.models.mcis import VERSION
from tfwsss.runs.stage import Stage, train
from tfwsss.steps.cam_masks import cam_mask_stage
from tfwsss.steps.class_maps import class_map_stage
from tfwsss.steps.co_attention_maps import co_attention_stage
from tfwsss.steps.proxy_labels import proxy_label_stages
from tfwsss.steps.rounds import segmenter_rounds
from tfwsss.steps.saliency import saliency_maps, saliency_stages


def stages(config: Config, splits: Splits) -> list[Stage]:
    """Sun et al., ECCV 2020: learn from tags what two images have in common, and what each has alone.

    Args:
        config: settings.
        splits: what to train on, to make pseudo labels of, and to segment.

    Returns:
        The stages, in order: to `pseudo`, then the segmentation network. Its labels are those of salient objects where
        `data.saliency` is set, else of a threshold and the dense CRF; see `labels.background`.
    """
    images, pseudo = with_classes(splits.training), splits.pseudo
    return [
        *saliency_stages(config.data, config.saliency, pseudo),
        train("mcis", images, settings=config.mcis, epochs=config.mcis.epochs, needs=(),
              build=functools.partial(training.build, config.mcis),
              batches=functools.partial(training.batches, config.mcis),
              callbacks=functools.partial(training.callbacks, config), versions={"mcis": VERSION}),
        class_map_stage("cam", pseudo, config.cam, "mcis", masker.load_maps),
        cam_mask_stage("cam_masks", pseudo, config.cam_masks, "cam"),
        co_attention_stage("maps", pseudo, config.maps, "mcis", images),
        *proxy_label_stages(pseudo, config.labels, config.pseudo, source="maps", saliency=saliency_maps(config.data)),
        *segmenter_rounds(config, splits),
    ]
