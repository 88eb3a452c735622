"""How ICD's network makes seeds and masks: of kept scores, and of any photograph."""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tfwsss.artefacts.models import load_model
from tfwsss.artefacts.scores import read_scores
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.inference.decide.icd import decide_by_icd
from tfwsss.inference.kept import KeptRule
from tfwsss.inference.masker import Masker
from tfwsss.methods.icd.config import Config, SeedSettings
from tfwsss.models.icd import ICD, scorer
from tfwsss.runs.stage import Inputs
from tfwsss.steps.cam_masks import class_map_masker
from tfwsss.steps.class_maps import ClassMapNetwork
from tfwsss.steps.crf import crf_from_masks

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

    Args:
        config: the run's settings.
        run: folder of the run.
    """
    return class_map_masker(class_maps(config, run), config.scores, rule(config.seeds), crf_from_masks(config.pseudo))


def rule(settings: SeedSettings) -> functools.partial:
    """Returns ICD's rule from maps to seeds.

    Args:
        settings: of the seeds.
    """
    return functools.partial(decide_by_icd, settings.corners_aligned)


def seeds(settings: SeedSettings, images: ImageSet, salient: bool, inputs: Inputs,
          names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
    """Makes seeds of kept maps.

    Args:
        settings: of the seeds.
        images: the data set.
        salient: whether its saliency maps tell the background.
        inputs: the finished `scores` and `cam`.
        names: what to make.

    Yields:
        Name and mask uint8 `(row, column)`, or a fault.
    """
    decide = KeptRule(rule(settings), KEYS, saliency=salient)
    for name in names:
        try:
            kept = {key: read_scores(inputs[key], name) for key in KEYS}
            saliency = images.read_saliency(name) if salient else None
            if salient and saliency.shape != tuple(kept["cam"].size):
                raise ImageFault(f"{images.saliency[name]}: a saliency map of {saliency.shape}; expected a grey 8-bit "
                                 f"image of {kept['cam'].size}, as its photograph")
            yield name, decide(kept, saliency=saliency)
        except ImageFault as fault:
            yield name, fault
