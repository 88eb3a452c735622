"""What TensorBoard shows of a training: scalars, the configuration, a step profile, panels of fixed images."""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfwsss.artefacts.drawing import draw_panel
from tfwsss.errors import ImageFault, UserError
from tfwsss.metrics.iou import Confusion, iou
from tfwsss.runs.scoring import count_mask
from tfwsss.training.progress import Throughput

Panel = tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]
"""Maps and masks of one image by title, as `artefacts.drawing.draw_panel` takes them."""


class TensorBoardLogs(keras.callbacks.TensorBoard):
    """Writes loss terms, learning rates and images a second, the configuration, and a step profile if asked.

    Tags are the same for every method: `epoch_<term>` and, every few steps,
    `batch_<term>` (the mean over the epoch so far, as Keras reports it);
    `learning_rate/base` and `learning_rate/<group>` for each of the optimiser's
    `multipliers`; `images_per_second`; `config` as text. No histograms.

    Args:
        log_dir: folder, one a stage; scalars go to its sub-folder `train`.
        batch_size: images of a whole step, over all replicas.
        config: what was configured, shown as a table.
        every: steps between two records.
        profile: first and last step of a profile, counted from 1 over all epochs; None for none.
    """

    def __init__(self, log_dir: Path, batch_size: int, config: Mapping[str, Any] | None = None, every: int = 10,
                 profile: tuple[int, int] | None = None):
        super().__init__(str(log_dir), histogram_freq=0, write_graph=False, update_freq=every,
                         profile_batch=tuple(profile) if profile else 0)
        self._config, self._every, self._rate, self._begun = config, every, Throughput(batch_size), False

    def on_train_begin(self, logs=None):
        """Writes the configuration."""
        super().on_train_begin(logs)
        self._begun = False
        if self._config is not None:
            with self._train_writer.as_default(), tf.summary.record_if(True):
                tf.summary.text("config", markdown_table(self._config), step=0)

    def on_epoch_begin(self, epoch, logs=None):
        """Goes on counting steps where an interrupted training stopped."""
        super().on_epoch_begin(epoch, logs)
        self._rate.begin()
        if not self._begun:
            self._begun = True
            optimizer = self.model.optimizer
            self._global_train_batch = int(keras.ops.convert_to_numpy(optimizer.iterations)) * \
                (optimizer.gradient_accumulation_steps or 1)

    def on_train_batch_end(self, batch, logs=None):
        """Writes the records of a step."""
        self._rate.step(batch)
        super().on_train_batch_end(batch, logs)
        if self._global_train_batch % self._every == 0:
            self._write({**self._learning_rates(), **self._speed()}, self._global_train_batch)

    def on_epoch_end(self, epoch, logs=None):
        """Writes the records of an epoch."""
        with _on_disk(), tf.summary.record_if(True):   # else Keras drops epochs that end between two records
            super().on_epoch_end(epoch, logs)
            self._write({f"epoch_{tag}": value for tag, value in self._speed().items()}, epoch)
            self._train_writer.flush()

    def _learning_rates(self) -> dict[str, float]:
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()                    # between two steps variables are empty there
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)     # loss scaling wraps it
        base = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
        factors = getattr(optimizer, "multipliers", None) or {}
        groups = {re.sub(r"[^-.\w]+", "_", str(name)): base * factor for name, factor in factors.items()}
        return {"learning_rate/base": base, **{f"learning_rate/{name}": rate for name, rate in groups.items()}}

    def _speed(self) -> dict[str, float]:
        rate = self._rate.images_per_second
        return {} if rate is None else {"images_per_second": rate}

    def _write(self, scalars: Mapping[str, float], step: int) -> None:
        with self._train_writer.as_default(), tf.summary.record_if(True):
            for tag, value in scalars.items():
                tf.summary.scalar(tag, value, step=step)


class Panels(keras.callbacks.Callback):
    """Draws fixed images after an epoch: image, maps, masks and the truth where there is one.

    Tags: `panel/<name>`; where true masks exist, `miou/<title>` of every kind
    of mask over the fixed images. An image that cannot be read is left out.

    Args:
        log_dir: folder of the stage; panels go to its sub-folder `panels`.
        images: image set whose names are the fixed images.
        predict: takes a name, returns maps by title and masks by title (see `artefacts.drawing.draw_panel`).
        every: epochs between two drawings.
    """

    def __init__(self, log_dir: Path, images: Any, predict: Callable[[str], Panel], every: int = 1):
        super().__init__()
        self._folder, self._images, self._predict, self._every = Path(log_dir, "panels"), images, predict, every
        self._writer = None

    def on_epoch_end(self, epoch, logs=None):
        """Draws and scores."""
        if (epoch + 1) % self._every:
            return
        self._writer = self._writer or tf.summary.create_file_writer(str(self._folder))
        counts: dict[str, Confusion] = {}
        with _on_disk(), self._writer.as_default(), tf.summary.record_if(True):
            for name in self._images.names:
                try:
                    panel = self._panel(name, counts)
                except ImageFault:
                    continue                       # the runner lists it among the faults
                tf.summary.image(f"panel/{name}", panel[None], step=epoch)
            for title, count in counts.items():
                if not np.isnan(score := iou(count, reduction="mean")):
                    tf.summary.scalar(f"miou/{title}", score, step=epoch)
            self._writer.flush()

    def on_train_end(self, logs=None):
        """Closes the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _panel(self, name: str, counts: dict[str, Confusion]) -> np.ndarray:
        """Draws one image and adds its masks to the counts."""
        images = self._images
        image = images.read_image(name)
        maps, masks = self._predict(name)
        if name in images.masks:
            for title, mask in masks.items():
                with contextlib.suppress(ImageFault):      # of another size: the scoring of the stage lists it
                    counts[title] = counts.get(title, Confusion.zeros(len(images.classes))) + count_mask(images, name,
                                                                                                        mask)
            masks = {**masks, "truth": images.read_mask(name)}
        return draw_panel(image, maps, masks, images.palette, images.classes)


@contextlib.contextmanager
def _on_disk() -> Iterator[None]:
    """Turns a failure to write events into one line for the user."""
    try:
        yield
    except tf.errors.OpError as error:
        if "events file" not in error.message:
            raise
        reason = error.message.splitlines()[0].split("}} ")[-1]
        raise UserError(f"TensorBoard: {reason}; free space on that disk and start again, or switch it off by "
                        "--set tensorboard.enabled=false") from error


def markdown_table(settings: Mapping[str, Any]) -> str:
    """Writes nested settings as a table of dotted keys, as `--set` takes them.

    Args:
        settings: nested mapping.

    Returns:
        Markdown.

    Example:
    >>> print(markdown_table({"method": "icd", "icd": {"epochs": 5}}))
    | key | value |
    |---|---|
    | method | icd |
    | icd.epochs | 5 |
    """
    return "\n".join(["| key | value |", "|---|---|", *(f"| {_cell(key)} | {_cell(value)} |"
                                                        for key, value in _flat(settings, ()))])


def _flat(settings: Mapping[str, Any], path: tuple[str, ...]) -> list[tuple[str, Any]]:
    pairs = []
    for key, value in settings.items():
        here = (*path, str(key))
        inner = isinstance(value, Mapping) and value
        pairs += _flat(value, here) if inner else [(".".join(here), value)]
    return pairs


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
