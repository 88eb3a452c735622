"""Whole images to masks by a segmentation network: the likeliest id, or the dense CRF from the probabilities."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.layers.dense_crf import dense_crf
from tfwsss.methods import maps
from tfwsss.models.cian import CIAN, self_network
from tfwsss.models.segmenter import Segmenter, logit_maps
from tfwsss.refine.upsample import strongest, upsample
from tfwsss.runs.stages import Inputs, Stage, infer
from tfwsss.settings.sections import CRFSettings, RunSettings
from tfwsss.steps.viewing import SegmentSettings, View, Viewer, look, prepare

_TINY = 1e-5

NETWORKS = {Segmenter: logit_maps, CIAN: self_network}
"""Segmentation networks, and what takes from each what single images need."""


def load_viewer(folder: Path) -> Viewer:
    """Loads the segmentation network that a stage has trained.

    Args:
        folder: of the stage.

    Returns:
        What `viewing.look` needs.

    Raises:
        UserError: the file is missing or damaged, or holds another network.
    """
    model = maps.load_model(folder, tuple(NETWORKS))
    return prepare(NETWORKS[type(model)](model), model.backbone.name)


def keep_labels(view: View, labels: Sequence[int]) -> View:
    """Leaves probability to background and an image's own classes only.

    Args:
        view: probabilities.
        labels: image-level labels, counted without background.

    Returns:
        Probabilities that sum to 1, those of other classes 0.
    """
    kept = np.zeros((len(view.probabilities), 1, 1), np.float32)
    kept[[0, *(label + 1 for label in labels)]] = 1
    planes = view.probabilities * kept
    return view._replace(probabilities=planes / np.maximum(planes.sum(axis=0), np.finfo(np.float32).tiny))


def decide(view: View, image: np.ndarray, settings: CRFSettings) -> np.ndarray:
    """Turns probabilities into a mask: the likeliest id of each pixel, after the dense CRF where it is on.

    Args:
        view: probabilities.
        image: uint8 `(row, column, 3)`.
        settings: of the CRF.

    Returns:
        uint8 `(row, column)`.
    """
    if not settings.iterations:
        return strongest(view.probabilities, view.size, view.covers)[0]
    planes = upsample(view.probabilities, view.size, view.covers)
    unary = -np.log(np.clip(np.moveaxis(planes, 0, -1), _TINY, 1.0))
    parameters = settings.model_dump(exclude={"implementation", "certainty"})
    return dense_crf(unary, image, implementation=settings.implementation, **parameters).argmax(-1).astype(np.uint8)


def segment(viewer: Viewer, images: ImageSet, names: Sequence[str],
            settings: SegmentSettings) -> Iterator[tuple[str, tuple[View, np.ndarray] | ImageFault]]:
    """Segments images one after another.

    Args:
        viewer: the network.
        images: the data set.
        names: what to segment.
        settings: how.

    Yields:
        Name, and probabilities and mask uint8 `(row, column)`, or a fault.
    """
    for name in names:
        try:
            image = images.read_image(name)
            view = look(viewer, image, settings)
            view = keep_labels(view, images.labels[name]) if settings.tagged else view
            yield name, (view, decide(view, image, settings.crf))
        except ImageFault as fault:
            yield name, fault


def mask_stage(name: str, images: ImageSet, config: RunSettings, settings: SegmentSettings, source: str) -> Stage:
    """Makes the stage that segments images.

    Args:
        name: of the stage.
        images: what to segment.
        config: the run's settings.
        settings: how.
        source: stage of the network.

    Returns:
        Stage of kind `masks`.
    """
    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
        for image, found in segment(load_viewer(inputs[source]), images, names, settings):
            yield image, found if isinstance(found, ImageFault) else found[1]

    return infer(name, images, config, kind="masks", settings=settings, needs=(source,), predict=predict)
