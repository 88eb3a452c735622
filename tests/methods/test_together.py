"""Two processes of a run, here threads: the first leads, the second does its part with the first one's settings."""

import json

import pytest

from tests.hosts.starting import free_port
from tests.runs.test_several import together
from tests.support.patience import PATIENCE
from tests.support.tiny_run import draw_tiny_folder, write_config
from tfwsss.methods import get
from tfwsss.methods.run import read_settings
from tfwsss.methods.surveyed import look
from tfwsss.methods.together import follow, lead
from tfwsss.runs.hosts import Place
from tfwsss.runs.several import Several


@pytest.mark.parametrize("sets", [(), ("seed=7",)])
def test_both_do_their_part_of_a_stage(tmp_path, sets):
    data = draw_tiny_folder(tmp_path / "data")
    config = write_config(tmp_path / "c.yaml", data, "retrain")
    settings, folder, port = read_settings("retrain", config, ()), tmp_path / "run", free_port()
    folder.mkdir()
    splits, _, _ = look(settings, folder)
    stages, heard = get("retrain").stages(settings, splits), []

    def team(rank):
        return Several(Place(rank, 2, "127.0.0.1", port), patience=PATIENCE)

    found = together([
        lambda: lead(stages, settings, folder, team(0), {}, "labels", lambda stage, output: heard.append(stage.name),
                     lambda: heard.append("end")),
        lambda: follow(read_settings("retrain", config, sets), folder, team(1), "labels")])
    assert found == [{}, ({}, {})] and heard == ["labels", "end"]
    assert len(list((folder / "labels").rglob("*.png"))) == 12
    assert json.loads((folder / "labels" / "stage.json").read_text())["settings"]["seed"] == 0
