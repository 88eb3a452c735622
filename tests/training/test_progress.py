import io
import re
import types

import keras
import numpy as np
import pytest
import rich.console

from tfwsss.training.progress import Throughput, TrainingProgress


def fit(console, epochs=2, x=None, **settings):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    callback = TrainingProgress("icd", 2, console=console)
    x = np.zeros((6, 3)) if x is None else x
    model.fit(x, np.ones((6, 1)) if isinstance(x, np.ndarray) else None, batch_size=2, epochs=epochs, verbose=0,
              callbacks=[callback], **settings)
    return callback


@pytest.fixture
def pipe(monkeypatch):
    """On a machine where epochs take no time, or a line would come between."""
    monkeypatch.setattr("tfwsss.training.progress.time", types.SimpleNamespace(monotonic=lambda: 0.0))
    return rich.console.Console(file=io.StringIO(), force_terminal=False, width=200)


@pytest.fixture
def terminal():
    return rich.console.Console(file=io.StringIO(), force_terminal=True, width=200)


def test_a_pipe_gets_one_line_an_epoch(pipe):
    fit(pipe)
    lines = pipe.file.getvalue().splitlines()
    assert [line[:17] for line in lines] == ["icd: epoch 1/2 lo", "icd: epoch 2/2 lo"]
    assert "images/s" in lines[0] and lines[-1].endswith("0:00:00 left")
    assert "\x1b" not in pipe.file.getvalue()


def test_a_terminal_gets_a_bar_over_all_epochs(terminal):
    fit(terminal)
    text = terminal.file.getvalue()
    assert "6/6" in text and "icd: epoch 2/2" in text and "left" in text and "loss" in text


def test_a_resumed_training_starts_at_its_epoch(pipe, terminal):
    fit(pipe, epochs=4, initial_epoch=2)
    assert [line[:14] for line in pipe.file.getvalue().splitlines()] == ["icd: epoch 3/4", "icd: epoch 4/4"]
    fit(terminal, epochs=4, initial_epoch=2)
    assert "12/12" in terminal.file.getvalue()


def test_an_input_of_unknown_length_becomes_known(terminal):
    callback = TrainingProgress("icd", 2, console=terminal)
    callback.set_params({"epochs": 2, "steps": None})
    callback.on_train_begin()
    for epoch in range(2):
        callback.on_epoch_begin(epoch)
        for batch in range(3):
            callback.on_train_batch_end(batch, {"loss": 1.0})
        callback.on_epoch_end(epoch, {"loss": 1.0})
    callback.on_train_end()
    assert "6/6" in terminal.file.getvalue()


def test_long_epochs_speak_between(pipe, monkeypatch):
    seconds = iter(range(0, 10_000, 40))
    monkeypatch.setattr("tfwsss.training.progress.time", types.SimpleNamespace(monotonic=lambda: float(next(seconds))))
    fit(pipe, epochs=1)
    assert "icd: epoch 1/1 step 2/3 loss" in pipe.file.getvalue()


def test_brackets_in_a_title_are_not_markup(terminal):
    TrainingProgress("[red]x[/]", 2, console=terminal)
    callback = TrainingProgress("a[b]", 2, console=terminal)
    callback.set_params({"epochs": 1, "steps": 1})
    callback.on_train_begin()
    callback.on_epoch_begin(0)
    callback.on_train_end()
    assert "a[b]: epoch 1/1" in terminal.file.getvalue()


def test_throughput_counts_steps_that_run_together():
    seconds = iter([10.0, 12.0])
    rate = Throughput(8, clock=lambda: next(seconds))
    assert rate.images_per_second is None
    rate.step(3)
    assert rate.images_per_second is None
    rate.step(7)                                     # four steps in one call: steps_per_execution
    assert rate.images_per_second == 4 * 8 / 2.0
    rate.begin()
    assert rate.images_per_second is None


def left_of(lines: list[str]) -> list[int | None]:
    """Returns the seconds left that lines tell."""
    found = [re.search(r"(\d+):(\d\d):(\d\d) left$", line) for line in lines]
    return [match and int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3]) for match in found]


@pytest.mark.parametrize(("epochs", "steps"), [(20, 10), (2, 40), (71, 1)])
def test_time_left_does_not_count_tracing_in(monkeypatch, epochs, steps):
    """The first step takes a minute, and so does the first epoch's end; then steps take 2 s, ends of epochs 1 s."""
    clock = types.SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr("tfwsss.training.progress.time", clock)
    console = rich.console.Console(file=io.StringIO(), force_terminal=False, width=200)
    callback = TrainingProgress("icd", 2, console=console)
    callback.set_params({"epochs": epochs, "steps": steps})
    callback.on_train_begin()
    truths = []
    for epoch in range(epochs):
        callback.on_epoch_begin(epoch)
        for step in range(steps):
            clock.now += 60.0 if epoch == step == 0 else 2.0
            before = len(console.file.getvalue().splitlines())
            callback.on_train_batch_end(step, {"loss": 1.0})
            later = (epochs - epoch - 1) * (2.0 * steps + 1.0) + (steps - step - 1) * 2.0
            truths += [later] * (len(console.file.getvalue().splitlines()) - before)
        callback.on_epoch_end(epoch, {"loss": 1.0})
        truths.append((epochs - epoch - 1) * (2.0 * steps + 1.0))
        clock.now += 60.0 if epoch == 0 else 1.0
    told = left_of(console.file.getvalue().splitlines())
    late = [(truth, guess) for truth, guess in zip(truths, told, strict=True)
            if truth <= 0.95 * truths[0] and 0 < truth]
    assert late and all(guess is not None and truth / 2 <= guess <= 2 * truth for truth, guess in late)
