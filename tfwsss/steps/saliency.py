"""The stage that makes saliency maps, and where a rule finds the maps of a run."""

import dataclasses
from pathlib import Path

import numpy as np
import pydantic

from tfwsss.artefacts.files import path_of
from tfwsss.artefacts.saliency import read_saliency
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.refine.saliency import VERSION, saliency
from tfwsss.runs.stage import Inputs, Stage, refine
from tfwsss.settings.sections import MAKE, DataSettings, Settings

STAGE = "saliency"
"""Name of the stage."""


class SaliencySettings(Settings):
    """Saliency maps that the run makes itself: see `refine.saliency`; unused unless `data.saliency` is `make`.

    Args:
        segments: about how many superpixels.
        compactness: of the superpixels; higher is squarer.
        longer_side: in pixels; larger images are reduced to it, and their maps enlarged.
        cut: share of GrabCut in the map; 0 goes without.
    """

    segments: pydantic.PositiveInt = 300
    compactness: pydantic.PositiveFloat = 20.0
    longer_side: pydantic.PositiveInt = 400
    cut: float = pydantic.Field(0.5, ge=0.0, le=1.0)


@dataclasses.dataclass(frozen=True)
class SaliencyMaps:
    """Where a rule finds the saliency maps of a run.

    Args:
        folder: of the user's maps, which the image set knows by name; None: maps that the run makes.
    """

    folder: Path | None = None

    def read_by(self, stage: Stage) -> Stage:
        """Returns the stage as one that reads the maps: other maps make its result stale.

        Args:
            stage: whose work calls `read`.
        """
        if self.folder is None:
            return dataclasses.replace(stage, needs=(*stage.needs, STAGE))
        return dataclasses.replace(stage, settings={**stage.settings, STAGE: str(self.folder)})

    def read(self, images: ImageSet, inputs: Inputs, name: str, size: tuple[int, int]) -> np.ndarray:
        """Returns one image's map.

        Args:
            images: the data set.
            inputs: finished artefacts of the stage that reads.
            name: of the image.
            size: rows and columns of the image.

        Returns:
            uint8 `(row, column)`, 255 = salient.

        Raises:
            ImageFault: there is no map, or it is broken, or of another size.
        """
        found = read_saliency(inputs[STAGE], name) if self.folder is None else images.read_saliency(name)
        if found.shape != tuple(size):
            place = path_of(inputs[STAGE], "saliency", name) if self.folder is None else images.saliency[name]
            raise ImageFault(f"{place}: a saliency map of {found.shape}; expected a grey 8-bit image of {tuple(size)}, "
                             "as its photograph")
        return found


def saliency_maps(data: DataSettings) -> SaliencyMaps | None:
    """Returns where the maps of a run are, or None where it uses none.

    Args:
        data: of the configuration.
    """
    if data.saliency is None:
        return None
    return SaliencyMaps(None if data.saliency == MAKE else data.saliency)


def saliency_stages(data: DataSettings, settings: SaliencySettings, images: ImageSet) -> list[Stage]:
    """Makes the stage that makes saliency maps, where the run is to make them.

    Args:
        data: of the configuration.
        settings: of the maps.
        images: what to make them of.

    Returns:
        One stage of kind `saliency`, or none.
    """
    if data.saliency != MAKE:
        return []
    return [refine(STAGE, images, kind="saliency", function=saliency, settings=settings, arguments=("image",),
                   versions={"saliency": VERSION})]
