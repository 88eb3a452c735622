"""Class maps of any network, spread along the attention of a frozen transformer."""

from pathlib import Path
from typing import Literal

import keras
import pydantic

from tfwsss.backbones.build import build_backbone
from tfwsss.backbones.facts import facts_of
from tfwsss.backbones.vit import attention_means
from tfwsss.inference.see import stride_of
from tfwsss.layers.attention_spread import AttentionSpread
from tfwsss.settings.sections import Settings

BEFORE = "before_spreading"
"""Key of class maps that were spread, as they were."""


class TransformerSettings(Settings):
    """A frozen transformer, along whose attention class maps are spread.

    Args:
        name: `dinov2_small`, `dinov2_base` or `clip_b16`.
        initial: a weights file that `python -m tfwsss.convert` has made; needed where maps are spread.
        width: factor of all channels; 1 wherever weights are loaded.
        blocks: last blocks of which the attention is the mean.
        rounds: in which it is balanced.
    """

    name: Literal["dinov2_small", "dinov2_base", "clip_b16"] = "dinov2_small"
    initial: Path | None = None
    width: pydantic.PositiveFloat = 1.0
    blocks: pydantic.PositiveInt = 8
    rounds: pydantic.NonNegativeInt = 3


def spread_network(network: keras.Model, key: str, settings: TransformerSettings) -> keras.Model:
    """Adds the transformer to a network of class maps; whatever shows images to the one shows them to both.

    Args:
        network: image `(batch, row, column, 3)`, 0-255, to a dictionary of maps, all of one grid.
        key: of the maps to spread.
        settings: of the transformer.

    Returns:
        keras.Model of the same maps on the same grid, those of `key` spread, and what they were under `BEFORE`.

    Raises:
        UserError: weights that are missing, damaged or of another network.
    """
    seen = _attention(settings)(network.input)
    maps = dict(network.output)
    step, patch = stride_of(network), facts_of(settings.name).output_stride(0)
    spread = AttentionSpread(step, patch, settings.rounds, name="spread")(maps[key], seen["attention"], seen["like"])
    return keras.Model(network.input, {**maps, key: spread, BEFORE: maps[key]}, name=f"{network.name}_spread")


def _attention(settings: TransformerSettings) -> keras.Model:
    """Builds the transformer: a model in the model, since its layers may be named like those of the other."""
    backbone = build_backbone(settings.name, settings.initial, width=settings.width)
    means = attention_means(backbone)[-settings.blocks:]
    outputs = {"attention": (sum(means[1:], means[0]) / len(means))[:, 1:, 1:], "like": backbone.output["features"]}
    return keras.Model(backbone.input, outputs, name="transformer")
