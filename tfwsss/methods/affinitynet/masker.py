"""How AffinityNet's networks make masks of any photograph."""

from pathlib import Path

from tfwsss.inference.masker import Masker
from tfwsss.methods.affinitynet.config import Config
from tfwsss.steps.cam_masks import class_map_masker
from tfwsss.steps.classifier import class_maps_of
from tfwsss.steps.crf import crf_from_masks
from tfwsss.steps.random_walk import load_walker, walk_rule

class_maps = class_maps_of
"""The plain class maps of a run, beside which it is judged."""


def masker(config: Config, run: Path) -> Masker:
    """Returns how a finished run makes its pseudo labels.

    Args:
        config: the run's settings.
        run: folder of the run.
    """
    folders = {name: config.given.get(name, run / name) for name in ("affinity", "cam_masks")}
    walker = load_walker(folders["affinity"], config.walk)
    rule = walk_rule(walker, config.walk, config.kept_maps, folders["cam_masks"])
    return class_map_masker(class_maps(config, run), config.cam, rule, crf_from_masks(config.pseudo),
                            (walker.network,))
