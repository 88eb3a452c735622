"""What can be known before a run starts: weights that are missing, and data or settings that cannot lead anywhere."""

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tfwsss.backbones.facts import FACTS, facts_of
from tfwsss.data.image_set import ImageSet
from tfwsss.data.sources import Splits
from tfwsss.errors import UserError
from tfwsss.runs.stage import Stage

FEW_STEPS = 50
"""Trainings of fewer steps hardly leave their initial weights."""

FEW_IMAGES = 5
"""A class shown by fewer training images is doubtful."""


def check_names(names: Iterable[str], stages: Sequence[Stage]) -> None:
    """Refuses names that no stage has.

    Args:
        names: as a user wrote them.
        stages: of the method.

    Raises:
        UserError: an unknown name, with the nearest one.
    """
    known = [stage.name for stage in stages]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise UserError(f"unknown stage '{name}'; " + (f"did you mean '{near[0]}'?" if near else
                                                           f"this method has: {', '.join(known)}"))


def pending(stages: Sequence[Stage], folder: Path, given: Mapping[str, Path], until: str | None,
            again: Collection[str] = ()) -> list[Stage]:
    """Returns the stages that a run is still to make, in order.

    Args:
        stages: of the method.
        folder: of the run.
        given: stages for which a folder stands.
        until: last stage to run; None: all.
        again: finished stages that are made again.
    """
    return [stage for stage in wanted(stages, given, until) if
            stage.name in again or not (folder / stage.name / "stage.json").is_file()]


def wanted(stages: Sequence[Stage], given: Mapping[str, Path], until: str | None) -> list[Stage]:
    """Returns the stages that a run makes itself, whether or not they are finished, in order.

    Args:
        stages: of the method.
        given: stages for which a folder stands.
        until: last stage to run; None: all.
    """
    names = [stage.name for stage in stages]
    asked = stages[:names.index(until) + 1] if until in names else stages
    return [stage for stage in asked if stage.name not in given]


def check_weights(stages: Sequence[Stage], fetch: Callable[[str], object]) -> None:
    """Looks for the initial weights of all networks that stages begin with, before any time is spent.

    Args:
        stages: those still to be made.
        fetch: lets Keras fetch the ImageNet weights of a backbone, or raises a `UserError`.

    Raises:
        UserError: files are missing, or weights cannot be fetched; each with its key.
    """
    missing, fetched = [], set()
    for key, backbone in _backbones(stages):
        name, source = backbone["name"], backbone["initial"]
        if source is None:
            continue
        if source != "imagenet":
            if not Path(source).is_file():
                missing.append(f"{key}={source}: no such file")
        elif facts_of(name).imagenet is None:
            known = ", ".join(each for each, facts in FACTS.items() if facts.imagenet)
            missing.append(f"{key}=imagenet: Keras has no weights of {name}, only of {known}; name a file")
        elif name not in fetched:
            try:
                fetch(name)
            except UserError as error:
                missing.append(f"{key}=imagenet: {error}")
            fetched.add(name)
    if missing:
        raise UserError(f"initial weights are missing: {'; '.join(missing)}. Name .weights.h5 or .keras files by --set "
                        "KEY=FILE (`python -m tfwsss.convert` makes them of published ones; Keras' own ImageNet "
                        "weights are fetched where the machine may reach them), or null for random weights")


def check_batches(stages: Sequence[Stage], devices: int) -> None:
    """Refuses batches that cannot be shared out evenly.

    Args:
        stages: those still to be made.
        devices: over which a batch is shared, of all processes.

    Raises:
        UserError: a batch size that is no multiple of them.

    Example:
    >>> check_batches([Stage("icd", "model", (), {"batch_size": 32}, dict)], 4)
    """
    for stage in stages:
        batch = stage.settings.get("batch_size")
        if stage.kind == "model" and batch and batch % devices:
            key = f"{stage.section or stage.name}.batch_size"
            raise UserError(f"{key}={batch} cannot be shared by {devices} devices; set it to "
                            f"{-(-batch // devices) * devices}, or another multiple of them")


def _backbones(stages: Sequence[Stage]) -> Iterator[tuple[str, Mapping]]:
    """Yields key and settings of each network that begins with weights, each key once: backbones, and transformers."""
    told = set()
    for stage in stages:
        part = "backbone" if stage.kind == "model" else "transformer" if stage.settings.get("affinity") else None
        key = f"{stage.section or stage.name}.{part}.initial"
        if part in stage.settings and key not in told:
            told.add(key)
            yield key, stage.settings[part]


def doubts(stages: Sequence[Stage], splits: Splits) -> list[str]:
    """Returns what makes a run unlikely to lead anywhere, with the cure.

    Args:
        stages: those still to be made.
        splits: of the run.

    Returns:
        Sentences; none where all is well.
    """
    trains = any(stage.kind == "model" for stage in stages)
    return [*(doubtful_classes(splits.training) if trains else []), *few_steps(stages, len(splits.training.names))]


def doubtful_classes(images: ImageSet) -> list[str]:
    """Returns which classes cannot be learnt from tags: those that all images show, or almost none.

    Args:
        images: to train on.

    Example:

    >>> from tfwsss.palette import voc_palette
    >>> names = ("a", "b", "c", "d", "e", "f")
    >>> cats = ImageSet(names, Path("pets"), ("background", "cat"), voc_palette(), dict.fromkeys(names, Path("x.jpg")),
    ...                 dict.fromkeys(names, (0,)), {})
    >>> doubtful_classes(cats)[0][:62]
    "all 6 training images show 'cat', so nothing tells what is not"
    """
    counts = [0] * images.num_classes
    for name in images.names:
        for label in images.labels[name]:
            counts[label] += 1
    found = []
    for label, count in enumerate(counts):
        shown = repr(images.classes[label + 1])
        if count == len(images.names):
            found.append(f"all {count} training images show {shown}, so nothing tells what is not {shown}; add "
                         "photographs without it, with an empty tag")
        elif 0 < count < FEW_IMAGES:
            found.append(f"only {count} of {len(images.names)} training images show {shown}; add photographs of it, or "
                         "do not expect masks of it")
    return found


def few_steps(stages: Sequence[Stage], count: int) -> list[str]:
    """Returns which trainings are too short.

    Args:
        stages: those still to be made.
        count: number of training images.

    Example:

    >>> stage = Stage("icd", "model", (), {"epochs": 8, "batch_size": 32}, dict)
    >>> few_steps([stage], 60)[0][:74]
    'icd trains for 16 steps (60 images, batches of 32, 8 epochs); fewer than 5'
    """
    found = []
    for stage in stages:
        epochs, batch = (stage.settings.get(key) for key in ("epochs", "batch_size"))
        if stage.kind == "model" and epochs and batch and (steps := epochs * -(-count // batch)) < FEW_STEPS:
            key = stage.section or stage.name
            found.append(f"{stage.name} trains for {steps} steps ({count} images, batches of {batch}, {epochs} "
                         f"epochs); fewer than {FEW_STEPS} hardly teach a network anything: "
                         f"--set {key}.epochs={-(-FEW_STEPS * 4 // -(-count // batch))} or smaller {key}.batch_size")
    return found
