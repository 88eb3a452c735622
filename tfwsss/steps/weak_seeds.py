"""Seeds of each image from the strongest label that it has: a mask, scribbles, boxes, clicks or its tags."""

import dataclasses
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Literal

import numpy as np
import pydantic
from keras import ops

from tfwsss.artefacts.scores import Scores, read_scores
from tfwsss.data.image_set import ImageSet
from tfwsss.data.weak_labels import classes_of
from tfwsss.errors import ImageFault, UserError
from tfwsss.inference.decide.threshold import enlarged
from tfwsss.inference.decide.walk import VERSION, cam_with_background
from tfwsss.inference.kept import channels_last
from tfwsss.inference.stream import try_each
from tfwsss.inference.views import Picture
from tfwsss.palette import IGNORE
from tfwsss.refine.box_seeds import box_objects, box_seeds, object_seeds
from tfwsss.refine.confident_seeds import confident_seeds
from tfwsss.refine.sparse_seeds import draw_points, draw_scribbles, segments_of, sparse_seeds, spread
from tfwsss.refine.superpixels import slic
from tfwsss.runs.stage import Inputs, Stage, infer
from tfwsss.settings.sections import CRFSettings, Settings
from tfwsss.steps.confident_labels import sure_pixels, two_marginals
from tfwsss.steps.crf import VERSIONS, crf_from_scores


class WeakSeedSettings(Settings):
    """From weak labels to seeds; the defaults are those of A2GNN's released code, where it has them.

    Args:
        supervision: `auto` takes of each image the strongest label that it has. A mask knows every pixel; a
            scribble knows its own pixels and leads superpixels; a box only bounds an object, whose pixels have to be
            guessed; a click knows one pixel; tags know none. Else one kind, and the tags of images that lack it.
        confident: whether class maps say what they are sure of. Without them no classifier is needed, GrabCut alone
            decides in boxes and superpixels alone around clicks and scribbles; images with tags only cannot be used.
        superpixels_alone: kinds whose seeds are their superpixels, without what class maps are sure of.
        low, high: powers of the background's score of the two CRFs, strong and weak background.
        crf: of both; its `certainty` is not read.
        power: of the background's score in `refine.confident_seeds`. dropped: share of the values of a class' map
            that are not sure. background: from which score background is sure. certain: from which marginal of the
            CRFs a label is certain.
        rounds: of GrabCut in boxes. least_object: share of a box that must be object, else the whole box is.
        objects_alone: objects in boxes, and the background around them, are GrabCut's, whatever class maps are sure of.
        box_fallback: objects that class maps nowhere confirm are taken whole. box_background: pixels outside of all
            boxes are background; where tags name a class that has no box, those that class maps are sure of.
        segments: superpixels of an image of 500 x 375 pixels; others have more or fewer. compactness: of SLIC.
    """

    ADDED = ("objects_alone",)

    supervision: Literal["auto", "image", "point", "scribble", "box"] = "auto"
    confident: bool = True
    superpixels_alone: tuple[Literal["point", "scribble"], ...] = ()
    low: pydantic.PositiveFloat = 4.0
    high: pydantic.PositiveFloat = 24.0
    crf: CRFSettings = CRFSettings()
    power: pydantic.PositiveFloat = 24.0
    dropped: float = pydantic.Field(0.6, ge=0.0, lt=1.0)
    background: float = pydantic.Field(0.8, ge=0.0, le=1.0)
    certain: float = pydantic.Field(0.8, ge=0.0, le=1.0)
    rounds: pydantic.PositiveInt = 3
    least_object: float = pydantic.Field(0.15, ge=0.0, le=1.0)
    objects_alone: bool = False
    box_fallback: bool = True
    box_background: bool = True
    segments: pydantic.PositiveInt = 400
    compactness: pydantic.PositiveFloat = 10.0


def supervision_by(images: ImageSet, asked: str) -> Callable[[str], str]:
    """Returns what says which label of an image supervises it: "mask", "scribble", "box", "point" or "image".

    Args:
        images: data set with its labels.
        asked: `auto` for the strongest that each image has; else one kind, and "image" for those that lack it.

    Returns:
        Function of a name.
    """
    def kind(name: str) -> str:
        if asked == "auto":
            return images.supervision(name)
        has = {"scribble": images.scribbles.get(name) or name in images.scribble_masks,
               "box": images.boxes.get(name), "point": images.points.get(name)}
        return asked if has.get(asked) else "image"

    return kind


def weak_seed_stage(name: str, images: ImageSet, settings: WeakSeedSettings, source: str, views: int | None) -> Stage:
    """Makes the stage that writes seeds of each image, one image at a time and each by itself.

    Args:
        name: of the stage.
        images: what to make seeds of.
        settings: of the seeds.
        source: stage of class maps, kind `scores`; what only tags or class maps can tell is read there. Not needed
            where `settings.confident` is false.
        views: scales times mirror images whose mean those maps are; None where they are normalised already.

    Returns:
        Stage of kind `masks`, 255 where nothing is sure.

    Raises:
        UserError: images that have tags only, and no class maps are to be made.
    """
    if not settings.confident:
        kind = supervision_by(images, settings.supervision)
        if tagged := [image for image in images.names if kind(image) == "image"]:
            raise UserError(f"{name}.confident is false, but {len(tagged)} of {len(images.names)} images have only "
                            f"tags ({tagged[0]!r} is one), of which class maps make seeds; set {name}.confident=true, "
                            "or leave them out of data.split")

    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
        maker = SeedMaker(images, settings, views)
        return try_each(lambda image: maker.seeds(image, lambda: read_scores(inputs[source], image)), names)

    stage = infer(name, images, kind="masks", settings=settings, needs=(source,) if settings.confident else (),
                  predict=predict, versions={**VERSIONS, "background": VERSION})
    return dataclasses.replace(stage, split="training")


class SeedMaker:
    """Makes seeds of an image from the label that supervises it; nothing depends on the order of images.

    Args:
        images: data set with its labels.
        settings: of the seeds.
        views: as in `weak_seed_stage`.
    """

    def __init__(self, images: ImageSet, settings: WeakSeedSettings, views: int | None):
        self._images, self._settings, self._views = images, settings, views
        self._crf = crf_from_scores(settings.crf)
        self._kind = supervision_by(images, settings.supervision)

    def supervision(self, name: str) -> str:
        """Returns what supervises an image: "mask", "scribble", "box", "point" or "image".

        Args:
            name: of the image.
        """
        return self._kind(name)

    def seeds(self, name: str, maps) -> np.ndarray:
        """Returns the seeds of an image.

        Args:
            name: of the image.
            maps: function of nothing to its class maps, `Scores`; called only where they are needed.

        Returns:
            uint8 `(row, column)`, mask ids, 255 unknown.

        Raises:
            ImageFault: the image, its label or its maps are missing or broken, or do not fit each other.
        """
        kind = self.supervision(name)
        if kind == "mask":
            return self._images.read_full_mask(name)
        image = self._images.read_image(name)
        if kind == "image":
            return self._confident(name, image, maps, None)
        if kind == "box":
            return self._in_boxes(name, image, maps)
        drawn, regions = self._led(name, kind, image)
        if kind in self._settings.superpixels_alone:
            return spread(drawn, regions)
        return sparse_seeds(drawn, regions, self._confident(name, image, maps, set(np.unique(drawn)) - {0, IGNORE}))

    def superpixels(self, name: str) -> np.ndarray:
        """Returns the seeds of an image's superpixels alone, without what class maps are sure of.

        Args:
            name: of an image that is supervised by clicks or scribbles.

        Returns:
            As `seeds`.

        Raises:
            ImageFault: as `seeds`.
        """
        return spread(*self._led(name, self.supervision(name), self._images.read_image(name)))

    def _led(self, name: str, kind: str, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns what is drawn into an image, and the superpixels that it leads."""
        size = image.shape[:2]
        return self._drawn(name, kind, size), slic(image, segments_of(size, self._settings.segments),
                                                   self._settings.compactness)

    def _in_boxes(self, name: str, image: np.ndarray, maps: Callable[[], Scores]) -> np.ndarray:
        """Returns seeds of boxes; classes that tags name and no box holds are sought by class maps around them."""
        own, boxes = self._settings, self._images.boxes[name]
        objects = box_objects(image, boxes, own.rounds, own.least_object)
        loose = {label + 1 for label in self._images.labels[name]} - classes_of(boxes)
        background = own.box_background and not loose
        asked = loose if own.objects_alone else loose | classes_of(boxes)
        confident = self._confident(name, image, maps, asked) if asked else None
        seeds = (object_seeds(objects, background) if own.objects_alone else
                 box_seeds(objects, confident, own.box_fallback, background))
        if own.box_background and loose:
            around = np.ones(seeds.shape, bool)
            for place in objects.places:
                around[place] = False
            around &= np.isin(confident, [0, *loose])
            seeds[around] = confident[around]
        return seeds

    def _drawn(self, name: str, kind: str, size: tuple[int, int]) -> np.ndarray:
        if kind == "point":
            return draw_points(self._images.points[name], size)
        if self._images.scribbles.get(name):
            return draw_scribbles(self._images.scribbles[name], size)
        return self._images.read_scribble_mask(name)

    def _confident(self, name: str, image: np.ndarray, maps: Callable[[], Scores],
                   mask_ids: Collection[int] | None) -> np.ndarray:
        """Returns the surest labels by class maps of the given classes, None for all of the image's."""
        if not self._settings.confident:
            return np.full(image.shape[:2], IGNORE, np.uint8)
        cam = maps()
        if tuple(cam.size) != image.shape[:2]:
            raise ImageFault(f"{name}: class maps of an image of {tuple(cam.size)}; expected {image.shape[:2]}, as the "
                             "image is: make them again")
        if mask_ids is not None:
            kept = np.isin(cam.classes + 1, list(mask_ids))
            cam = cam._replace(classes=cam.classes[kept], scores=cam.scores[kept])
        own = self._settings
        marginals = two_marginals(image, cam, (own.low, own.high), self._views, self._crf)
        return confident_seeds(sure_pixels(marginals, cam.classes), normalised(cam, self._views), *marginals,
                               power=own.power, dropped=own.dropped, background=own.background, certain=own.certain)


def normalised(cam: Scores, views: int | None) -> np.ndarray:
    """Returns class maps of the image's size, as the CRF's scores are made of them.

    Args:
        cam: kept class maps of one image.
        views: as in `weak_seed_stage`.

    Returns:
        float32 `(class, row, column)`.
    """
    picture = Picture(cam.size, cam.covers or cam.size)
    planes = enlarged(ops.convert_to_tensor(channels_last(cam)), picture, np.arange(len(cam.classes)))
    return np.moveaxis(ops.convert_to_numpy(cam_with_background(planes, 1.0, views))[..., 1:], -1, 0)
