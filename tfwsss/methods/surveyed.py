"""The images of a run and the masks that are given for its stages, each opened once before anything is made of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tfwsss.data.corrections import Corrections, open_corrected
from tfwsss.data.image_set import ImageSet
from tfwsss.data.label_counts import count_labels, in_words
from tfwsss.data.sources import Splits
from tfwsss.data.survey import survey
from tfwsss.logs import LOG
from tfwsss.methods.opened import demo_folder
from tfwsss.runs.given_masks import usable_masks
from tfwsss.runs.runner import remove_folder
from tfwsss.runs.stage import Stage
from tfwsss.settings.sections import RunSettings
from tfwsss.steps.corrections import keep_corrections


def look(settings: RunSettings, folder: Path) -> tuple[Splits, Corrections | None, dict[str, str]]:
    """Opens every image once.

    Args:
        settings: of the run.
        folder: of the run, in which what was found is kept.

    Returns:
        The usable images, what was corrected, and a message for each image that cannot be used.

    Raises:
        UserError: no image can be used.
    """
    splits, corrections = open_corrected(settings.data, demo_folder(folder), settings.given)
    images, pseudo, val = splits
    LOG.info("%d images to train on, %d to make pseudo labels of, %d to segment without tags, %d class%s: %s",
             len(images.names), len(pseudo.names), len(val.names) if val else 0, images.num_classes,
             "es" * (images.num_classes != 1), ", ".join(images.classes[1:]))
    faults: dict[str, str] = {}

    def usable(images: ImageSet) -> ImageSet:
        found, unusable = survey(images, folder, settings.data.max_pixels)
        faults.update(unusable)
        return found

    training = usable(images)
    LOG.info("labels to train on: %s", in_words(count_labels(training)))
    further = training if pseudo is images else usable(pseudo)
    return Splits(training, further, usable(val) if val else None), corrections, faults


def given_masks(stages: Sequence[Stage], given: Mapping[str, Path], splits: Splits, folder: Path) -> dict[str, Path]:
    """Looks at the masks that are given for stages.

    Args:
        stages: of the method.
        given: stage to folder.
        splits: the usable images.
        folder: of the run, in which painted masks are kept as ids.

    Returns:
        Stage to the folder to read, which holds ids.

    Raises:
        UserError: they cannot be used.
    """
    both = splits.training.joined(splits.pseudo)         # whichever a stage is judged by, networks learn from either
    return {stage.name: usable_masks(stage.name, given[stage.name], splits.val if stage.split == "val" else both,
                                     folder / "given" / stage.name)
            for stage in stages if stage.kind == "masks" and stage.name in given}


def corrected_masks(corrections: Corrections | None, splits: Splits, folder: Path) -> dict[str, int]:
    """Keeps what was corrected as ids.

    Args:
        corrections: masks and scribbles; None: nothing was corrected.
        splits: the usable images.
        folder: for the masks; what lies there is deleted.

    Returns:
        Kind of correction to the number of images.
    """
    remove_folder(folder)
    return keep_corrections(corrections, splits.training.joined(splits.pseudo), folder) if corrections else {}
