"""Settings of CLIP-ES."""

from typing import Any, Literal

import pydantic

from tfwsss.settings.sections import CRFSettings, Settings
from tfwsss.steps.rounds import SMALL_SEGMENTER, SegmenterRounds
from tfwsss.steps.scored_crf import ConfidentSettings
from tfwsss.steps.word_maps import WordMapSettings
from tfwsss.steps.words import ClipSettings


class LabelSettings(Settings):
    """From class maps to labels.

    Args:
        power: of the background, (1 - strongest class map)^power; published are 1, and 2 for labels without CRF.
    """

    power: pydantic.PositiveFloat = 1.0


class SharpSettings(CRFSettings):
    """Dense CRF, by default as CLIP-ES sets it."""

    gaussian_deviation: pydantic.PositiveFloat = 1.0
    position_deviation: pydantic.PositiveFloat = 67.0
    colour_deviation: pydantic.PositiveFloat = 3.0
    bilateral_weight: pydantic.NonNegativeFloat = 4.0


class PseudoSettings(ConfidentSettings):
    """The dense CRF from class maps, and what is left open behind it."""

    crf: SharpSettings = SharpSettings()


class Config(SegmenterRounds):
    """Settings of CLIP-ES; the defaults are the published ones.

    Args:
        clip: the network, the words and the backgrounds.
        maps: class maps by words, spread by attention.
        labels: from class maps to masks, beside which the CRF is judged.
        pseudo: the CRF that makes the pseudo labels, and what is left open.
    """

    method: Literal["clip_es"] = "clip_es"
    clip: ClipSettings = ClipSettings()
    maps: WordMapSettings = WordMapSettings()
    labels: LabelSettings = LabelSettings()
    pseudo: PseudoSettings = PseudoSettings()


DEMO: dict[str, Any] = {
    "data": {"kind": "demo", "split": "train", "val_split": "val"},
    "clip": {"backbone": {"name": "clip_b16", "initial": None, "width": 0.0625}},
    "segmenter": SMALL_SEGMENTER,
}
"""Small settings for the built-in data set. CLIP has random weights there: it shows the way, and no result."""
