"""CIAN: a segmentation network trained on seeds in groups of images that share a class, then on its own masks."""

import dataclasses

from tfwsss.data.image_set import ImageSet
from tfwsss.data.sources import Splits
from tfwsss.methods.cian.config import Config
from tfwsss.methods.cian.training import cian_stage
from tfwsss.runs.stage import Stage
from tfwsss.steps.cam_masks import cam_mask_stage
from tfwsss.steps.classifier import classifier_stage
from tfwsss.steps.confident_labels import KeptMaps, label_stage
from tfwsss.steps.explained_maps import classifier_map_stages
from tfwsss.steps.rounds import segmenter_rounds
from tfwsss.steps.saliency import saliency_maps, saliency_stages
from tfwsss.steps.salient_seeds import SalientSeedSettings, salient_seed_stage


def stages(config: Config, splits: Splits) -> list[Stage]:
    """Fan et al., AAAI 2020: positions read from another image of the class what their own does not show.

    Args:
        config: settings.
        splits: what to train on, and to segment without tags.

    Returns:
        The stages, in order: seeds with all that they are made of unless they are given, then rounds of `segmenter`,
        `pseudo` and `masks`.
    """
    images = splits.training
    first = [
        *saliency_stages(config.data, config.saliency, images),
        classifier_stage("classifier", images, config.classifier),
        *classifier_map_stages("cam", images, config.cam, "classifier"),
        cam_mask_stage("cam_masks", images, config.cam_masks, "cam"),
        _seed_stage(config, images),
    ]
    if "seeds" in config.given:
        first = first[-1:]                                    # nobody asks for class maps
    first = [dataclasses.replace(stage, split="training") for stage in first]
    return [*first, *segmenter_rounds(config, splits, "seeds", "training", train=cian_stage, relabelled="pseudo")]


def _seed_stage(config: Config, images: ImageSet) -> Stage:
    """Class maps confirmed by saliency, as published; without saliency maps what two dense CRFs agree upon."""
    saliency = saliency_maps(config.data)
    if saliency is None:
        return label_stage("seeds", images, config.seeds, KeptMaps(config.cam_masks, config.cam.views), "masks")
    settings = SalientSeedSettings(salient=config.seeds.salient)
    return salient_seed_stage("seeds", images, settings, saliency, source="cam_masks")
