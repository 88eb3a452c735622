"""Clocks for `train.py`: wall and processor time, and callbacks that halt `fit` to let other forms run."""

import statistics
import time

import keras

SKIPPED = 3                                                     # steps after a halt that do not count


class Clock:
    """Wall and processor seconds since it was made."""

    def __init__(self):
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self, parts=1):
        """Returns both, each over the number of parts."""
        return (time.perf_counter() - self._wall) / parts, (time.process_time() - self._cpu) / parts


def timed(call, repeats):
    """Seconds of one call, wall and processor."""
    clock = Clock()
    for _ in range(repeats):
        call()
    return clock.read(repeats)


def median(pairs):
    """Medians of wall and processor seconds."""
    return tuple(statistics.median(column) for column in zip(*pairs, strict=True))


class First(keras.callbacks.Callback):
    """Stands before the stage's callbacks and notes when they begin."""

    def on_train_batch_begin(self, batch, logs=None):
        """Before the stage's callbacks."""
        self.before = Clock()

    def on_train_batch_end(self, batch, logs=None):
        """Before the stage's callbacks."""
        self.after = Clock()


class Last(keras.callbacks.Callback):
    """Stands behind them; counts the steps of `fit`, and halts it for the other forms."""

    def __init__(self, first, watching, make_forms, turns, seconds):
        super().__init__()
        self.first, self.watching, self.make_forms = first, watching, make_forms
        self.turns, self.seconds = turns, seconds
        self.found, self.count, self.steps = {"fit": [], "callbacks": []}, 0, None

    def on_train_batch_begin(self, batch, logs=None):
        """Notes what the stage's callbacks took."""
        self.began = self.first.before.read()

    def on_train_batch_end(self, batch, logs=None):
        """Notes what they took, counts, and halts fit where a turn is full."""
        ended = self.first.after.read()
        self.count += 1
        if self.steps is None:
            self._prepare()
        elif self.count == SKIPPED:
            self.clock, self.spent = Clock(), []
        elif self.count > SKIPPED:
            self.spent.append(tuple(sum(pair) for pair in zip(self.began, ended, strict=True)))
        if self.steps and self.count == SKIPPED + self.steps:
            self.found["fit"].append(self.clock.read(self.steps))
            self.found["callbacks"].append(median(self.spent))
            for name, form in self.forms.items():
                self.found.setdefault(name, []).append(timed(form, self.steps))
            self.count = 0
            self.model.stop_training = len(self.found["fit"]) == self.turns

    def on_epoch_end(self, epoch, logs=None):
        """Lets the stage's callbacks end an epoch once more."""
        clock = Clock()                                         # of a second end: the first one traces
        for callback in self.watching:
            callback.on_epoch_end(epoch + 1, logs)
        self.found["end"] = [clock.read()]

    def _prepare(self):
        """Traces the forms after the first step of `fit`, which traces its own."""
        self.forms = self.make_forms()
        for form in self.forms.values():
            form()
        taken = timed(self.forms["network"], 1)[0]
        self.steps, self.count = max(1, round(self.seconds / taken)), 0
