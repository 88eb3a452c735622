"""A run folder, opened again: its configuration, its images, and how it makes masks of any photograph."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

from tfwsss import methods
from tfwsss.artefacts.files import read_json
from tfwsss.data.corrections import open_corrected
from tfwsss.data.image_set import ImageSet
from tfwsss.data.survey import survey
from tfwsss.errors import UserError
from tfwsss.inference.masker import Masker
from tfwsss.runs import data_parallel
from tfwsss.settings import reading
from tfwsss.steps.cam_masks import cam_masker, threshold_of
from tfwsss.steps.rounds import SegmenterRounds, last_masker, network_of

PRESENCE = "presence.json"
"""File of a run: how likely a class must be, chosen on the training tags."""


@dataclasses.dataclass(frozen=True)
class Run:
    """A folder in which a method has run.

    Args:
        folder: the run's folder.
        config: the method's complete settings.
    """

    folder: Path
    config: SegmenterRounds

    @functools.cached_property
    def record(self) -> dict:
        """What `config.json` holds beside the settings: classes, versions, numbers of images."""
        return read_json(self.folder / "config.json")

    def images(self, split: str = "pseudo") -> ImageSet:
        """Returns the images of one use, as the run saw them.

        Args:
            split: field of `data.sources.Splits`.

        Raises:
            UserError: the data are no longer where they were, or the run has no such images.
        """
        splits, _ = open_corrected(self.config.data, demo_folder(self.folder), self.config.given)
        images = getattr(splits, split)
        if images is None:
            raise UserError(f"{self.folder}: has no images for '{split}'; set data.{split}_split and train again")
        return survey(images, self.folder, self.config.data.max_pixels)[0]

    def masker(self, stage: str | None = None, least: float | None = None) -> tuple[str, Masker]:
        """Returns how the run makes masks of any image.

        Args:
            stage: which of its stages to repeat: `masks`, by its segmentation network; `pseudo`, by the method's own
                rule; `cam_masks`, from plain class maps. None takes the first of these that the run has.
            least: an image whose likeliest class is less likely than this shows nothing, 0 to 1; None: what the run
                has chosen on its training tags, see `methods.presence`, else 0.

        Returns:
            The stage, and its Masker.

        Raises:
            UserError: the run has no such stage, or Keras does not compute by TensorFlow.
        """
        if data_parallel.under_jax():
            raise UserError("masks are made by TensorFlow, whatever trained the networks; unset KERAS_BACKEND")
        makers = self.makers()
        if stage is not None and stage not in makers:
            raise UserError(f"--stage {stage}: {self.folder} makes no such masks; it has "
                            f"{' and '.join(makers) or 'none yet'}")
        if not makers:
            return "masks", last_masker(self.config, self.folder)      # says which file is missing
        stage = stage or next(iter(makers))
        least = self.least(stage) if least is None else least
        return stage, dataclasses.replace(makers[stage](), least=least)

    def least(self, stage: str) -> float:
        """Returns how likely the likeliest class of an image must be at least, else the image shows nothing.

        Args:
            stage: of the run, whose masks are made.

        Raises:
            UserError: the run's file of them is broken.
        """
        path = self.folder / PRESENCE
        try:
            return float(read_json(path)["least"].get(stage, 0.0)) if path.is_file() else 0.0
        except (KeyError, TypeError, ValueError, AttributeError):
            raise UserError(f"{path}: no record of how likely a class must be; delete it and train again") from None

    def makers(self) -> dict[str, Callable[[], Masker]]:
        """Returns what makes the masks of each stage that the run has, the first that `masker` takes first."""
        own, config, folder = methods.get(self.config.method), self.config, self.folder
        found: dict[str, Callable[[], Masker]] = {}
        if network_of(config, folder):
            found["masks"] = lambda: last_masker(config, folder)
        if own.masker:
            found["pseudo"] = lambda: own.masker(config, folder)
        if own.class_maps:
            found["cam_masks"] = lambda: cam_masker(
                own.class_maps(config, folder), config.cam,
                threshold_of(config.cam_masks, config.given.get("cam_masks", folder / "cam_masks")))
        return found


def load_run(folder: Path) -> Run:
    """Opens a run folder.

    Args:
        folder: one that `python -m tfwsss.train` has made.

    Returns:
        The run.

    Raises:
        UserError: the folder is no run.
    """
    path = Path(folder) / "config.json"
    try:
        record = read_json(path)
        values, method, _ = record["config"], record["config"]["method"], list(record["classes"])
    except (UserError, KeyError, TypeError):
        raise UserError(f"{folder} is no run folder: it has no readable config.json; name the folder that "
                        "python -m tfwsss.train printed") from None
    return Run(Path(folder), reading.build(methods.get(method).config, values, str(path)))


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
