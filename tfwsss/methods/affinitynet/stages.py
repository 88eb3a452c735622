"""AffinityNet (PSA): class maps, two CRFs' sure labels, learned affinity, random walk."""

from tfwsss.data.sources import Splits
from tfwsss.methods.affinitynet.config import Config
from tfwsss.runs.stage import Stage
from tfwsss.steps.affinity_walk import affinity_walk_stages
from tfwsss.steps.cam_masks import cam_mask_stage
from tfwsss.steps.classifier import classifier_stage
from tfwsss.steps.crf import crf_stage
from tfwsss.steps.explained_maps import classifier_map_stages
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
    compared = crf_stage("cam_crf", pseudo, source="cam_masks", settings=config.pseudo)
    return [
        classifier_stage("classifier", images, config.classifier),
        *classifier_map_stages("cam", everything, config.cam, "classifier"),
        cam_mask_stage("cam_masks", everything, config.cam_masks, "cam"),
        *([compared] if config.cam_crf else []),
        *affinity_walk_stages(splits, config.kept_maps, config.labels, config.affinity, config.walk, config.given),
        crf_stage("pseudo", pseudo, source="walk", settings=config.pseudo),
        *segmenter_rounds(config, splits),
    ]
