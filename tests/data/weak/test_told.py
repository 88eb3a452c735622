import logging
from collections import Counter
from pathlib import Path

import pytest

from tfwsss.data.weak.told import Told
from tfwsss.errors import UserError
from tfwsss.logs import LOG


@pytest.fixture(autouse=True)
def _heard(monkeypatch):
    """A command that ran before in this process keeps the log from others' ears."""
    monkeypatch.setattr(LOG, "propagate", True)


def test_notes_are_counted_once_for_all(caplog):
    told = Told("data.boxes", Path("b.json"), "a form")
    told.others = 4
    told.note("a", Counter(clipped=2))
    told.note("b", {"clipped": 1, "odd": 1})
    told.fault("c", "c is torn")
    with caplog.at_level(logging.INFO, "tfwsss"):
        told.close(2, 9)
    assert [record.getMessage() for record in caplog.records] == [
        "data.boxes: labels of 2 of 9 images in b.json; 4 others that it names are not among them",
        "data.boxes: 3 clipped, the first of 'a'", "data.boxes: 1 odd, the first of 'b'",
        "data.boxes: 1 images go without. The first: c is torn"]


def test_most_must_be_usable():
    told = Told("data.points", Path("p.json"), "a form")
    with pytest.raises(UserError, match="data.points: p.json has no label of any of 9 images; expected a form"):
        told.close(0, 9)
    told.close(0, 9, needed=False)
    told.fault("a", "a is torn")
    told.close(1, 9)
    told.fault("b", "b is torn")
    with pytest.raises(UserError, match="the labels of 2 of 3 images cannot be used. The first: a is torn"):
        told.close(1, 9)
