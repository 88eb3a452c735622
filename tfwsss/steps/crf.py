"""The stage that sharpens another stage's masks by the dense CRF."""

from collections.abc import Iterator, Sequence

import numpy as np

from tfwsss.artefacts.masks import read_mask
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.inference.sharpen import CRF, sharpen_arrays
from tfwsss.inference.stream import try_each
from tfwsss.layers import dense_crf
from tfwsss.runs.stage import Inputs, Stage, infer
from tfwsss.settings.sections import CRFSettings

VERSIONS = {"dense_crf": dense_crf.VERSION}
"""Of the layer whose arithmetic such stages rest on."""


def crf_from_masks(settings: CRFSettings) -> CRF:
    """Returns the CRF that starts from labels of one certainty.

    Args:
        settings: of the CRF.
    """
    return crf_from_scores(settings)._replace(certainty=settings.certainty)


def crf_from_scores(settings: CRFSettings) -> CRF:
    """Returns the CRF that starts from scores.

    Args:
        settings: of the CRF; its certainty is not read.
    """
    parameters = settings.model_dump(include=set(CRFSettings.model_fields) - {"implementation", "certainty"})
    return CRF(parameters, implementation=settings.implementation)


WITHOUT = crf_from_masks(CRFSettings(iterations=0))
"""No CRF."""


def crf_stage(name: str, images: ImageSet, *, source: str, settings: CRFSettings) -> Stage:
    """Makes the stage that sharpens another stage's masks.

    Args:
        name: of the stage.
        images: what to sharpen.
        source: stage whose masks are read.
        settings: of the CRF; 0 iterations keep the masks.

    Returns:
        Stage of kind `masks`; 255 only where no label reaches a marginal of 0.1.
    """
    crf, num_ids = crf_from_masks(settings), len(images.classes)

    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
        def sharpened(image: str) -> np.ndarray:
            return sharpen_arrays(crf, None, read_mask(inputs[source], image), images.read_image(image), num_ids)

        return try_each(sharpened, names)

    return infer(name, images, kind="masks", settings=settings, needs=(source,), predict=predict, versions=VERSIONS)
