"""How ICD's network makes seeds and masks: of kept scores, and of any photograph."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np

from tfwsss.artefacts.models import load_model
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.inference.decide.icd import decide_by_icd
from tfwsss.inference.kept import KeptRule
from tfwsss.inference.masker import Look, Masker
from tfwsss.methods.icd.config import Config, SeedSettings
from tfwsss.models.icd import ICD, scorer
from tfwsss.runs.stage import Inputs
from tfwsss.steps.cam_masks import class_map_masker
from tfwsss.steps.class_maps import ClassMapNetwork
from tfwsss.steps.crf import crf_from_masks
from tfwsss.steps.kept_masks import kept_masks
from tfwsss.steps.saliency import SaliencyMaps

KEYS = ("cam", "scores")
"""Maps that the rule reads."""


def load_maps(folder: Path) -> ClassMapNetwork:
    """Loads a trained network.

    Args:
        folder: of its stage.

    Returns:
        Network of "cam", which are its logits, and "scores".

    Raises:
        UserError: the file is missing or damaged, or holds another network.
    """
    return ClassMapNetwork(scorer(load_model(folder, ICD)), logits="cam")


def class_maps(config: Config, run: Path) -> ClassMapNetwork:
    """Loads the plain class maps of a run, beside which it is judged.

    Args:
        config: the run's settings.
        run: folder of the run.

    Returns:
        Network of raw class maps and of those that give logits.
    """
    return load_maps(config.given.get("icd", run / "icd"))


def masker(config: Config, run: Path) -> Masker:
    """Returns how a finished run makes its pseudo labels.

    Class maps and scores are seen as their stages saw them: in one look where `cam` and `scores` are set alike. With
    different canvases it can, as `seeds` can, make masks only of images that are larger than both.

    Args:
        config: the run's settings.
        run: folder of the run.
    """
    maps = class_maps(config, run).spread(config.cam)
    made = class_map_masker(maps, config.scores, rule(config.seeds), crf_from_masks(config.pseudo))
    one, other = ((each.canvas, each.scales, each.mirror) for each in (config.cam, config.scores))
    if one == other:
        return made
    alone = {key: keras.Model(maps.network.input, {each: maps.network.output[each] for each in dict.fromkeys(parts)})
             for key, parts in (("cam", ("cam", maps.logits)), ("scores", ("scores",)))}
    further = (Look(alone["cam"], config.cam.view(maps.colour)),)
    return dataclasses.replace(made, network=alone["scores"], further=further)


def rule(settings: SeedSettings) -> functools.partial:
    """Returns ICD's rule from maps to seeds.

    Args:
        settings: of the seeds.
    """
    return functools.partial(decide_by_icd, settings.corners_aligned)


def seeds(settings: SeedSettings, images: ImageSet, saliency: SaliencyMaps | None, inputs: Inputs,
          names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
    """Makes seeds of kept maps.

    Args:
        settings: of the seeds.
        images: the data set.
        saliency: the maps that tell the background; None: the scores tell it.
        inputs: the finished `scores` and `cam`, and the maps where the run has made them.
        names: what to make.

    Returns:
        Pairs of name and mask uint8 `(row, column)`, or a fault.
    """
    decide = KeptRule(rule(settings), KEYS, saliency=saliency is not None)
    return kept_masks(decide, images, inputs, {key: key for key in KEYS}, names, saliency)
