"""Settings of the graph networks that learn on one image each."""

from typing import Any, Literal

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
    layers: pydantic.NonNegativeInt = 3
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
