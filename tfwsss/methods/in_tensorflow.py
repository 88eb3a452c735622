"""Files of images made in a process that runs TensorFlow, where this one trains under another back end of Keras.

What networks say of whole images, and what is decided of it, is compiled by
TensorFlow: one graph for all sizes, whatever trained the network.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfwsss.errors import UserError
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
        return self._ask({"stage": stage, "output": str(output), "names": list(names),
                          "inputs": {name: str(path) for name, path in inputs.items()}})["faults"]

    def score(self, stage: str, output: Path) -> None:
        """Scores a finished stage, as `methods.run.score` does.

        Args:
            stage: its name.
            output: its folder.
        """
        self._ask({"score": stage, "output": str(output)})

    def choose_presence(self) -> None:
        """Chooses how likely a class must be, as `methods.presence.choose_presence` does."""
        self._ask({"presence": True})

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            with contextlib.suppress(OSError):           # it has ended by itself
                self._process.stdin.close()
            self._process.wait()
            self._process = None

    def _start(self) -> subprocess.Popen:
        process = subprocess.Popen([sys.executable, "-m", "tfwsss.methods.answering"], text=True,
                                   env={**os.environ, "KERAS_BACKEND": "tensorflow"}, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)
        first = {"folder": str(self._folder), "settings": self._settings.model_dump(mode="json")}
        process.stdin.write(json.dumps(first) + "\n")
        return process

    def _ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        self._process = self._process or self._start()
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        if not line:
            raise UserError(f"{question.get('stage', 'scores')}: the process that makes it by TensorFlow ended with "
                            f"code {self._process.wait()}; its own lines above may say why; most likely for want of "
                            "memory")
        answer = json.loads(line)
        if "error" in answer:
            raise UserError(answer["error"])
        return answer
