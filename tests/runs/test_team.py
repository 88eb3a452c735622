"""A process alone, and one that is told what is its own."""

import pytest

from tfwsss.runs.team import Appointed, Team


def test_one_alone_agrees_with_itself():
    team = Team()
    assert team.first and team.exchange(3) == [3] and team.agree(lambda: "x") == "x"
    assert team.own(lambda: ("a", "b")) == ["a", "b"] and team.share == (0, 1)


def test_one_that_is_told_asks_nobody():
    assert Appointed(["b"]).own(lambda: pytest.fail("asked")) == ["b"]
