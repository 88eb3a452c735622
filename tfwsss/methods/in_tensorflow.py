"""Files of images made in a process that runs TensorFlow, where this one trains under another back end of Keras.

What networks say of whole images, and what is decided of it, is compiled by
TensorFlow: one graph for all sizes, whatever trained the network.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfwsss import logs, methods
from tfwsss.errors import UserError
from tfwsss.methods.surveyed import look
from tfwsss.runs.stage import Context
from tfwsss.runs.team import Appointed
from tfwsss.settings import reading
from tfwsss.settings.sections import RunSettings


class InTensorFlow:
    """A process that is started when it is first needed and serves all stages of a run.

    Args:
        settings: of the run.
        folder: of the run.
    """

    def __init__(self, settings: RunSettings, folder: Path):
        self._settings, self._folder = settings, folder
        self._process: subprocess.Popen | None = None

    def __call__(self, stage: str, inputs: Mapping[str, Path], output: Path, names: Sequence[str]) -> dict[str, str]:
        """Makes the files of some images.

        Args:
            stage: its name; it was made by `runs.stage.infer`.
            inputs: finished artefacts by stage.
            output: its folder.
            names: of the images.

        Returns:
            Message for each that could not be used.

        Raises:
            UserError: as the stage itself, or the process was killed.
        """
        if self._process is None:
            self._process = self._start()
        answer = self._ask({"stage": stage, "output": str(output), "names": list(names),
                            "inputs": {name: str(path) for name, path in inputs.items()}})
        if "error" in answer:
            raise UserError(answer["error"])
        return answer["faults"]

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            with contextlib.suppress(OSError):           # it has ended by itself
                self._process.stdin.close()
            self._process.wait()
            self._process = None

    def _start(self) -> subprocess.Popen:
        process = subprocess.Popen([sys.executable, "-m", "tfwsss.methods.in_tensorflow"], text=True,
                                   env={**os.environ, "KERAS_BACKEND": "tensorflow"}, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)
        first = {"folder": str(self._folder), "settings": self._settings.model_dump(mode="json")}
        process.stdin.write(json.dumps(first) + "\n")
        return process

    def _ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        if not line:
            raise UserError(f"{question['stage']}: the process that makes it by TensorFlow ended with code "
                            f"{self._process.wait()}; its own lines above may say why; most likely for want of memory")
        return json.loads(line)


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
        question = json.loads(line)
        inputs = {name: Path(path) for name, path in question["inputs"].items()}
        context = Context.of(settings)._replace(team=Appointed(question["names"]))
        try:
            faults = stages[question["stage"]].work(context, inputs, Path(question["output"]))
            answer = {"faults": dict(faults)}
        except UserError as error:
            answer = {"error": str(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    return 0


def _end_with_parent(parent: int) -> None:
    """Ends this process in the midst of its work when the other one is gone."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
