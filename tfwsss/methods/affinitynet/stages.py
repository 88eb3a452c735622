"""AffinityNet (PSA): class maps, two CRFs' sure labels, learned affinity, random walk."""

import functools

from tfwsss.data.sources import Splits
from tfwsss.methods.affinitynet import training
from tfwsss.methods.affinitynet.config import Config
from tfwsss.runs.stage import Stage, train
from tfwsss.steps.cam_masks import cam_mask_stage
from tfwsss.steps.class_maps import class_map_stage
from tfwsss.steps.classifier import classifier_stage, load_class_maps
from tfwsss.steps.confident_labels import label_stage, sure_stage
from tfwsss.steps.crf import crf_stage
from tfwsss.steps.random_walk import walk_stage
from tfwsss.steps.rounds import segmenter_rounds


def stages(config: Config, splits: Splits) -> list[Stage]:
    """Ahn and Kwak, CVPR 2018: learn from sure labels which neighbours belong together, and walk.

    Args:
        config: settings.
        splits: what to train on, to make pseudo labels of, and to segment.

    Returns:
        The stages, in order: to `pseudo`, then the segmentation network. Where `labels` are given, as masks, the
        affinity network learns from those and no marginals are made.
    """
    images, pseudo, _ = splits
    everything = images.joined(pseudo)
    learnt = "labels" if "labels" in config.given else "marginals"
    compared = crf_stage("cam_crf", pseudo, source="cam_masks", settings=config.pseudo)
    marginals = label_stage("marginals", images, config.labels, config.cam_masks, config.cam, "marginals")
    return [
        classifier_stage("classifier", images, config.classifier),
        class_map_stage("cam", everything, config.cam, "classifier", load_class_maps),
        cam_mask_stage("cam_masks", everything, config.cam_masks, "cam"),
        *([compared] if config.cam_crf else []),
        *([marginals] if learnt == "marginals" else []),
        sure_stage("labels", images, config.labels, "marginals"),
        train("affinity", images, settings=config.affinity, epochs=config.affinity.epochs, needs=(learnt,),
              build=functools.partial(training.build, config.affinity),
              usable=training.usable(learnt, images),
              batches=functools.partial(training.batches, config.affinity, learnt),
              callbacks=functools.partial(training.callbacks, config.affinity)),
        walk_stage("walk", pseudo, config.walk, config.cam_masks, config.cam),
        crf_stage("pseudo", pseudo, source="walk", settings=config.pseudo),
        *segmenter_rounds(config, splits),
    ]
