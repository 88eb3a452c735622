"""A run folder, opened again: its configuration and its images."""

import dataclasses
import json
from pathlib import Path
from types import ModuleType

from tfwsss import config, methods
from tfwsss.data.image_set import ImageSet
from tfwsss.data.sources import open_splits
from tfwsss.data.survey import survey
from tfwsss.errors import UserError
from tfwsss.settings import RunSettings


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

    def maker(self) -> ModuleType:
        """Returns the module whose `predict` and `served` make masks of any image.

        It is that of segmentation networks where the run has trained one, else the method's own.
        """
        from tfwsss.methods import retrain

        return retrain if retrain.network_of(self.config, self.folder) else methods.get(self.config.method)


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
        values = json.loads(path.read_text(encoding="utf-8"))["config"]
        method = values["method"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{folder} is no run folder: it has no readable config.json; name the folder that "
                        "python -m tfwsss.train printed") from None
    return Run(Path(folder), config.build(methods.get(method).Config, values, str(path)))


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
