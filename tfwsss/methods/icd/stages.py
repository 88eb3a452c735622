"""ICD: superpixels, an intra-class discriminator, its scores, seeds, then dense CRF or saliency."""

import dataclasses
import functools

from tfwsss.data.image_set import ImageSet
from tfwsss.data.sources import Splits
from tfwsss.methods.icd import masker, training
from tfwsss.methods.icd.config import Config, MergeWith
from tfwsss.refine.superpixels import superpixels
from tfwsss.runs.stage import Stage, infer, refine, train
from tfwsss.steps.cam_masks import cam_mask_stage
from tfwsss.steps.class_maps import class_map_stage
from tfwsss.steps.crf import crf_stage
from tfwsss.steps.rounds import segmenter_rounds
from tfwsss.steps.saliency import saliency_maps, saliency_stages
from tfwsss.training.fitting import finished_names


def stages(config: Config, splits: Splits) -> list[Stage]:
    """Fan et al., CVPR 2020: learn from tags which side of a class' own direction is the object.

    Args:
        config: settings.
        splits: what to train on, to make pseudo labels of, and to segment.

    Returns:
        The stages, in order: to `pseudo`, then the segmentation network.
    """
    images, pseudo, _ = splits
    compared = crf_stage("cam_crf", pseudo, source="cam_masks", settings=config.pseudo)
    return [
        *saliency_stages(config.data, config.saliency, pseudo),
        *_region_stages(config, images.joined(pseudo)),              # superpixels are made of each image once
        train("icd", images, settings=config.icd, epochs=config.icd.epochs, needs=("regions",),
              build=functools.partial(training.build, config.icd), usable=finished_names("regions", "regions", images),
              batches=functools.partial(training.batches, config.icd),
              callbacks=functools.partial(training.callbacks, config)),
        class_map_stage("cam", pseudo, config.cam, "icd", masker.load_maps, "cam"),
        cam_mask_stage("cam_masks", pseudo, config.cam_masks, "cam"),
        class_map_stage("scores", pseudo, config.scores, "icd", masker.load_maps, "scores"),
        *([dataclasses.replace(compared, section="pseudo")] if config.cam_crf else []),
        *_seed_stages(config, pseudo),
        *segmenter_rounds(config, splits),
    ]


def _region_stages(config: Config, images: ImageSet) -> list[Stage]:
    merged = config.regions.max_regions > 0
    first = refine("superpixels" if merged else "regions", images, kind="regions", function=superpixels,
                   settings=config.superpixels, arguments=("image",))
    if not merged:
        return [dataclasses.replace(first, section="superpixels")]
    settings = MergeWith(**config.regions.model_dump(), backbone=config.icd.backbone)
    return [first, infer("regions", images, kind="regions", needs=("superpixels",), settings=settings,
                         predict=functools.partial(training.merged_regions, settings, images))]


def _seed_stages(config: Config, images: ImageSet) -> list[Stage]:
    """Seeds, then the CRF; or, where there are saliency maps, seeds with saliency as background."""
    saliency = saliency_maps(config.data)
    make = functools.partial(infer, images=images, kind="masks", settings=config.seeds, needs=("scores", "cam"),
                             predict=functools.partial(masker.seeds, config.seeds, images, saliency))
    if saliency is not None:
        return [dataclasses.replace(saliency.read_by(make("pseudo")), section="seeds")]
    return [make("seeds"), crf_stage("pseudo", images, source="seeds", settings=config.pseudo)]
