"""Plain class maps under one threshold, of any method that makes them: what every method is judged beside."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tfwsss.data.image_set import ImageSet
from tfwsss.inference.served import Served
from tfwsss.methods import maps
from tfwsss.refine.seeds import decide_cam
from tfwsss.refine.upsample import upsample
from tfwsss.settings.sections import CRFSettings
from tfwsss.steps.cam_masks import threshold_of
from tfwsss.steps.classifier import Mapper
from tfwsss.steps.served import decide_by_threshold, from_maps


def predict(load: Callable[[Any, Path], Mapper], config: Any, run: Path, images: ImageSet,
            tagged: bool) -> Iterator[tuple[str, np.ndarray]]:
    """Makes masks of any images from the class maps of a finished run, as its stage `cam_masks` does.

    Args:
        load: the run's settings and folder to its class maps.
        config: the run's settings.
        run: folder of the run.
        images: what to make masks of; without tags every image is labelled with all classes.
        tagged: whether the labels are tags to believe; else classes with a probability above one half count, or else
            the likeliest one.

    Yields:
        Name and mask uint8 `(row, column)`.
    """
    mapper, threshold = load(config, run), _threshold(config, run)
    for name, found in maps.score_images(mapper.network, images, images.names, config.cam, mapper.colour):
        cam = (found if tagged else maps.likely(found, mapper.logits))["cam"]
        yield name, decide_cam(upsample(cam.scores, cam.size, cam.covers), cam.classes, threshold)


def served(load: Callable[[Any, Path], Mapper], config: Any, run: Path) -> Served:
    """Says how the class maps of a finished run are served; `predict` makes the same.

    Args:
        load: the run's settings and folder to its class maps.
        config: the run's settings.
        run: folder of the run.

    Returns:
        Network and threshold, without a CRF.
    """
    mapper = load(config, run)
    return from_maps(mapper.network, config.cam, CRFSettings(iterations=0), logits=mapper.logits, colour=mapper.colour,
                     decide=functools.partial(decide_by_threshold, _threshold(config, run)))


def _threshold(config: Any, run: Path) -> float:
    return threshold_of(config.cam_masks, config.given.get("cam_masks", run / "cam_masks"))
