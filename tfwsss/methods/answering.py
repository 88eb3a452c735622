"""The process that computes by TensorFlow what `methods.in_tensorflow` asks for."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfwsss import logs, methods
from tfwsss.data.sources import Splits
from tfwsss.errors import UserError
from tfwsss.methods import run
from tfwsss.methods.opened import load_run
from tfwsss.methods.presence import choose_presence
from tfwsss.methods.surveyed import look
from tfwsss.runs.stage import Context, Stage
from tfwsss.runs.team import Appointed
from tfwsss.settings import reading
from tfwsss.settings.sections import RunSettings


def main() -> int:
    """Answers one question after another, until the other side is gone.

    Returns:
        Exit code.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)                                    # what others print is no answer
    signal.signal(signal.SIGINT, signal.SIG_IGN)     # Ctrl-C is the other side's
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    first = json.loads(sys.stdin.readline())
    logs.open_log()
    folder = Path(first["folder"])
    settings = reading.build(methods.get(first["settings"]["method"]).config, first["settings"], "the run's settings")
    with logs.told_before():
        splits, _, _ = look(settings, folder)
        stages = {stage.name: stage for stage in methods.get(settings.method).stages(settings, splits)}
    for line in sys.stdin:
        try:
            answer = {"faults": _answer(json.loads(line), settings, folder, splits, stages)}
        except UserError as error:
            answer = {"error": str(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    return 0


def _answer(question: Mapping[str, Any], settings: RunSettings, folder: Path, splits: Splits,
            stages: Mapping[str, Stage]) -> dict[str, str]:
    """Does what is asked for; returns the message of each image that could not be used."""
    if "presence" in question:
        choose_presence(load_run(folder), splits.training)
        return {}
    if "score" in question:
        run.score(folder, stages[question["score"]], Path(question["output"]), splits)
        return {}
    inputs = {name: Path(path) for name, path in question["inputs"].items()}
    context = Context.of(settings)._replace(team=Appointed(question["names"]))
    return dict(stages[question["stage"]].work(context, inputs, Path(question["output"])))


def _end_with_parent(parent: int) -> None:
    """Ends this process in the midst of its work when the other one is gone."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
