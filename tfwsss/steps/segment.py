"""Whole images to masks by a segmentation network: the likeliest id, or the dense CRF from the probabilities."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import keras
import numpy as np
import pydantic

from tfwsss.artefacts.models import load_model
from tfwsss.backbones.facts import facts_of
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.inference.decide.decision import likely_somewhere
from tfwsss.inference.decide.probability import decide_by_probability
from tfwsss.inference.masker import Masker
from tfwsss.inference.views import Windows
from tfwsss.inference.windows import VERSION
from tfwsss.models.cian import CIAN, self_network
from tfwsss.models.segmenter import Segmenter, logit_maps
from tfwsss.runs.stage import Inputs, Stage, infer
from tfwsss.settings.sections import CRFSettings, Settings
from tfwsss.steps.crf import VERSIONS, crf_from_scores

NETWORKS = {Segmenter: logit_maps, CIAN: self_network}
"""Segmentation networks, and what takes from each what single images need."""


class SegmentSettings(Settings):
    """How a segmentation network sees whole images.

    Args:
        scales: factors at which it sees each image. mirror: also see each mirrored.
        window: side in pixels of the largest piece that it sees at once; larger images are seen in overlapping pieces.
        batch_size: pieces at a time.
        average: what is averaged over scales and mirror images: `probabilities`, `logits`, or `logits_and_maximum`,
            where the largest logits over all scales count as one scale more.
        tagged: only classes that the image is labelled with count, and background.
        crf: begins from the probabilities; 0 iterations for none. Its `certainty` is not read.
    """

    scales: tuple[pydantic.PositiveFloat, ...] = pydantic.Field((1.0,), min_length=1)
    mirror: bool = False
    window: int = pydantic.Field(513, ge=33)
    batch_size: pydantic.PositiveInt = 4
    average: Literal["probabilities", "logits", "logits_and_maximum"] = "probabilities"
    tagged: bool = False
    crf: CRFSettings = CRFSettings(iterations=0)

    @property
    def versions(self) -> dict[str, int]:
        """Versions of the arithmetic that masks made so rest on."""
        return {**(VERSIONS if self.crf.iterations else {}), **({"scales": VERSION} if set(self.scales) != {1} else {})}


class SegmentationNetwork(NamedTuple):
    """A segmentation network, ready for whole images.

    Args:
        network: image `(batch, row, column, 3)` to "logits" `(batch, row', column', id)`.
        colour: red, green, blue round images that do not fill the grid.
    """

    network: keras.Model
    colour: tuple[float, float, float]


def load_segmentation_network(folder: Path) -> SegmentationNetwork:
    """Loads the segmentation network that a stage has trained.

    Args:
        folder: of the stage.

    Returns:
        The network of single images.

    Raises:
        UserError: the file is missing or damaged, or holds another network.
    """
    model = load_model(folder, tuple(NETWORKS))
    return SegmentationNetwork(NETWORKS[type(model)](model), facts_of(model.backbone.name).colour)


def segmentation_masker(network: SegmentationNetwork, settings: SegmentSettings) -> Masker:
    """Returns how a segmentation network makes masks.

    Args:
        network: of single images.
        settings: windows, scales, mirror, CRF.
    """
    view = Windows(settings.window, settings.scales, settings.mirror, network.colour, settings.average,
                   settings.batch_size)
    num_ids = network.network.output["logits"].shape[-1]
    return Masker(network.network, num_ids, view, likely_somewhere, decide_by_probability,
                  crf_from_scores(settings.crf))


def segment_stage(name: str, images: ImageSet, settings: SegmentSettings, source: str) -> Stage:
    """Makes the stage that segments images.

    Args:
        name: of the stage.
        images: what to segment.
        settings: how.
        source: stage of the network.

    Returns:
        Stage of kind `masks`.
    """
    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
        masker = segmentation_masker(load_segmentation_network(inputs[source]), settings)
        for image, found in masker.masks(images, names, settings.tagged):
            yield image, found if isinstance(found, ImageFault) else found.mask

    return infer(name, images, kind="masks", settings=settings, needs=(source,), predict=predict,
                 versions=settings.versions)
