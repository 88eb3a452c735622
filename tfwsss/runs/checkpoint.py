"""Training that can be killed: the state after each epoch, whole or not at all."""

import io
import json
from pathlib import Path
from typing import Protocol

import keras
import numpy as np

from tfwsss.artefacts.files import write_atomically
from tfwsss.errors import UserError

_KEPT = 2
"""Checkpoints kept: the newest and, should a disk have spoilt it, the one before."""


class Beside(Protocol):
    """What a training gathers outside of its network, and what is saved and found again with it."""

    FILE: str
    """Name of its file beside the trained network, with its ending."""

    def save(self, path: Path) -> None:
        """Writes all of it to one file, aside and then renamed."""

    def load(self, path: Path) -> None:
        """Takes what a file holds in place of its own; an ImageFault where the file is missing or broken."""


class EpochCheckpoint(keras.callbacks.Callback):
    """Saves weights, optimiser and history after each epoch, and finds them again.

    Each epoch's dropout is drawn anew from the seed and the epoch's number. With
    batches that are a function of seed and epoch too, a training that was killed
    and goes on ends with the weights that an unbroken one gives.

    Args:
        folder: where the checkpoints lie while training lasts.
        seed: start of the random choices.
        beside: what is kept with each checkpoint; None: nothing but the network.
        writes: whether this process writes; of several that train together one does, and all restore.

    Attributes:
        history: one dictionary of logs for each finished epoch.
    """

    def __init__(self, folder: Path, seed: int, beside: Beside | None = None, writes: bool = True):
        super().__init__()
        self.folder = Path(folder)
        self.seed, self.beside, self.writes = seed, beside, writes
        self.history: list[dict[str, float]] = []

    def restore(self, model: keras.Model) -> int:
        """Loads the newest checkpoint that is whole.

        Args:
            model: compiled model, whose variables are set in place.

        Returns:
            Number of finished epochs; 0 where there is no checkpoint.
        """
        model.optimizer.build(model.trainable_variables)
        for epoch in sorted(self._epochs(), reverse=True):
            try:
                history = json.loads(self._path(epoch, "json").read_text())
                values = _read(self._path(epoch, "npz"))
                if self.beside is not None:
                    self.beside.load(self._path_beside(epoch))
            except Exception:                   # spoilt, in whatever way: one before
                continue
            _fill(_state(model), values, self._path(epoch, "npz"))
            self.history = history
            return epoch
        return 0

    def on_epoch_begin(self, epoch, logs=None):
        """Draws this epoch's dropout from seed and epoch."""
        states = [variable for variable in self.model.variables if variable.path.endswith("seed_generator_state")]
        draws = np.random.default_rng([self.seed, epoch]).integers(0, 2**31, (len(states), 2))
        for state, draw in zip(states, draws, strict=True):
            state.assign(np.asarray(draw, state.dtype))

    def on_epoch_end(self, epoch, logs=None):
        """Writes the checkpoint aside, then renames it."""
        done = epoch + 1
        self.history.append({key: float(value) for key, value in (logs or {}).items()})
        if not self.writes:
            return
        buffer = io.BytesIO()                         # not by HDF5, which a full disk brings down
        np.savez(buffer, *(keras.ops.convert_to_numpy(variable) for variable in _state(self.model)))
        write_atomically(self._path(done, "npz"), buffer.getvalue())
        if self.beside is not None:
            self.beside.save(self._path_beside(done))
        write_atomically(self._path(done, "json"), json.dumps(self.history).encode())
        for old in self._epochs():
            if old <= done - _KEPT:
                self._path(old, "json").unlink(missing_ok=True)
                self._path(old, "npz").unlink(missing_ok=True)
                if self.beside is not None:
                    self._path_beside(old).unlink(missing_ok=True)

    def _path(self, epoch: int, suffix: str) -> Path:
        return self.folder / f"epoch-{epoch:04d}.{suffix}"

    def _path_beside(self, epoch: int) -> Path:
        stem, _, suffix = self.beside.FILE.rpartition(".")
        return self.folder / f"{stem}-{epoch:04d}.{suffix}"

    def _epochs(self) -> list[int]:
        return [int(path.stem[6:]) for path in self.folder.glob("epoch-*.json")]


def _state(model: keras.Model) -> list[keras.Variable]:
    """Returns all that changes in training: weights, statistics, random states, optimiser."""
    return [*model.variables, *model.optimizer.variables]


def _read(path: Path) -> list[np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        return [file[f"arr_{place}"] for place in range(len(file.files))]


def _fill(variables: list[keras.Variable], values: list[np.ndarray], path: Path) -> None:
    if [tuple(variable.shape) for variable in variables] != [value.shape for value in values]:
        raise UserError(f"{path}: is of another network; add --redo {path.parent.parent.name} to train it again")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
