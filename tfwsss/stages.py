"""A stage reads finished artefacts and writes one; three builders make every stage there is."""

import concurrent.futures
import concurrent.futures.process
import contextlib
import dataclasses
import functools
import json
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfwsss import artefacts, logs
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault, UserError
from tfwsss.settings import RunSettings, Settings

Inputs = Mapping[str, Path]
"""Finished artefacts by stage name."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """One step of a method.

    Args:
        name: artefact folder.
        kind: `model`, `scores`, `masks` or `regions`.
        needs: stages whose artefacts this one reads.
        settings: all that changes the result, as JSON values.
        work: called with the finished inputs and the output folder; goes on where an earlier
            call was killed; returns a message for each image that could not be used.
        section: of the configuration, for messages; nothing means the name.
        split: images by which its files are judged: `training`, `pseudo` or `val`.
    """

    name: str
    kind: str
    needs: tuple[str, ...]
    settings: Mapping[str, Any]
    work: Callable[[Inputs, Path], Mapping[str, str]]
    section: str = ""
    split: str = "pseudo"


def train(name: str, images: ImageSet, config: RunSettings, *, settings: Settings, epochs: int, needs: Sequence[str],
          build: Callable[[Inputs, ImageSet], Any], batches: Callable[[Inputs, ImageSet, int], Any],
          usable: Callable[[Inputs], set[str]] | None = None,
          callbacks: Callable[[Path, Any, ImageSet], list] = lambda folder, model, images: []) -> Stage:
    """Makes a stage that fits a model.

    Args:
        name: of the stage.
        images: what to train on.
        config: the run's settings: devices, precision, seed.
        settings: of this stage.
        epochs: number of epochs.
        needs: stages to read.
        build: inputs and usable images to a compiled model; called inside the strategy's scope.
        batches: inputs, usable images and first epoch to one continuous `tf.data` stream of batches.
        usable: inputs to the names that have all that training needs; nothing means every name.
        callbacks: run folder, model and images to further callbacks.

    Returns:
        Stage of kind `model`: `model.keras` and `history.json`, one dictionary of logs an epoch.
    """
    work = functools.partial(_train, name, images, config, epochs, build, batches, usable, callbacks)
    return Stage(name, "model", tuple(needs), _facts(settings, images, config, mixed=config.mixed_precision), work)


def _train(name, images, config, epochs, build, batches, usable, callbacks, inputs: Inputs, output: Path) -> dict:
    import keras

    from tfwsss import distribute
    from tfwsss.checkpoint import EpochCheckpoint

    if usable is not None:
        names = usable(inputs)
        images = images.subset(name for name in images.names if name in names)
    keras.utils.set_random_seed(config.seed)
    strategy = distribute.strategy(config.devices)
    with distribute.precision(config.mixed_precision), strategy.scope():
        model = build(inputs, images)
        checkpoint = EpochCheckpoint(output / "checkpoint", config.seed)
        first = checkpoint.restore(model)
        if first:
            logs.LOG.info("%s: goes on after epoch %d of %d", name, first, epochs)
        if first < epochs:
            dataset = batches(inputs, images, first)
            steps = int(dataset.cardinality()) // (epochs - first)
            model.fit(dataset, initial_epoch=first, epochs=epochs, steps_per_epoch=steps, verbose=0, shuffle=False,
                      callbacks=[checkpoint, *callbacks(output.parent, model, images)])
        artefacts.write_model(output, model)
    artefacts.write_atomically(output / "history.json", json.dumps(checkpoint.history, indent=1).encode())
    shutil.rmtree(output / "checkpoint", ignore_errors=True)
    return {}


def infer(name: str, images: ImageSet, config: RunSettings, *, kind: str, settings: Settings, needs: Sequence[str],
          predict: Callable[[Inputs, Sequence[str]], Iterator[tuple[str, Any]]]) -> Stage:
    """Makes a stage that writes one file an image, computed in this process on its devices.

    Args:
        name: of the stage.
        images: what to make files of.
        config: the run's settings.
        kind: `scores`, `masks` or `regions`.
        settings: of this stage.
        needs: stages to read.
        predict: inputs (with this stage's own folder under its name) and the names still missing to pairs of
            name and what to write, or an `ImageFault`.

    Returns:
        Stage of that kind.
    """
    work = functools.partial(_infer, name, images, kind, predict)
    return Stage(name, kind, tuple(needs), _facts(settings, images, config), work)


def _infer(name, images: ImageSet, kind: str, predict, inputs: Inputs, output: Path) -> dict[str, str]:
    done = artefacts.finished(output, kind, images.names)
    missing = [image for image in images.names if image not in done]
    faults = {}
    pairs = predict({**inputs, name: output}, missing) if missing else ()
    for image, value in logs.track(pairs, name, len(missing)):
        if isinstance(value, ImageFault):
            faults[image] = str(value)
        else:
            _write(output, kind, image, value, images.palette)
    return faults


def refine(name: str, images: ImageSet, config: RunSettings, *, kind: str, settings: Settings,
           function: Callable[..., Any], arguments: Sequence[str], needs: Sequence[str] = ()) -> Stage:
    """Makes a stage that works on one image at a time in processes of its own, without Keras.

    Args:
        name: of the stage.
        images: what to make files of.
        config: the run's settings: number of workers.
        kind: `scores`, `masks` or `regions`.
        settings: of this stage; passed to the function as keywords.
        function: a function of a module under `refine`, or a `functools.partial` of one.
        arguments: what the function takes first: `image`, `labels`, `saliency`, `truth`, or `stage:kind` for an
            earlier stage's file of this image.
        needs: stages to read.

    Returns:
        Stage of that kind.
    """
    function = functools.partial(function, **settings.model_dump())
    work = functools.partial(_refine, name, images, config.workers, kind, function, tuple(arguments))
    return Stage(name, kind, tuple(needs), _facts(settings, images, config), work)


def _refine(name, images: ImageSet, workers: int, kind: str, function, arguments, inputs: Inputs, output: Path) -> dict:
    done = artefacts.finished(output, kind, images.names)
    missing = [image for image in images.names if image not in done]
    if not missing:
        return {}
    workers = min(workers or os.cpu_count() or 1, len(missing))
    task = functools.partial(_refine_one, images.subset(missing), kind, function, arguments, dict(inputs), output)
    pool = concurrent.futures.ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _prepare, (task,))
    with _one_thread_each(), pool:
        try:
            results = pool.map(_call, missing, chunksize=max(1, min(16, len(missing) // (4 * workers))))
            return {image: fault for image, fault in logs.track(results, name, len(missing)) if fault}
        except concurrent.futures.process.BrokenProcessPool:
            raise UserError(f"{name}: a worker process was killed, most likely for want of memory; "
                            "add --set workers=1 and start again: finished files are kept") from None
        finally:
            pool.shutdown(cancel_futures=True)


_TASK: Callable[[str], tuple[str, str | None]]


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Keeps the linear algebra of processes started inside to one thread: there is a process for each core."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _prepare(task) -> None:
    """Prepares a worker: keeps the task, leaves Ctrl-C to the parent, ends with the parent, computes on one core."""
    global _TASK
    _TASK = task
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import cv2

    cv2.setNumThreads(1)


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)


def _call(name: str) -> tuple[str, str | None]:
    return _TASK(name)


def _refine_one(images, kind, function, arguments, inputs, output, name: str) -> tuple[str, str | None]:
    try:
        value = function(*(_argument(images, inputs, what, name) for what in arguments))
    except ImageFault as fault:
        return name, str(fault)
    _write(output, kind, name, value, images.palette)
    return name, None


def _argument(images: ImageSet, inputs: Inputs, what: str, name: str) -> Any:
    own = {"image": images.read_image, "labels": images.labels.__getitem__, "saliency": images.read_saliency,
           "truth": images.read_mask}
    if what in own:
        return own[what](name)
    stage, _, kind = what.partition(":")
    readers = {"scores": artefacts.read_scores, "masks": artefacts.read_mask, "regions": artefacts.read_regions}
    return readers[kind](inputs[stage], name)


def _write(folder: Path, kind: str, name: str, value: Any, palette: np.ndarray) -> None:
    if kind == "masks":
        artefacts.write_mask(folder, name, value, palette)
    else:
        {"scores": artefacts.write_scores, "regions": artefacts.write_regions}[kind](folder, name, value)


def _facts(settings: Settings, images: ImageSet, config: RunSettings, **further: Any) -> dict[str, Any]:
    """Returns all that changes a stage's result, as JSON values."""
    return {**settings.facts(), "images": images.fingerprint(), "seed": config.seed, **further}
