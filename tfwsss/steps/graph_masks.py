"""The stage from the probabilities of graph networks to pseudo labels: what labels tell of them, and the dense CRF."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pydantic

from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.scores import Scores, read_scores, with_rest
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.inference.sharpen import CRF, sharpen_arrays
from tfwsss.inference.stream import try_each
from tfwsss.palette import IGNORE
from tfwsss.refine.box_seeds import Corners
from tfwsss.refine.told_by_labels import inside_boxes, mixed_with_seeds
from tfwsss.runs.stage import Inputs, Stage, infer
from tfwsss.settings.sections import CRFSettings
from tfwsss.steps.crf import VERSIONS, crf_from_scores
from tfwsss.steps.graph_stages import Supervision

Told = tuple[np.ndarray, float]
"""Seeds, uint8 `(row, column)`, mask ids, 255 unknown, and their weight beside the probabilities."""


class GraphMaskSettings(CRFSettings):
    """From the graph networks' probabilities to masks; by default the published CRF alone.

    Args:
        seed_weight: of the images' seeds beside the probabilities, where seeds are known.
        superpixel_weight: the same of the superpixels of clicks and scribbles, after that; none where seeds are given.
        inside_boxes: a class that has boxes has no probability outside of them, where boxes supervise an image.
    """

    ADDED = ("seed_weight", "superpixel_weight", "inside_boxes")

    gaussian_deviation: pydantic.PositiveFloat = 2.0
    position_deviation: pydantic.PositiveFloat = 50.0
    colour_deviation: pydantic.PositiveFloat = 5.0
    seed_weight: float = pydantic.Field(0.0, ge=0.0, le=1.0)
    superpixel_weight: float = pydantic.Field(0.0, ge=0.0, le=1.0)
    inside_boxes: bool = False


def graph_mask_stage(name: str, images: ImageSet, settings: GraphMaskSettings, supervision: Supervision, *,
                     source: str, seeds: str, superpixels: Callable[[str], np.ndarray] | None = None) -> Stage:
    """Makes the stage that turns what graph networks have found into masks, over the classes that were kept.

    Args:
        name: of the stage.
        images: what to make masks of.
        settings: of what labels tell, and of the CRF.
        supervision: which label each image is supervised by; masks are taken as they are.
        source: stage of the probabilities.
        seeds: stage of the seeds, read where they have a weight.
        superpixels: name to the seeds of an image's superpixels alone; None: there are none.

    Returns:
        Stage of kind `masks`, with 255 only where a mask has it that supervises the image.
    """
    crf = crf_from_scores(settings)

    def told(inputs: Inputs, image: str, kind: str) -> Iterator[Told]:
        if settings.seed_weight:
            yield read_mask(inputs[seeds], image), settings.seed_weight
        if superpixels is not None and settings.superpixel_weight and kind in ("point", "scribble"):
            yield superpixels(image), settings.superpixel_weight

    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
        def mask(image: str) -> np.ndarray:
            kind = supervision(image)
            if kind == "mask":
                return images.read_full_mask(image)
            boxes = images.boxes[image] if kind == "box" and settings.inside_boxes else ()
            return mask_of_scores(image, crf, read_scores(inputs[source], image), images.read_image(image),
                                  tuple(told(inputs, image, kind)), boxes)

        return try_each(mask, names)

    return infer(name, images, kind="masks", settings=settings, predict=predict, versions=VERSIONS,
                 needs=(source, seeds) if settings.seed_weight else (source,))


def mask_of_scores(name: str, crf: CRF, found: Scores, image: np.ndarray, told: Sequence[Told] = (),
                   boxes: Sequence[Corners] = ()) -> np.ndarray:
    """Sharpens the probabilities of an image's classes, after what labels tell of them.

    Args:
        name: of the image, for messages.
        crf: that starts from scores.
        found: probabilities of classes at the image's size; the background has what they leave.
        image: uint8 `(row, column, 3)`.
        told: seeds and their weights, one after the other.
        boxes: outside of which their classes are not.

    Returns:
        uint8 `(row, column)`, ids.

    Raises:
        ImageFault: an image of another size than the probabilities or the seeds.
    """
    for what, size in [("probabilities", found.scores.shape[1:]), *(("seeds", seeds.shape) for seeds, _ in told)]:
        if size != image.shape[:2]:
            raise ImageFault(f"{name}: {what} of {size} pixels, but the image has {image.shape[:2]}; make them again")
    own = np.append(0, found.classes + 1)
    ids = np.unique(np.concatenate([own, *(seeds[seeds != IGNORE] for seeds, _ in told)]))
    whole = np.zeros((*image.shape[:2], len(ids)), np.float32)
    whole[..., np.searchsorted(ids, own)] = with_rest(found)
    for seeds, weight in told:
        whole = mixed_with_seeds(whole, ids, seeds, weight)
    if boxes:
        whole = inside_boxes(whole, ids, boxes)
    return ids.astype(np.uint8)[sharpen_arrays(crf, whole, whole.argmax(axis=-1), image, len(ids))]
