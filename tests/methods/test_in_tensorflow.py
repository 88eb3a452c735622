"""Questions to the process that runs TensorFlow, here answered by a few lines; `tests/hosts` runs the real one."""

import subprocess
import sys
from pathlib import Path

import pytest

from tfwsss.errors import UserError
from tfwsss.methods import get
from tfwsss.methods.in_tensorflow import InTensorFlow

ANSWERS = """
import json, sys
first = json.loads(sys.stdin.readline())
for line in sys.stdin:
    asked = json.loads(line)
    if "stage" not in asked:
        print(json.dumps({"faults": {}}), flush=True)
        continue
    if asked["stage"] == "dies":
        sys.exit(3)
    told = f"{first['settings']['method']} {asked['inputs']['cam']} {asked['output']}"
    told = dict.fromkeys(asked["names"], told)
    print(json.dumps({"error": "no such weights"} if asked["stage"] == "refused" else {"faults": told}), flush=True)
"""


@pytest.fixture
def made(monkeypatch):
    """The thing, and what it has started: Python with the lines above in place of the module."""
    started, popen = [], subprocess.Popen

    def start(words, **options):
        assert words[1:] == ["-m", "tfwsss.methods.answering"] and options["env"]["KERAS_BACKEND"] == "tensorflow"
        started.append(popen([sys.executable, "-c", ANSWERS], **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    made = InTensorFlow(get("icd").config(method="icd"), Path("run"))
    yield made, started
    made.close()


def ask(made, stage="seeds"):
    return made(stage, {"cam": Path("run/cam")}, Path("run/seeds"), ("a", "b"))


def test_one_process_answers_all_and_ends(made):
    made, started = made
    assert not started                                         # nobody has asked yet
    made.score("cam", Path("run/cam"))
    made.choose_presence()
    expected = {name: "icd run/cam run/seeds" for name in "ab"}
    assert [ask(made), ask(made)] == [expected] * 2 and len(started) == 1
    made.close()
    assert started[0].returncode == 0
    made.close()


def test_mistakes_and_deaths_are_told(made):
    with pytest.raises(UserError, match="no such weights"):
        ask(made[0], "refused")
    with pytest.raises(UserError, match="dies: the process that makes it by TensorFlow ended with code 3"):
        ask(made[0], "dies")
