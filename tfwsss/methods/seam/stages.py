"""SEAM: a classifier that must see alike what is scaled, refined maps, learned affinity, random walk."""

import functools

from tfwsss.data.sources import Splits
from tfwsss.methods.seam import masker, training
from tfwsss.methods.seam.config import Config
from tfwsss.runs.stage import Stage, train
from tfwsss.steps.affinity_walk import affinity_walk_stages
from tfwsss.steps.cam_masks import cam_mask_stage
from tfwsss.steps.class_maps import class_map_stage
from tfwsss.steps.crf import crf_stage
from tfwsss.steps.rounds import segmenter_rounds
from tfwsss.steps.stretched_maps import stretched_map_stage


def stages(config: Config, splits: Splits) -> list[Stage]:
    """Wang et al., CVPR 2020: class maps of an image and of a smaller copy must be the same.

    Args:
        config: settings.
        splits: what to train on, to make pseudo labels of, and to segment.

    Returns:
        The stages, in order: to `pseudo`, then the segmentation network. A plain classifier has no refined maps: its
        class maps are spread in their place. Where `labels` are given, as masks, the affinity network learns from
        those and no marginals are made.
    """
    images, pseudo, _ = splits
    everything = images.joined(pseudo)
    plain = everything if config.seam.plain else pseudo                      # of others nobody reads plain maps
    refined = [
        stretched_map_stage("maps", everything, config.maps, "seam", masker.load_refined_maps, "refined"),
        cam_mask_stage("map_masks", everything, config.map_masks, "maps"),
    ]
    return [
        train("seam", images, settings=config.seam, epochs=config.seam.epochs, needs=(),
              build=functools.partial(training.build, config.seam),
              batches=functools.partial(training.batches, config.seam),
              callbacks=functools.partial(training.callbacks, config)),
        class_map_stage("cam", plain, config.cam, "seam", masker.load_maps),
        cam_mask_stage("cam_masks", plain, config.cam_masks, "cam"),
        *([] if config.seam.plain else refined),
        *affinity_walk_stages(splits, config.kept_maps, config.labels, config.affinity, config.walk, config.given),
        crf_stage("pseudo", pseudo, source="walk", settings=config.pseudo),
        *segmenter_rounds(config, splits),
    ]
