"""A stage reads finished artefacts and writes one; three builders make every stage there is."""

import dataclasses
import functools
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfwsss import logs
from tfwsss.artefacts.files import finished, write_atomically
from tfwsss.artefacts.marginals import write_marginals
from tfwsss.artefacts.masks import read_mask, write_mask
from tfwsss.artefacts.regions import read_regions, write_regions
from tfwsss.artefacts.saliency import read_saliency, write_saliency
from tfwsss.artefacts.scores import read_scores, write_scores
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault, UserError
from tfwsss.runs.context import Context
from tfwsss.runs.pixels import pixels_of
from tfwsss.runs.workers import work_on_each
from tfwsss.settings.sections import Settings

Inputs = Mapping[str, Path]
"""Finished artefacts by stage name."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """One step of a method.

    Args:
        name: artefact folder.
        kind: `model`, `scores` (class maps), `probabilities` (in the same form), `masks`, `regions`, `marginals` or
            `saliency`; `corrections` are given and never made.
        needs: stages whose artefacts this one reads.
        settings: all of its own that changes the result, as JSON values; the runner adds the seed.
        work: called with the run's context, the finished inputs and the output folder; goes on where an earlier call
            was killed; returns a message for each image that could not be used.
        section: of the configuration, for messages; empty: the name.
        split: images by which its files are judged: `training`, `pseudo` or `val`.
        alone: each of its files comes of one image alone. truth: it reads true masks. trained: it learns, if a model.
    """

    name: str
    kind: str
    needs: tuple[str, ...]
    settings: Mapping[str, Any]
    work: Callable[[Context, Inputs, Path], Mapping[str, str]]
    section: str = ""
    split: str = "pseudo"
    alone: bool = True
    truth: bool = False
    trained: bool = True


def train(name: str, images: ImageSet, *, settings: Settings, epochs: int, needs: Sequence[str],
          build: Callable[[Context, Inputs, ImageSet], Any], batches: Callable[[Context, Inputs, ImageSet, int], Any],
          usable: Callable[[Inputs], set[str]] | None = None,
          callbacks: Callable[[Context, Path, Any, ImageSet], list] = lambda context, run, model, images: [],
          beside: Callable[[Any], Any] = lambda model: None, versions: Mapping[str, int] | None = None) -> Stage:
    """Makes a stage that fits a model.

    Args:
        name: of the stage.
        images: what to train on.
        settings: of this stage.
        epochs: number of epochs.
        needs: stages to read.
        build: context, inputs and usable images to a compiled model; called inside the strategy's scope.
        batches: context, inputs, usable images and first epoch to one continuous `tf.data` stream of batches.
        usable: inputs to the names that have all that training needs; None: every name.
        callbacks: context, run folder, model and images to further callbacks.
        beside: compiled model to what it gathers outside of its network, a `runs.checkpoint.Beside`: kept with the
            checkpoints, and at last as a file beside the network; or to None.
        versions: numerical layer to its version, of all that the result depends on.

    Returns:
        Stage of kind `model`: `model.keras` and `history.json`, one dictionary of logs an epoch.
    """
    work = functools.partial(_train, name, images, epochs, build, batches, usable, callbacks, beside)
    return Stage(name, "model", tuple(needs), _facts(settings, images, versions), work)


def _train(name, images, epochs, build, batches, usable, callbacks, beside, context: Context, inputs: Inputs,
           output: Path) -> dict[str, str]:
    import keras

    from tfwsss.artefacts.models import write_model
    from tfwsss.runs import devices
    from tfwsss.runs.checkpoint import EpochCheckpoint

    if usable is not None:
        names = usable(inputs)
        images = images.subset(name for name in images.names if name in names)
    keras.utils.set_random_seed(context.seed)
    strategy = devices.strategy(context.devices)
    with devices.precision(context.mixed_precision), strategy.scope():
        model = build(context, inputs, images)
        gathered = beside(model)
        checkpoint = EpochCheckpoint(output / "checkpoint", context.seed, gathered, context.team.first)
        first = checkpoint.restore(model)
        _check_alike(name, context.team.exchange(first))
        if first:
            logs.LOG.info("%s: goes on after epoch %d of %d", name, first, epochs)
        if first < epochs:
            dataset = batches(context, inputs, images, first)
            steps = int(dataset.cardinality()) // (epochs - first)
            model.fit(dataset, initial_epoch=first, epochs=epochs, steps_per_epoch=steps, verbose=0, shuffle=False,
                      callbacks=[checkpoint, *callbacks(context, output.parent, model, images)])
        if not context.team.first:
            return {}
        if gathered is not None:
            gathered.save(output / gathered.FILE)
        write_model(output, model)
    write_atomically(output / "history.json", json.dumps(checkpoint.history, indent=1).encode())
    shutil.rmtree(output / "checkpoint", ignore_errors=True)
    return {}


def _check_alike(name: str, epochs: Sequence[int]) -> None:
    """Refuses processes that have found different checkpoints: they would wait for each other without end."""
    if len(set(epochs)) > 1:
        raise UserError(f"{name}: process 0 goes on after epoch {epochs[0]}, others after {epochs[1:]}; the run folder "
                        "must be one that all processes share")


def infer(name: str, images: ImageSet, *, kind: str, settings: Settings, needs: Sequence[str],
          predict: Callable[[Inputs, Sequence[str]], Iterator[tuple[str, Any]]],
          versions: Mapping[str, int] | None = None, together: int | None = None) -> Stage:
    """Makes a stage that writes one file an image, computed in this process on its devices.

    Args:
        name: of the stage.
        images: what to make files of.
        kind: `scores`, `masks`, `regions` or `marginals`.
        settings: of this stage.
        needs: stages to read.
        predict: inputs (with this stage's own folder under its name) and the names still missing to pairs of
            name and what to write, or an `ImageFault`.
        versions: numerical layer to its version, of all that the result depends on.
        together: images that are computed at once, on canvases of one size; None: one by one, as large as they are.

    Returns:
        Stage of that kind.
    """
    work = functools.partial(_infer, name, images, kind, predict, together)
    return Stage(name, kind, tuple(needs), _facts(settings, images, versions), work)


def _infer(name, images: ImageSet, kind: str, predict, together: int | None, context: Context, inputs: Inputs,
           output: Path) -> dict[str, str]:
    missing = context.team.own(lambda: _missing(images, kind, output))
    if missing and context.elsewhere is not None:
        return context.elsewhere(name, inputs, output, missing)
    faults: dict[str, str] = {}
    pairs = predict({**inputs, name: output}, missing) if missing else ()
    costs = None if together else pixels_of(images, missing)
    for image, value in logs.track(pairs, name, len(missing), costs, together or 1):
        if isinstance(value, ImageFault):
            faults[image] = str(value)
        else:
            _write(output, kind, image, value, images.palette)
    return faults


def refine(name: str, images: ImageSet, *, kind: str, settings: Settings, function: Callable[..., Any],
           arguments: Sequence[str], needs: Sequence[str] = (), versions: Mapping[str, int] | None = None) -> Stage:
    """Makes a stage that works on one image at a time in processes of its own, without Keras.

    Args:
        name: of the stage.
        images: what to make files of.
        kind: `scores`, `masks`, `regions` or `saliency`.
        settings: of this stage; passed to the function as keywords.
        function: a function of a module under `refine`, or a `functools.partial` of one.
        arguments: what the function takes first: `image`, `labels`, `saliency`, `truth`, or `stage:kind` for an
            earlier stage's file of this image.
        needs: stages to read.
        versions: numerical layer to its version, of all that the result depends on.

    Returns:
        Stage of that kind.
    """
    function = functools.partial(function, **settings.model_dump())
    work = functools.partial(_refine, name, images, kind, function, tuple(arguments))
    return Stage(name, kind, tuple(needs), _facts(settings, images, versions), work, truth="truth" in arguments)


def _refine(name, images: ImageSet, kind: str, function, arguments, context: Context, inputs: Inputs,
            output: Path) -> dict[str, str]:
    missing = context.team.own(lambda: _missing(images, kind, output))
    if not missing:
        return {}
    task = functools.partial(_refine_one, images.subset(missing), kind, function, arguments, dict(inputs), output)
    return work_on_each(task, missing, context.workers, name, pixels_of(images, missing))


def _refine_one(images, kind, function, arguments, inputs, output, name: str) -> str | None:
    try:
        value = function(*(_argument(images, inputs, what, name) for what in arguments))
    except ImageFault as fault:
        return str(fault)
    _write(output, kind, name, value, images.palette)
    return None


def _argument(images: ImageSet, inputs: Inputs, what: str, name: str) -> Any:
    own = {"image": images.read_image, "labels": images.labels.__getitem__, "saliency": images.read_saliency,
           "truth": images.read_mask}
    if what in own:
        return own[what](name)
    stage, _, kind = what.partition(":")
    readers = {"scores": read_scores, "masks": read_mask, "regions": read_regions, "saliency": read_saliency}
    return readers[kind](inputs[stage], name)


def _missing(images: ImageSet, kind: str, output: Path) -> list[str]:
    """Returns the names of which there is no file yet, in their order."""
    done = finished(output, kind, images.names)
    return [name for name in images.names if name not in done]


def _write(folder: Path, kind: str, name: str, value: Any, palette: np.ndarray) -> None:
    if kind == "masks":
        write_mask(folder, name, value, palette)
    else:
        writers = {"scores": write_scores, "probabilities": write_scores, "regions": write_regions,
                   "marginals": write_marginals, "saliency": write_saliency}
        writers[kind](folder, name, value)


def _facts(settings: Settings, images: ImageSet, versions: Mapping[str, int] | None) -> dict[str, Any]:
    """Returns all of a stage's own that changes its result; a record without a layer's version means the first."""
    later = {layer: version for layer, version in (versions or {}).items() if version > 1}
    return {**settings.facts(), "images": images.fingerprint(), **({"versions": later} if later else {})}
