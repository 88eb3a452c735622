"""Settings of the graph networks that learn on one image each."""

from typing import Any, Literal, NamedTuple

import numpy as np
import pydantic

from tfwsss.palette import IGNORE
from tfwsss.settings.sections import Settings


class GraphSettings(Settings):
    """How the graph network of an image is made and trained; as published for image tags, points and scribbles.

    Args:
        width: hidden channels.
        layers: of affinity attention.
        affinity_factor: of the affinities in the scores of attention.
        dropout: share of the hidden values after the embedding that an epoch leaves out.
        epochs: steps without and with the gated CRF loss; each sees the whole image.
        learning_rate: of Adam.
        decay: of all weights, added to the gradient.
        crf_weight: of the gated CRF loss in the second phase.
        crf_radius: of its window, in positions.
        boxes: use the multi-point loss where an image has boxes.
        pad_label: what the pixels count as by which an image is filled up to whole cells: background as released for
            all but boxes, or 255, unknown.
        consistency_threshold: a seed in a box of its class is taken away where the cosine between its hidden feature
            and the mean of the box's points is below this; 0, as published, never takes any, since features are not
            negative.
        consistency_in_place: a seed that was taken away once does not return.
        draw: start of all random choices; with an image's name it gives its first weights and its dropout.
        memory: MiB for the images that are trained at once; at least one is. Does not change the result.
    """

    width: pydantic.PositiveInt = 256
    layers: pydantic.PositiveInt = 3
    affinity_factor: pydantic.NonNegativeFloat = 10.0
    dropout: float = pydantic.Field(0.5, ge=0, lt=1)
    epochs: tuple[pydantic.NonNegativeInt, pydantic.NonNegativeInt] = (50, 50)
    learning_rate: pydantic.PositiveFloat = 0.03
    decay: pydantic.NonNegativeFloat = 5e-4
    crf_weight: pydantic.NonNegativeFloat = 0.3
    crf_radius: int = pydantic.Field(5, ge=1, le=8)
    boxes: bool = False
    pad_label: Literal[0, 255] = 0
    consistency_threshold: float = pydantic.Field(0.0, ge=-1, le=1)
    consistency_in_place: bool = True
    draw: pydantic.NonNegativeInt = 0
    memory: pydantic.PositiveInt = 2048

    def facts(self) -> dict[str, Any]:
        """Returns all that changes a result."""
        return {key: value for key, value in super().facts().items() if key != "memory"}


class BoxGraphSettings(GraphSettings):
    """The same as published for boxes."""

    epochs: tuple[pydantic.NonNegativeInt, pydantic.NonNegativeInt] = (150, 150)
    learning_rate: pydantic.PositiveFloat = 0.035
    crf_weight: pydantic.NonNegativeFloat = 0.01
    boxes: bool = True
    pad_label: Literal[0, 255] = IGNORE


FOR_BOXES = BoxGraphSettings()
"""As published for boxes."""


NUMBERS = ("learning_rate", "decay", "crf_weight", "consistency_threshold")
"""Settings that a compiled training is given as numbers, so that it is compiled once for all of their values."""


def numbers_of(settings: GraphSettings) -> dict[str, np.ndarray]:
    """Returns the settings that are numbers to a compiled training.

    Args:
        settings: of the networks.

    Returns:
        float32 scalars of `NUMBERS`, and int32 `(2,)` "epochs".
    """
    return {**{name: np.float32(getattr(settings, name)) for name in NUMBERS}, "epochs": np.int32(settings.epochs)}


class Form(NamedTuple):
    """What a training is compiled for.

    Args:
        width: hidden channels.
        layers: of attention.
        dropout: share of zeros.
        crf_radius: of the window of the gated CRF loss.
        boxes: whether there is a multi-point loss.
        checks: whether its points take seeds away.
        in_place: whether for good.
        num_ids: classes with background.
        stride: pixels between positions.
        pairs: of a position in half a window.
    """

    width: int
    layers: int
    dropout: float
    crf_radius: int
    boxes: bool
    checks: bool
    in_place: bool
    num_ids: int
    stride: int
    pairs: int

    @classmethod
    def of(cls, settings: GraphSettings, num_ids: int, stride: int, pairs: int) -> "Form":
        """Returns what a training is compiled for.

        Args:
            settings: of the networks.
            num_ids: classes with background.
            stride: pixels between positions.
            pairs: of a position in half a window.
        """
        checks = settings.boxes and settings.consistency_threshold > 0      # no cosine is below 0
        return cls(settings.width, settings.layers, settings.dropout, settings.crf_radius, settings.boxes, checks,
                   checks and settings.consistency_in_place, num_ids, stride, pairs)
