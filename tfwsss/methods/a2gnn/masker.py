"""What A2GNN has for photographs that a run has never seen: its segmentation network, and its plain class maps."""

from pathlib import Path
from typing import NoReturn

from tfwsss.errors import UserError
from tfwsss.methods.a2gnn.config import Config
from tfwsss.steps.class_maps import ClassMapNetwork
from tfwsss.steps.classifier import class_maps_of


def class_maps(config: Config, run: Path) -> ClassMapNetwork:
    """Loads the plain class maps of a run.

    Args:
        config: the run's settings.
        run: folder of the run.

    Returns:
        Network of class maps.

    Raises:
        UserError: the run had no classifier of its own, or its file is missing or damaged.
    """
    if not config.seeds.confident or ("cam" in config.given and "classifier" not in config.given):
        raise UserError(f"{run}: has no network that makes class maps: " +
                        ("seeds.confident is false" if not config.seeds.confident else "they were given (given.cam)") +
                        "; ask for --stage masks")
    return class_maps_of(config, run)


def masker(config: Config, run: Path) -> NoReturn:
    """Refuses: pseudo labels are made by networks that are trained on the images of the run alone.

    Args:
        config: the run's settings.
        run: folder of the run.

    Raises:
        UserError: always, with what may be asked for in its place.
    """
    raise UserError(f"{run}: A2GNN trains a network on each image, from labels of that image, to make its pseudo "
                    "label; there is none for other photographs: ask for --stage masks, the segmentation network that "
                    "learnt from the pseudo labels (train with rounds=1 or more), or --stage cam_masks, the plain "
                    "class maps")
