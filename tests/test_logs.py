import io
import logging
import os
import re
import subprocess
import sys
import types

import pytest
import rich.console

from tests.support.patience import PATIENCE
from tfwsss import logs
from tfwsss.logs import LOG


@pytest.fixture(autouse=True)
def console(monkeypatch):
    """Standard error as a pipe of its own; the log is left as it was found."""
    before, propagate, level = LOG.handlers[:], LOG.propagate, LOG.level
    pipe = rich.console.Console(file=io.StringIO(), force_terminal=False, width=200, soft_wrap=True)
    monkeypatch.setattr(logs, "CONSOLE", pipe)
    yield pipe
    for handler in set(LOG.handlers) - set(before):
        handler.close()
    LOG.handlers, LOG.propagate = before, propagate
    LOG.setLevel(level)


def test_the_log_of_a_run(tmp_path, console):
    logs.open_log(tmp_path)
    LOG.info("cam: %d of %d [bold]x[/]", 3, 7)
    LOG.debug("a detail")
    LOG.warning("жук")
    lines = (tmp_path / "log.txt").read_text(encoding="utf-8").splitlines()
    assert [re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ", "", line) for line in lines] == [
        "INFO cam: 3 of 7 [bold]x[/]", "DEBUG a detail", "WARNING жук"]
    shown = console.file.getvalue()
    assert "cam: 3 of 7 [bold]x[/]" in shown and "жук" in shown and "\x1b" not in shown and "detail" not in shown


def test_opening_again_doubles_nothing(tmp_path, console):
    """A second run in the same process writes to its own file only; the first is appended to when it comes back."""
    for folder in ("one", "two", "one"):
        (tmp_path / folder).mkdir(exist_ok=True)
        logs.open_log()
        logs.open_log(tmp_path / folder)
        LOG.info("in %s", folder)
    found = {folder: (tmp_path / folder / "log.txt").read_text() for folder in ("one", "two")}
    assert found["one"].count("in one") == 2 and found["two"].count("in two") == 1 and "in two" not in found["one"]
    assert console.file.getvalue().count("in two") == 1


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch, console):
    monkeypatch.chdir(tmp_path)
    logs.open_log()
    LOG.info("said")
    assert "said" in console.file.getvalue() and not list(tmp_path.iterdir())


@pytest.mark.parametrize("terminal", [False, True])
def test_items_pass_unchanged(monkeypatch, terminal):
    shown = rich.console.Console(file=io.StringIO(), force_terminal=terminal, width=100)
    monkeypatch.setattr(logs, "CONSOLE", shown)
    assert list(logs.track(iter("abc"), "cam", 3)) == ["a", "b", "c"]
    assert ("3/3" in shown.file.getvalue()) == ("cam" in shown.file.getvalue()) == terminal


def test_items_come_one_at_a_time():
    """What is tracked may be dear: nothing is taken before it is asked for."""
    taken = []
    items = logs.track((taken.append(item) or item for item in range(5)), "cam", 5)
    assert next(items) == 0 and taken == [0]


def test_a_pipe_hears_now_and_then(monkeypatch):
    seconds = iter(range(0, 1000, 6))                             # an item takes 6 s: a line after 18, 36, ...
    clock = types.SimpleNamespace(monotonic=lambda: float(next(seconds)))     # not the one that other threads read
    monkeypatch.setattr(logs, "time", clock)
    heard = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", lambda record: heard.append(record.getMessage()))
    monkeypatch.setattr(LOG, "handlers", [handler])               # other tests leave theirs
    monkeypatch.setattr(LOG, "propagate", False)
    monkeypatch.setattr(LOG, "level", logging.INFO)
    LOG.manager._clear_cache()
    list(logs.track(range(9), "cam", 9))
    assert heard == ["cam: 3 of 9, about 36 s left", "cam: 6 of 9, about 18 s left"]        # nothing at the end


class Clock:
    """Time that passes only where work says so."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


def estimates(monkeypatch, total: float, pieces, **how) -> list[tuple[int, float, float | None]]:
    """Returns (items done, seconds truly left, seconds estimated) of work given as pairs of seconds and cost."""
    clock, found = Clock(), []
    left = logs.TimeLeft(total, clock=clock.monotonic, **how)
    for done, (seconds, cost) in enumerate(pieces, 1):
        clock.now += seconds
        found.append((done, sum(other for other, _ in pieces[done:]), left.add(cost)))
    return found


SLOW_START = [(60.0, 1)] + [(1.0, 1)] * 99
UNLIKE = [(30.0, 1)] + [(0.5, 1)] * 19 + [(8.0, 16)] * 80             # the large photographs come last
IN_BATCHES = [piece for batch in range(20) for piece in [(40.0 if batch == 0 else 4.0, 1)] + [(0.01, 1)] * 7]


@pytest.mark.parametrize(("pieces", "how"), [(SLOW_START, {}), (UNLIKE, {}), (IN_BATCHES, {"together": 8})],
                         ids=["tracing", "sizes", "batches"])
def test_after_a_twentieth_estimates_are_within_a_factor_of_two(monkeypatch, pieces, how):
    total = sum(cost for _, cost in pieces)
    late = [(truth, guess) for done, truth, guess in estimates(monkeypatch, total, pieces, **how)
            if sum(cost for _, cost in pieces[:done]) >= total / 20 + how.get("together", 0) and truth > 4]
    assert late and all(guess is not None and truth / 2 <= guess <= 2 * truth for truth, guess in late)


def test_the_pace_of_all_that_passed_would_be_wrong_by_far(monkeypatch):
    """What the cases above guard against: the first step counted in, or photographs counted in place of pixels."""
    done, truth, guess = estimates(monkeypatch, 100, SLOW_START)[4]
    naive = (60 + 4) / 5 * 95
    assert (done, truth, guess) == (5, 95.0, 95.0) and naive > 12 * truth
    _, truth, guess = estimates(monkeypatch, 100, [(seconds, 1) for seconds, _ in UNLIKE])[19]
    assert guess < truth / 10


def test_tracking_goes_by_costs_and_names(monkeypatch, console):
    clock = Clock()
    monkeypatch.setattr(logs, "time", clock)
    monkeypatch.setattr(LOG, "handlers", [])
    logs.open_log()

    def work():
        for name, seconds in (("c", 90.0), ("a", 20.0), ("b", 40.0)):
            clock.now += seconds
            yield name, None

    list(logs.track(work(), "crf", 3, {"a": 2.0, "b": 4.0, "c": 3.0}))
    lines = [line.split(" ", 1)[1].strip() for line in console.file.getvalue().splitlines()]
    assert lines == ["crf: 1 of 3", "crf: 2 of 3, about 40 s left"]        # 10 seconds a unit, without the first


def test_quick_work_says_nothing(caplog, monkeypatch):
    monkeypatch.setattr(LOG, "propagate", True)
    with caplog.at_level(logging.INFO, "tfwsss"):
        list(logs.track(range(1000), "cam", 1000))
    assert not caplog.records


def test_tables_keep_their_lines(tmp_path, console):
    logs.open_log(tmp_path)
    table = "\n".join(["auto: [x]", "  " + "crop = 225 " * 30])
    logs.show(table)
    assert console.file.getvalue() == "".join(" " * 9 + line + "\n" for line in table.splitlines())
    assert table in (tmp_path / "log.txt").read_text("utf-8")


NOISE = """
import os, sys
from tfwsss import logs
try:
    with logs.quiet_loading():
        os.write(2, b"noise from below\\n")
        print("noise from above", file=sys.stderr)
        {inside}
except ImportError as error:
    print("caught", error, file=sys.stderr)
print("after", os.environ["TF_CPP_MIN_LOG_LEVEL"], file=sys.stderr)
"""


def loud(inside: str = "pass", level: str | None = None, **options) -> list[str]:
    """Returns what a process that loads something noisy leaves on standard error."""
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    environment |= {"TF_CPP_MIN_LOG_LEVEL": level} if level else {}
    done = subprocess.run([sys.executable, "-c", NOISE.format(inside=inside)], env=environment, text=True,
                          timeout=PATIENCE, stderr=subprocess.PIPE, **options)
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()


NOISES = ["noise from below", "noise from above"]


def test_loading_is_quiet():
    assert loud() == ["after 3"]


def test_a_failure_shows_all():
    assert loud("raise ImportError('no such file')") == [*NOISES, "caught no such file", "after 3"]


@pytest.mark.parametrize(("level", "shown"), [("0", NOISES), ("1", [])])
def test_the_user_may_want_the_noise(level, shown):
    assert loud(level=level) == [*shown, f"after {level}"]


def test_loading_without_standard_error():
    done = subprocess.run([sys.executable, "-c", "import os\nos.close(2)\nfrom tfwsss import logs\n"
                           "with logs.quiet_loading():\n    print('loaded')"], text=True, stdout=subprocess.PIPE)
    assert done.stdout == "loaded\n"


def test_what_was_told_before_is_not_told_again(tmp_path):
    logs.open_log(tmp_path)
    with pytest.raises(ValueError, match="x"), logs.told_before():
        LOG.warning("once more")
        LOG.error("a failure")
        raise ValueError("x")
    LOG.info("afterwards")
    lines = (tmp_path / "log.txt").read_text("utf-8").splitlines()
    assert [line.split(" ", 3)[-1] for line in lines] == ["a failure", "afterwards"]
