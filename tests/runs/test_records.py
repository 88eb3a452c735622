"""Records of stages: what was made before goes on, is kept, or is refused with the key that differs."""

import dataclasses
import json

import pytest

from tfwsss.errors import UserError
from tfwsss.runs import records
from tfwsss.runs.stage import Stage

STAGE = Stage("a", "masks", (), {"x": 1}, dict)


def record(x=1):
    return {"name": "a", "kind": "masks", "needs": {}, "settings": {"x": x}, "fingerprint": f"print of {x}"}


def test_a_stage_begins_goes_on_and_is_kept(tmp_path):
    assert records.begin(STAGE, record(), tmp_path) is None
    (tmp_path / "one.png").write_bytes(b"x")
    before = records.begin(STAGE, record(), tmp_path)
    assert before == record() and "finished" not in before
    records.end(record(), 2.5, {"two": "torn"}, tmp_path)
    kept = records.begin(STAGE, record(), tmp_path)
    assert kept["finished"] and kept["seconds"] == 2.5 and kept["faults"] == {"two": "torn"}


def test_other_settings_are_refused_once_something_was_made(tmp_path):
    records.begin(STAGE, record(), tmp_path)
    assert records.begin(STAGE, record(2), tmp_path) is None              # nothing was made yet
    (tmp_path / "one.png").write_bytes(b"x")
    with pytest.raises(UserError, match="was made with a.x = 2, now 1; add --redo a"):
        records.begin(STAGE, record(), tmp_path)


@pytest.mark.parametrize("text", ["torn{", json.dumps({"name": "a"}), "[1]"])
def test_a_file_that_is_no_record_is_told(tmp_path, text):
    (tmp_path / "stage.json").write_text(text)
    with pytest.raises(UserError, match="delete its folder to make the stage again"):
        records.read_record(tmp_path / "stage.json")
    assert records.read_record(tmp_path / "none.json") is None


def test_what_is_made_from_other_stages_is_told_beforehand(tmp_path):
    """By their names; whether they still hold the same is known once the run comes to them."""
    stage = Stage("a", "masks", ("maps",), {"x": 1}, dict)
    made = {**record(), "needs": {"maps": "print of maps"}, "settings": {"x": 1, "seed": 0}}
    (tmp_path / "stage.json").write_text(json.dumps(made))
    assert records.difference(stage, 0, tmp_path) is None
    other = dataclasses.replace(stage, needs=("others",))
    assert "was made from another 'others'; add --redo a" in records.difference(other, 0, tmp_path)
    assert "was made as another kind of stage" in records.difference(dataclasses.replace(stage, needs=()), 0, tmp_path)
