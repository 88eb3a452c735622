"""Delimited text to cells, beside the reader of the standard library where both speak of the same."""

import csv
import io
from pathlib import Path

import pytest

from tfwsss.data.cells import delimiter_of, records, table_of
from tfwsss.errors import UserError

PATH = Path("labels.csv")


@pytest.mark.parametrize(("text", "delimiter"), [
    ("name,classes\na,cat\n", ","), ('a,"b, c"\n"d ""e""",f', ","), ("a;b\n\n c ;d\n", ";"), ("a\tb\nc", "\t"),
    ('a,"b\nc"\nd,e\n', ","), ("a,,\n,,\nb", ","), ("", ","), ("\n\n", ","), ('a, "b, c" ,d', ","), ('5" gun,a', ",")])
def test_as_the_standard_library_reads_it(text, delimiter):
    rows = [[cell.strip() for cell in row]
            for row in csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)]
    assert [row for _, row in records(PATH, text, delimiter)] == [row for row in rows if any(row)]


def test_lines_are_those_of_the_file():
    found = list(records(PATH, 'a\n\n"b\nc",d\ne', ","))
    assert found == [(1, ["a"]), (3, ["b\nc", "d"]), (5, ["e"])]


def test_quotes_round_a_part_of_a_cell_stay():
    (_, row), = records(PATH, 'a,"traffic sign" car', ",")
    assert row == ["a", '"traffic sign" car']


@pytest.mark.parametrize("text", ['name,classes\n"a,cat\n' + "b,dog\n" * 30_000, 'a,b\nc,"d', 'a,b\n"c,d\n"e,f"\n'])
def test_a_quote_that_is_never_closed(text):
    """However long the rest of the file, of which a quoted cell could be made."""
    with pytest.raises(UserError, match="labels.csv: line (2|3): .* opens a quote that is not closed"):
        list(records(PATH, text, ","))


def test_the_delimiter_is_that_of_the_header():
    assert [delimiter_of(line) for line in ("name,classes", "name;classes", "name\tclasses", "name", "a,b;c")] == \
        [",", ";", "\t", ",", ","]


def test_blanks_separate_where_nothing_else_does():
    """However many, as tables of published data sets are written; a name with blanks stands in quotes."""
    text = "images/a.png  1.0                 mono\nimages/b.png  0.3333333333333333  poly\n\n\"c 1.png\" 0.0 mono \n"
    assert table_of(PATH, text) == [
        (1, ["images/a.png", "1.0", "mono"]), (2, ["images/b.png", "0.3333333333333333", "poly"]),
        (4, ["c 1.png", "0.0", "mono"])]


@pytest.mark.parametrize(("text", "rows"), [
    ("beach 12,dog person\nsquare,person\n", [["beach 12", "dog person"], ["square", "person"]]),
    ("beach 12\nsquare\n", [["beach 12"], ["square"]]),              # not as many everywhere: names with blanks
    ("a b\tc d\ne f\tg h", [["a b", "c d"], ["e f", "g h"]]), ("a b\nc d,e", [["a b"], ["c d", "e"]]),
    ("a\nb\n", [["a"], ["b"]]), ("", [])])
def test_blanks_in_names_do_not_separate(text, rows):
    assert [row for _, row in table_of(PATH, text)] == rows


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"', "sep=;;;"])
def test_a_line_that_tells_the_sign_is_no_row(first):
    """As spreadsheets write it; lines count on, and another sign in the cells stays in them."""
    assert table_of(Path("t.csv"), f"{first}\na,1;b\nc;d\n") == [(2, ["a,1", "b"]), (3, ["c", "d"])]
    assert table_of(Path("t.csv"), "sep=x\na\n") == [(1, ["sep=x"]), (2, ["a"])]
