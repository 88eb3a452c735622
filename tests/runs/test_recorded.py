"""Stages that version 0.1.0 of commit 6875e85 has finished are finished still."""

import dataclasses
import json
from pathlib import Path

import pytest

from tests.support.fake_run import image_set
from tfwsss.errors import UserError
from tfwsss.refine.masks import as_they_are
from tfwsss.runs import runner
from tfwsss.runs.stage import Context, infer, refine, train
from tfwsss.settings.sections import CRFSettings, Settings
from tfwsss.training.fitting import FitSettings

RECORDS = json.loads((Path(__file__).parents[1] / "recorded" / "stage_records.json").read_text())
CONTEXT = Context(seed=3, mixed_precision=True)


class Worked(Exception):
    """A stage was not kept."""


def refuse(context, inputs, output):
    raise Worked(output.name)


@pytest.fixture
def images(tmp_path):
    return image_set(tmp_path / "data")


@pytest.fixture
def run(tmp_path) -> Path:
    """A run folder as that commit left it."""
    for name, record in RECORDS.items():
        (tmp_path / "run" / name).mkdir(parents=True)
        (tmp_path / "run" / name / "stage.json").write_text(json.dumps(record))
    return tmp_path / "run"


def stages(images, crf_version: int = 1) -> list:
    made = [refine("labels", images, kind="masks", settings=Settings(), function=as_they_are, arguments=("truth",)),
            train("net", images, settings=FitSettings(), epochs=1, needs=("labels",), build=None, batches=None),
            infer("crf", images, kind="masks", settings=CRFSettings(), needs=("net",), predict=None,
                  versions={"dense_crf": crf_version})]
    return [dataclasses.replace(stage, work=refuse) for stage in made]


def test_stages_finished_before_are_kept(run, images):
    before = {path: path.read_bytes() for path in run.rglob("*.json")}
    assert runner.run(stages(images), run, context=CONTEXT) == {}
    assert {path: path.read_bytes() for path in run.rglob("*.json")} == before


def test_stages_not_touched_keep_their_fingerprints(run, images):
    """Also where they are made anew."""
    made = [dataclasses.replace(stage, work=lambda *_: {}) for stage in stages(images)]
    runner.run(made, run.with_name("new"), context=CONTEXT)
    for name, record in RECORDS.items():
        found = json.loads((run.with_name("new") / name / "stage.json").read_text())
        assert {key: found[key] for key in record if key not in ("seconds", "finished")} == \
               {key: record[key] for key in record if key not in ("seconds", "finished")}


def test_another_version_of_a_numerical_layer_is_told(run, images):
    with pytest.raises(UserError, match="crf was made with dense_crf version 1, now 2; add --redo crf to make"):
        runner.run(stages(images, crf_version=2), run, context=CONTEXT)


def test_another_seed_is_told(run, images):
    with pytest.raises(UserError, match="labels was made with labels.seed = 3, now 0"):
        runner.run(stages(images), run, context=Context(mixed_precision=True))
