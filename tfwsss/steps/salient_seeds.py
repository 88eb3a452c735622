"""Seeds of masks and saliency: objects where both see one, background where neither does."""

from collections.abc import Iterator, Sequence

import numpy as np
import pydantic

from tfwsss.artefacts.masks import read_mask
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.inference.stream import try_each
from tfwsss.palette import IGNORE
from tfwsss.runs.stage import Inputs, Stage, infer
from tfwsss.settings.sections import Settings
from tfwsss.steps.saliency import SaliencyMaps


class SalientSeedSettings(Settings):
    """Which pixels are salient.

    Args:
        salient: smallest byte of a saliency map, 1 to 255, that says so.
    """

    salient: int = pydantic.Field(32, ge=1, le=255)


def salient_seed_stage(name: str, images: ImageSet, settings: SalientSeedSettings, saliency: SaliencyMaps, *,
                       source: str) -> Stage:
    """Makes the stage that keeps of another stage's masks what saliency maps confirm.

    Args:
        name: of the stage.
        images: what to make seeds of.
        settings: which pixels are salient.
        saliency: the run's saliency maps.
        source: stage whose masks are read.

    Returns:
        Stage of kind `masks`, 255 where mask and saliency disagree.
    """
    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
        def seed(image: str) -> np.ndarray:
            mask = read_mask(inputs[source], image)
            seen = saliency.read(images, inputs, image, mask.shape) >= settings.salient
            return np.where(seen == (mask > 0), mask, IGNORE).astype(np.uint8)

        return try_each(seed, names)

    return saliency.read_by(infer(name, images, kind="masks", settings=settings, needs=(source,), predict=predict))
