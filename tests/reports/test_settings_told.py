"""Settings on the page of a run, as words."""

import json
import re

import pytest

from tests.support.fake_run import fake_run, loads
from tfwsss.reports.page import write_report


@pytest.fixture
def run(tmp_path, monkeypatch):
    run, images = fake_run(tmp_path)
    loads(monkeypatch, images)
    return run


def test_settings_of_the_data_are_told_as_words(run):
    """Sections key by key, lists without brackets; what is not set is left out, a score of 0 is not."""
    record = json.loads((run / "config.json").read_text())
    record["config"]["data"] = {
        "kind": "folder", "tags": None, "difficult": False, "negative": ["good", "<ok>"],
        "columns": {"titles": ["name", "defect", "module"], "name": None, "classes": "defect", "least": 0.0}}
    (run / "config.json").write_text(json.dumps(record))
    source = write_report(run).read_text(encoding="utf-8")
    told = dict(re.findall(r"<dt>data\.(.*?)</dt><dd>(.*?)</dd>", source))
    assert told == {"kind": "folder", "difficult": "no", "negative": "good, &lt;ok&gt;", "columns.titles":
                    "name, defect, module", "columns.classes": "defect", "columns.least": "0.0"}
