"""A segmentation network trained on given masks."""

import dataclasses

from tfwsss.data.sources import Splits
from tfwsss.errors import UserError
from tfwsss.methods.retrain.config import Config
from tfwsss.refine.masks import as_they_are
from tfwsss.runs.stage import Stage, refine
from tfwsss.settings.sections import Settings
from tfwsss.steps.rounds import segmenter_rounds


def stages(config: Config, splits: Splits) -> list[Stage]:
    """Labels, then rounds of training.

    Args:
        config: settings.
        splits: what to train on, and to segment without tags.

    Returns:
        The stages, in order.

    Raises:
        UserError: no labels are given, and there are no true masks.
    """
    if "labels" not in config.given and not splits.training.masks:
        raise UserError("retrain learns from masks, and these images have none; add --set given.labels=FOLDER, such as "
                        "the pseudo folder of another run")
    labels = refine("labels", splits.training, kind="masks", settings=Settings(), function=as_they_are,
                    arguments=("truth",))
    return [dataclasses.replace(labels, split="training"), *segmenter_rounds(config, splits, "labels", "training")]
