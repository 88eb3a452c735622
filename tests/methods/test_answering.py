"""What the process of TensorFlow does when it is asked; `tests/hosts` starts it."""

from pathlib import Path

from tfwsss.methods import answering
from tfwsss.runs.stage import Stage


def test_a_stage_works_on_the_names_that_are_asked_for():
    from tfwsss.methods import get

    heard = []

    def work(context, inputs, output):
        heard.append((context.team.own(lambda: ["all"]), context.seed, dict(inputs), output))
        return {"b": "torn"}

    settings = get("icd").config(method="icd", seed=3)
    question = {"stage": "cam", "names": ["a", "b"], "inputs": {"icd": "run/icd"}, "output": "run/cam"}
    found = answering._answer(question, settings, Path("run"), None, {"cam": Stage("cam", "scores", (), {}, work)})
    assert found == {"b": "torn"}
    assert heard == [(["a", "b"], 3, {"icd": Path("run/icd")}, Path("run/cam"))]
