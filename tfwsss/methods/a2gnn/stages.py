"""A2GNN: seeds of the strongest label of each image, learned affinities, a graph network for each image."""

import dataclasses
import functools

from tfwsss.data.image_set import ImageSet
from tfwsss.data.sources import Splits
from tfwsss.errors import UserError
from tfwsss.methods.a2gnn import training
from tfwsss.methods.a2gnn.config import Config
from tfwsss.runs.stage import Stage, train
from tfwsss.steps.cam_masks import cam_mask_stage
from tfwsss.steps.classifier import classifier_stage
from tfwsss.steps.explained_maps import classifier_map_stages
from tfwsss.steps.graph_masks import graph_mask_stage
from tfwsss.steps.graph_stages import graph_stage
from tfwsss.steps.rounds import segmenter_rounds
from tfwsss.steps.weak_seeds import SeedMaker, weak_seed_stage
from tfwsss.training.fitting import finished_names

WALKING = "walk_cam"
"""Class maps that walk along the graphs in place of those that seeds come from, where they are given: SEAM's, say."""


def stages(config: Config, splits: Splits) -> list[Stage]:
    """Zhang et al., TPAMI 2021: spread the seeds of an image along its own graph, by a network trained on it alone.

    Args:
        config: settings.
        splits: what to train on, to make pseudo labels of, and to segment.

    Returns:
        The stages, in order: to `pseudo`, then the segmentation network. No classifier is trained where class maps are
        given, and none are made where `seeds.confident` is false. Class maps that walk in their place are only taken
        where they are given (`given.walk_cam`).

    Raises:
        UserError: all images have masks, or have tags only where no class maps are made.
    """
    images, pseudo, _ = splits
    everything = images.joined(pseudo)
    maker = SeedMaker(everything, config.seeds, config.cam.views)
    supervision = maker.supervision
    if all(supervision(name) == "mask" for name in everything.names):
        raise UserError(f"all {len(everything.names)} images have masks (data.full_masks), so that A2GNN has nothing "
                        "to find; train on them by --method retrain --set given.labels=FOLDER")
    maps = _class_map_stages(config, images, everything) if config.seeds.confident else []
    seeds = weak_seed_stage("seeds", everything, config.seeds, "cam", config.cam.views)
    walking = classifier_map_stages(WALKING, pseudo, config.cam, "classifier")[:1] if WALKING in config.given else []
    superpixels = None if "seeds" in config.given else maker.superpixels
    spread = [
        graph_stage("graph", pseudo, config.graph, supervision, seeds="seeds", affinity="affinity",
                    load=training.load_reader, maps=WALKING if walking else "cam" if maps else None,
                    superpixels=superpixels),
        graph_mask_stage("pseudo", pseudo, config.pseudo, supervision, source="graph", seeds="seeds",
                         superpixels=superpixels),
    ]
    asked = {"supervision": config.seeds.supervision}
    return [
        *maps, *walking,
        dataclasses.replace(seeds, split="pseudo"),              # beside what is made of them
        train("affinity", images, settings=config.affinity, epochs=config.affinity.epochs, needs=("seeds",),
              build=functools.partial(training.build, config.affinity),
              usable=finished_names("seeds", "masks", images),
              batches=functools.partial(training.batches, config.affinity),
              callbacks=functools.partial(training.callbacks, config.affinity)),
        *(dataclasses.replace(stage, settings={**stage.settings, **asked}) for stage in spread),
        *segmenter_rounds(config, splits),
    ]


def _class_map_stages(config: Config, images: ImageSet, everything: ImageSet) -> list[Stage]:
    """Returns the stages of the plain class maps; the classifier's only where it is needed, or is given itself."""
    classifier = classifier_stage("classifier", images, config.classifier)
    needed = "cam" not in config.given or "classifier" in config.given
    maps = classifier_map_stages("cam", everything, config.cam, "classifier")
    return [*([classifier] if needed else []),
            *(maps if needed else maps[:1]),
            cam_mask_stage("cam_masks", everything, config.cam_masks, "cam")]
