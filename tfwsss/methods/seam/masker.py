"""How SEAM's networks make masks of any photograph."""

import functools
from collections.abc import Sequence
from pathlib import Path

from tfwsss.artefacts.models import load_model
from tfwsss.backbones.facts import facts_of
from tfwsss.inference.decide.stretched import decide_by_stretched
from tfwsss.inference.masker import Masker
from tfwsss.methods.seam.config import Config
from tfwsss.models.seam import SEAM, class_map_network
from tfwsss.steps.cam_masks import class_map_masker
from tfwsss.steps.class_maps import ClassMapNetwork
from tfwsss.steps.crf import crf_from_masks
from tfwsss.steps.random_walk import load_walker, walk_rule

REFINED = "refined"
"""Key of the refined maps."""


def load_maps(folder: Path, keys: Sequence[str] = ("cam", "position_logits")) -> ClassMapNetwork:
    """Loads the plain class maps of a trained network.

    Args:
        folder: of its stage.
        keys: of the maps to keep, see `models.seam.class_map_network`.

    Returns:
        Network of class maps.

    Raises:
        UserError: the file is missing or damaged, or holds another network.
    """
    model = load_model(folder, SEAM)
    return ClassMapNetwork(class_map_network(model, keys), facts_of(model.backbone.name).colour)


def load_refined_maps(folder: Path) -> ClassMapNetwork:
    """Loads the refined maps of a trained network.

    Args:
        folder: of its stage.

    Returns:
        Network of refined maps, and of the raw class maps that say what an image shows.

    Raises:
        UserError: as `load_maps`.
    """
    return load_maps(folder, (REFINED, "position_logits"))


def class_maps(config: Config, run: Path) -> ClassMapNetwork:
    """Loads the plain class maps of a run, beside which it is judged.

    Args:
        config: the run's settings.
        run: folder of the run.

    Returns:
        Network of class maps.
    """
    return load_maps(config.given.get("seam", run / "seam"))


def masker(config: Config, run: Path) -> Masker:
    """Returns how a finished run makes its pseudo labels.

    Args:
        config: the run's settings.
        run: folder of the run.
    """
    maps = config.kept_maps
    folders = {name: config.given.get(name, run / name) for name in ("seam", "affinity", maps.masks)}
    walker = load_walker(folders["affinity"], config.walk)
    rule, crf = walk_rule(walker, config.walk, maps, folders[maps.masks]), crf_from_masks(config.pseudo)
    if config.seam.plain:
        return class_map_masker(load_maps(folders["seam"]), config.cam, rule, crf, (walker.network,))
    stretched = functools.partial(decide_by_stretched, rule, config.maps.views, config.maps.canvas is None, REFINED)
    return class_map_masker(load_refined_maps(folders["seam"]), config.maps, stretched, crf, (walker.network,))
