"""Columns of one class each: 1 and 0, or scores."""

from pathlib import Path

import pytest

from tfwsss.data.marks import are_scores, marked, number_of
from tfwsss.errors import UserError

TITLES = ["file", "scratch", "dent", "background"]


def marks(*cells, places=(1, 2), least=None):
    return marked(Path("t.csv"), [(7, ["a.jpg", *cells])], TITLES, places, least)[0]


@pytest.mark.parametrize(("cell", "number"), [
    ("90%", 0.9), ("2,5 %", 0.025), ("100%", 1), ("%", None), ("5%%", None), ("cat%", None),
    ("1", 1), ("0,5", 0.5), ("-1", -1), ("1e-3", 0.001), ("", None), ("nan", None), ("inf", None), ("cat", None),
    ("1_0", None), ("1.000,5", None), ("1,234", None), ("12,345,678", None), ("0,333", 0.333), ("1,23", 1.23)])
def test_numbers_with_point_and_comma(cell, number):
    assert number_of(cell) == number


@pytest.mark.parametrize(("cells", "scores"), [
    (["0.0", "1.0"], True), (["1", "0"], True), (["-1", "1"], True), (["2.5", "7"], True), (["3", "12"], False),
    (["90%", "10%"], True), (["1", "1.0"], False), (["0.5", "cat"], False), (["0.5", ""], False), ([], False)])
def test_numbers_that_are_hardly_names(cells, scores):
    assert are_scores(cells) is scores


def test_one_and_nought():
    assert marks("1", "0") == ("scratch",) and marks("TRUE", "1.0") == ("scratch", "dent") and marks("", "0") == ()
    assert marks("1", "0", "1", places=(1, 3)) == ("scratch",)
    with pytest.raises(UserError, match=r"line 7: '0.3' in the column 'dent'.* 1 or 0; where it holds scores, --set "
                                        r"data.columns.least=0.5"):
        marks("1", "0.3")
    assert marks("Yes", "no") == ("scratch",)
    with pytest.raises(UserError, match="line 7: 'some' in the column 'scratch'; a column of one class holds 1 or 0$"):
        marks("some", "0")


def test_a_score_counts_from_the_least_on():
    assert marks("0.5", "0.49", least=0.5) == ("scratch",)
    assert marks("-1", "0,0", least=0.0) == ("dent",)
    for cell in ("", "nan", "high"):
        with pytest.raises(UserError, match=f"line 7: '{cell}' in the column 'dent' is no number.*least=0.5"):
            marks("1", cell, least=0.5)


def test_some_image_shows_something():
    rows = [(2, ["a", "0.3", "0"]), (3, ["b", "0", "0.4"])]
    assert marked(Path("t.csv"), rows, TITLES, (1, 2), 0.4) == [(), ("dent",)]
    with pytest.raises(UserError, match="least=50: no image of t.csv shows .* highest score is 0.4; lower it"):
        marked(Path("t.csv"), rows, TITLES, (1, 2), 50.0)
    assert marked(Path("t.csv"), [(2, ["a", "0", ""])], TITLES, (1, 2)) == [()]
