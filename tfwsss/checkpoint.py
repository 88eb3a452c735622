"""Training that can be killed: the state after each epoch, whole or not at all."""

import json
import os
from pathlib import Path

import keras
import numpy as np

from tfwsss.artefacts import write_atomically

_KEPT = 2
"""Checkpoints kept: the newest and, should a disk have spoilt it, the one before."""


class EpochCheckpoint(keras.callbacks.Callback):
    """Saves weights, optimiser and history after each epoch, and finds them again.

    Each epoch's dropout is drawn anew from the seed and the epoch's number. With
    batches that are a function of seed and epoch too, a training that was killed
    and goes on ends with the weights that an unbroken one gives.

    Args:
        folder: where the checkpoints lie while training lasts.
        seed: start of the random choices.

    Attributes:
        history: one dictionary of logs for each finished epoch.
    """

    def __init__(self, folder: Path, seed: int):
        super().__init__()
        self.folder = Path(folder)
        self.seed = seed
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
                model.load_weights(self._path(epoch, "weights.h5"))
            except (OSError, ValueError, KeyError):   # a file that the disk spoilt: take the epoch before
                continue
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
        self.folder.mkdir(parents=True, exist_ok=True)
        aside = self.folder / "aside.weights.h5"
        self.model.save_weights(aside)
        os.replace(aside, self._path(done, "weights.h5"))
        write_atomically(self._path(done, "json"), json.dumps(self.history).encode())
        for old in self._epochs():
            if old <= done - _KEPT:
                self._path(old, "json").unlink(missing_ok=True)
                self._path(old, "weights.h5").unlink(missing_ok=True)

    def _path(self, epoch: int, suffix: str) -> Path:
        return self.folder / f"epoch-{epoch:04d}.{suffix}"

    def _epochs(self) -> list[int]:
        return [int(path.name[6:10]) for path in self.folder.glob("epoch-*.json")]
