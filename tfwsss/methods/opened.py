"""A run folder, opened again: its configuration and its images."""

import dataclasses
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tfwsss import methods
from tfwsss.data.image_set import ImageSet
from tfwsss.data.sources import open_splits
from tfwsss.data.survey import survey
from tfwsss.errors import UserError
from tfwsss.methods import plain, retrain
from tfwsss.settings import reading
from tfwsss.settings.sections import RunSettings


class Maker(NamedTuple):
    """One of a run's ways to make masks of any image.

    Args:
        stage: of the run that makes such masks.
        predict: settings, folder, images and whether tags are to be believed, to names and masks.
        served: settings and folder to `inference.served.Served`.
    """

    stage: str
    predict: Callable
    served: Callable


@dataclasses.dataclass(frozen=True)
class Run:
    """A folder in which a method has run.

    Args:
        folder: the run's folder.
        config: the method's complete settings.
    """

    folder: Path
    config: RunSettings

    def images(self, split: str = "pseudo") -> ImageSet:
        """Returns the images of one use, as the run saw them.

        Args:
            split: field of `data.sources.Splits`.

        Raises:
            UserError: the data are no longer where they were, or the run has no such images.
        """
        images = getattr(open_splits(self.config.data, demo_folder(self.folder)), split)
        if images is None:
            raise UserError(f"{self.folder}: has no images for '{split}'; set data.{split}_split and train again")
        return survey(images, self.folder, self.config.data.max_pixels)[0]

    def maker(self, stage: str | None = None) -> Maker:
        """Says how the run makes masks of any image.

        Args:
            stage: which of its stages to repeat: `masks`, by its segmentation network; `pseudo`, by the method's own
                rule; `cam_masks`, from plain class maps. Nothing takes the first of these that the run has.

        Raises:
            UserError: the run has no such stage.
        """
        own, last, listed = methods.get(self.config.method), Maker("masks", retrain.predict, retrain.served), []
        if retrain.network_of(self.config, self.folder):
            listed.append(last)
        if own.predict is not retrain.predict:
            listed.append(Maker("pseudo", own.predict, own.served))
        if load := getattr(own, "class_maps", None):
            ways = (functools.partial(way, load) for way in (plain.predict, plain.served))
            listed.append(Maker("cam_masks", *ways))
        found = [maker for maker in listed or [last] if stage in (None, maker.stage)]
        if not found:
            raise UserError(f"--stage {stage}: {self.folder} makes no such masks; it has "
                            f"{' and '.join(maker.stage for maker in listed) or 'none yet'}")
        return found[0]


def load_run(folder: Path) -> Run:
    """Opens a run folder.

    Args:
        folder: one that `python -m tfwsss.train` has made.

    Returns:
        The run.

    Raises:
        UserError: the folder is no run.
    """
    path = Path(folder) / "reading.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))["config"]
        method = values["method"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{folder} is no run folder: it has no readable reading.json; name the folder that "
                        "python -m tfwsss.train printed") from None
    return Run(Path(folder), reading.build(methods.get(method).Config, values, str(path)))


def demo_folder(run: Path) -> Path:
    """Returns where the built-in data set of a run is drawn: beside it, so that runs share it.

    Args:
        run: the run's folder.

    Returns:
        Absolute path.

    Example:

    >>> demo_folder(Path("/data/runs/demo")).as_posix()
    '/data/runs'
    """
    return Path(run).resolve().parent
