"""What all tests of data share."""

import pytest

from tfwsss.logs import LOG


@pytest.fixture(autouse=True)
def _heard(monkeypatch):
    """A command that ran before in this process keeps the log from others' ears."""
    monkeypatch.setattr(LOG, "propagate", True)
