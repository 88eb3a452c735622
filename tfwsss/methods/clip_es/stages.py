"""CLIP-ES: words to embeddings, class maps by gradients, spread by attention, the dense CRF where it is sure."""

import functools

from tfwsss.data.sources import Splits
from tfwsss.inference.decide.clip import decide_by_spread_maps
from tfwsss.methods.clip_es.config import Config
from tfwsss.runs.stage import Stage
from tfwsss.steps.rounds import segmenter_rounds
from tfwsss.steps.scored_crf import scored_crf_stage, scored_mask_stage
from tfwsss.steps.word_maps import word_map_stage
from tfwsss.steps.words import clip_stage


def stages(config: Config, splits: Splits) -> list[Stage]:
    """Lin et al., CVPR 2023: ask CLIP where an image speaks for each of its words.

    Args:
        config: settings.
        splits: what to make pseudo labels of, and to segment; nothing is trained before the pseudo labels.

    Returns:
        The stages, in order: to `pseudo`, then the segmentation network.
    """
    pseudo = splits.pseudo
    rule = functools.partial(decide_by_spread_maps, config.labels.power)
    return [
        clip_stage("clip", pseudo.classes[1:], config.clip),
        word_map_stage("maps", pseudo, config.maps, "clip"),
        scored_mask_stage("labels", pseudo, config.labels, "maps", rule),
        scored_crf_stage("pseudo", pseudo, config.pseudo, "maps", rule, of_rule=config.labels),
        *segmenter_rounds(config, splits),
    ]
