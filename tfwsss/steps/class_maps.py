"""The stage from a network to class maps of whole images, kept as scores."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import keras
import numpy as np
import pydantic

from tfwsss.artefacts.scores import Scores
from tfwsss.backbones.facts import GREY
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.inference.kept import strongest
from tfwsss.inference.see import Seer
from tfwsss.inference.views import Canvas, OwnSize, Resized, View, squares
from tfwsss.runs.stage import Inputs, Stage, infer
from tfwsss.settings.sections import Settings
from tfwsss.steps.attention_spread import BEFORE, TransformerSettings, spread_network
from tfwsss.training.fitting import PANEL_THRESHOLD
from tfwsss.training.tensorboard import Panel


class MapSettings(Settings):
    """How class maps of whole images are made.

    Args:
        canvas: side in pixels; images lie at its upper left, larger ones are reduced to fit. None: images at their
            own sizes, as AffinityNet's released code sees them; such maps are as large as the images.
        scales: factors at which the network sees each image; their maps are averaged.
        mirror: also see each image mirrored.
        batch_size: canvases at a time, over all devices.
        stretch: images are stretched to fill the canvas, whatever their sides, as MCIS sees them.
    """

    ADDED = ("stretch",)

    canvas: pydantic.PositiveInt | None = 513
    scales: tuple[pydantic.PositiveFloat, ...] = pydantic.Field((1.0,), min_length=1)
    mirror: bool = False
    batch_size: pydantic.PositiveInt = 4
    stretch: bool = False

    @pydantic.model_validator(mode="after")
    def _something_to_fill(self) -> "MapSettings":
        if self.stretch and self.canvas is None:
            raise ValueError("stretch needs a canvas to fill; set canvas to a side in pixels")
        return self

    @property
    def views(self) -> int:
        """How often the network sees an image; its maps are the mean."""
        return len(self.scales) * (2 if self.mirror else 1)

    def view(self, colour: tuple[float, float, float]) -> Canvas | OwnSize | Resized:
        """Returns how a network is shown images.

        Args:
            colour: red, green, blue of the rest of the canvas.
        """
        if self.canvas is None:
            return OwnSize(self.scales, self.mirror)
        if self.stretch:
            return squares(self.canvas, self.scales, self.mirror, self.batch_size)
        return Canvas(self.canvas, self.scales, self.mirror, colour, self.batch_size)


class SpreadMapSettings(MapSettings):
    """How class maps of whole images are made, and whether they are spread.

    Args:
        affinity: `vit` spreads them along the attention of a frozen transformer, before anything else is made of
            them. It sees what the network sees: large canvases and scales cost the square of their pixels.
        transformer: which.
    """

    ADDED = ("affinity", "transformer")

    affinity: Literal["vit"] | None = None
    transformer: TransformerSettings = TransformerSettings()

    @pydantic.model_validator(mode="after")
    def _a_transformer_that_knows(self) -> "SpreadMapSettings":
        if self.affinity and self.transformer.initial is None:
            raise ValueError("the attention of random weights says nothing; set transformer.initial to a weights file")
        return self


class ClassMapNetwork(NamedTuple):
    """A network that gives class maps, ready for whole images.

    Args:
        network: image `(batch, row, column, 3)` to a dictionary of maps `(batch, row', column', class)`.
        colour: red, green, blue round images, as in training.
        logits: key of the raw class maps, whose mean over an image is a class' logit.
        view: how it must be shown images; None: as the settings of its maps say.
    """

    network: keras.Model
    colour: tuple[float, float, float] = (GREY, GREY, GREY)
    logits: str = "position_logits"
    view: View | None = None

    def seen(self, settings: Any) -> View:
        """Returns how it is shown images.

        Args:
            settings: of its maps, such as `MapSettings`.
        """
        return settings.view(self.colour) if self.view is None else self.view

    def spread(self, settings: Any, key: str = "cam") -> "ClassMapNetwork":
        """Returns the network whose maps are spread, where settings say so.

        Args:
            settings: of its maps; only those of `SpreadMapSettings` can say so.
            key: of the maps.
        """
        if getattr(settings, "affinity", None) is None:
            return self
        network = spread_network(self.network, key, settings.transformer)
        return self._replace(network=network, logits=BEFORE if self.logits == key else self.logits)


def class_map_stage(name: str, images: ImageSet, settings: Settings, source: str,
                    load: Callable[[Path], ClassMapNetwork], key: str = "cam") -> Stage:
    """Makes the stage that writes one of a network's maps of whole images.

    Args:
        name: of the stage.
        images: what to make maps of.
        settings: canvas, scales, mirror; of a network that says itself how it is shown images, any.
        source: stage of the network.
        load: folder of that stage to the network.
        key: of the map.

    Returns:
        Stage of kind `scores`.
    """
    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, Scores | ImageFault]]:
        loaded = load(inputs[source]).spread(settings, key)
        network = keras.Model(loaded.network.input, {key: loaded.network.output[key]})
        for image, found in Seer(network, loaded.seen(settings)).scores(images, names):
            yield image, found if isinstance(found, ImageFault) else found[key]

    together = getattr(settings, "batch_size", 1) if getattr(settings, "canvas", None) else None
    return infer(name, images, kind="scores", settings=settings, needs=(source,), predict=predict, together=together)


def strongest_panel(cam: Scores) -> Panel:
    """Returns what a panel shows of class maps: how strong they are, and the mask they give under a fixed threshold.

    Args:
        cam: class maps of an image.
    """
    ids, strength = strongest(cam)
    return {"CAM": strength}, {"CAM mask": np.where(strength > PANEL_THRESHOLD, ids, np.uint8(0))}
