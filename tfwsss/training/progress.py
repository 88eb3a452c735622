"""What one sees on the terminal while a model trains."""

import time
from collections.abc import Callable, Mapping

import keras
import rich.console
import rich.progress

from tfwsss.logs import TimeLeft, clock_time


class Throughput:
    """Measures images a second over an epoch, without its first step, which waits for input or for tracing.

    Args:
        batch_size: images of a whole step, over all replicas.
        clock: returns seconds; tests replace it.

    Example:
    >>> seconds = iter([5.0, 6.0, 7.0])
    >>> rate = Throughput(batch_size=8, clock=lambda: next(seconds))
    >>> for step in range(3):
    ...     rate.step(step)
    >>> rate.images_per_second
    8.0
    """

    def __init__(self, batch_size: int, clock: Callable[[], float] = time.perf_counter):
        self._batch_size, self._clock = batch_size, clock
        self.begin()

    def begin(self) -> None:
        """Starts an epoch."""
        self._first: tuple[int, float] | None = None
        self._last = (0, 0.0)

    def step(self, batch: int) -> None:
        """Notes that the step of this number, counted in its epoch, has just ended."""
        self._last = (batch, self._clock())
        self._first = self._first or self._last

    @property
    def images_per_second(self) -> float | None:
        """Rate since the end of the epoch's first step; None before the second."""
        steps, seconds = (last - first for last, first in zip(self._last, self._first or self._last, strict=True))
        return steps * self._batch_size / seconds if seconds > 0 else None


class TrainingProgress(keras.callbacks.Callback):
    """Shows epoch, step, loss, images a second and the time left until the last epoch's end.

    On a terminal a bar; elsewhere (a log file, a pipe) one line an epoch and,
    in long epochs, one every half minute. Call `fit` with `verbose=0`.

    Args:
        title: what is trained.
        batch_size: images of a whole step, over all replicas.
        console: where to write; by default standard error.
    """

    def __init__(self, title: str, batch_size: int, console: rich.console.Console | None = None):
        super().__init__()
        self._title, self._console = title, console or rich.console.Console(stderr=True)
        self._rate, self._bar, self._task = Throughput(batch_size), None, None

    def on_train_begin(self, logs=None):
        """Shows the bar."""
        columns = (rich.progress.TextColumn("{task.description}", markup=False), rich.progress.BarColumn(),
                   rich.progress.MofNCompleteColumn(), rich.progress.TimeElapsedColumn(),
                   rich.progress.TextColumn("passed{task.fields[left]}  {task.fields[state]}"))
        self._bar = rich.progress.Progress(*columns, console=self._console, disable=not self._console.is_terminal)
        self._bar.start()
        self._task, self._left, self._written = None, None, time.monotonic()
        self._steps = self.params.get("steps")     # None where the input does not know its length

    def on_epoch_begin(self, epoch, logs=None):
        """Starts counting; a resumed training starts at its own epoch."""
        self._epoch, self._epochs, self._batch = epoch, self.params["epochs"], 0
        self._rate.begin()
        if self._task is None:
            self._task = self._bar.add_task("", total=None, state="", left="")
        total = self._steps and self._steps * self._epochs
        if self._left is not None and not self._second:
            self._left.begin_again()                # the first epoch's end traces what panels show
            self._second = True
        if self._left is None and total:
            self._left, self._second = TimeLeft(total - epoch * self._steps, clock=time.monotonic), False
        self._bar.update(self._task, description=self._where(), total=total, completed=epoch * (self._steps or 0))

    def on_train_batch_end(self, batch, logs=None):
        """Moves the bar."""
        self._rate.step(batch)
        if self._left is not None:
            self._left.add(batch - self._batch if batch else 1)
        self._batch, left = batch, self._time_left()
        self._bar.update(self._task, completed=self._epoch * (self._steps or 0) + batch + 1, left=left,
                         state=self._state(logs))
        if not self._console.is_terminal and time.monotonic() - self._written > 30:
            of = f"/{self._steps}" if self._steps else ""
            self._print(f"{self._where()} step {batch + 1}{of} {self._state(logs)}{left}")

    def on_epoch_end(self, epoch, logs=None):
        """Writes the line of an epoch where there is no bar; learns the number of steps."""
        self._steps = self._steps or self._batch + 1
        if not self._console.is_terminal:
            self._print(f"{self._where()} {self._state(logs)}{self._time_left()}")

    def on_train_end(self, logs=None):
        """Leaves the finished bar."""
        self._bar.stop()

    def __del__(self):
        if getattr(self, "_bar", None) is not None:
            self._bar.stop()                       # an interrupted fit never reaches on_train_end

    def _where(self) -> str:
        return f"{self._title}: epoch {self._epoch + 1}/{self._epochs}"

    def _time_left(self) -> str:
        seconds = None if self._left is None else self._left.seconds
        return "" if seconds is None else f", {clock_time(seconds)} left"

    def _state(self, logs: Mapping[str, float] | None) -> str:
        loss = f"loss {float(logs['loss']):.4g}" if logs and "loss" in logs else ""
        rate = self._rate.images_per_second
        return loss + (f", {rate:.3g} images/s" if rate else "")

    def _print(self, line: str) -> None:
        self._written = time.monotonic()
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)
