"""Which columns hold names and classes: told, titled, or known by their cells."""

from pathlib import Path

import pytest

from tfwsss.data.columns import Columns, choose_columns, untitled
from tfwsss.errors import UserError
from tfwsss.settings.sections import ColumnSettings

ROWS = [["1", "a.jpg", "cat"], ["2", "b.jpg", "dog"]]
IMAGES = {"a.jpg", "b.jpg", "a", "b"}


def choose(titles, rows, known=True, **settings):
    is_image = IMAGES.__contains__ if known else None
    return choose_columns(Path("t.csv"), titles, rows, ColumnSettings(**settings), is_image)


@pytest.mark.parametrize(("titles", "settings", "expected"), [
    (["", "File", "TAGS"], {}, Columns(1, 2)), (["", "picture", "what"], {}, Columns(1, 2)),
    (["id", "picture", "class"], {}, Columns(1, 2)), (["name", "picture", "class"], {}, Columns(1, 2)),
    (["id", "picture", "what"], {"classes": "what"}, Columns(1, 2)),
    (["a", "b", "c"], {"name": "B", "classes": "c"}, Columns(1, 2)),
    (["label", "file", "tag"], {"classes": "tag"}, Columns(1, 2))])
def test_titles_cells_and_settings(titles, settings, expected):
    assert choose(titles, ROWS, **settings) == expected


def test_columns_of_one_class_each():
    rows = [["a", "1", "0", "9"], ["b", "", "TRUE", "7"]]
    assert choose(["pic", "cat", "dog"], [row[:3] for row in rows]) == Columns(0, None, (1, 2))
    assert choose(["pic", "cat", "dog", "width"], rows, classes=["cat", "dog"]) == Columns(0, None, (1, 2))
    with pytest.raises(UserError, match="the first line is 'pic,cat,dog,width'; expected the header name,classes, or "
                                        "say which of its columns 'pic', 'cat', 'dog', 'width' .*data.columns.name="):
        choose(["pic", "cat", "dog", "width"], rows)
    with pytest.raises(UserError, match="two columns have the title 'cat'"):
        choose(["pic", "cat", "cat"], [row[:3] for row in rows])


@pytest.mark.parametrize(("titles", "known", "settings", "words"), [
    (["", "picture", "what"], False, {}, "expected the header name,classes"),
    (["id", "picture", "what"], True, {}, "data.columns.classes="),
    (["id", "name", "x"], True, {"name": "nmae"}, "data.columns.name: t.csv has no column 'nmae'; did you mean 'name'"),
    (["id", "name", "x"], True, {"classes": ["x", "y"]}, "data.columns.classes: t.csv has no column 'y'"),
    (["class", "name", "tag"], True, {}, "the columns 'class' and 'tag' may all hold classes; say which")])
def test_what_is_unclear_is_asked_for(titles, known, settings, words):
    with pytest.raises(UserError, match=words):
        choose(titles, ROWS, known, **settings)


def test_two_columns_that_name_images_leave_it_to_the_title():
    rows = [["a", "a.jpg", "cat"], ["b", "b.jpg", "dog"]]
    assert choose(["short", "file", "class"], rows).name == 1
    with pytest.raises(UserError, match="hold file names"):
        choose(["short", "long", "class"], rows)


SCORES = [["a.jpg", "0.7", "mono", "12"], ["b.jpg", "0,0", "poly", "13"]]


@pytest.mark.parametrize(("titles", "count", "settings", "expected"), [
    (["file", "defect", "kind"], 3, {}, Columns(0, None, (1,))),                       # the only numbers
    (["file", "label", "kind", "width"], 4, {}, Columns(0, None, (1,))),               # a title of classes among them
    (["file", "defect", "kind", "width"], 4, {"classes": "defect"}, Columns(0, None, (1,))),
    (["file", "defect", "kind", "dirt"], 4, {"classes": ["dirt", "defect"]}, Columns(0, None, (3, 1)))])
def test_columns_of_scores(titles, count, settings, expected):
    assert choose(titles, [row[:count] for row in SCORES], least=0.5, **settings) == expected


@pytest.mark.parametrize(("titles", "count", "words"), [
    (["file", "defect", "kind", "width"], 4, "data.columns.least: which column .*: 'defect', 'width'; name it"),
    (["file", "", "kind"], 3, "Of numbers alone are: none; name it, --set data.columns.classes=TITLE")])
def test_a_column_of_scores_is_asked_for(titles, count, words):
    with pytest.raises(UserError, match=words):
        choose(titles, [row[:count] for row in SCORES], least=0.5)


def test_columns_without_titles_are_shown_by_their_first_cells():
    words = r"has no header, .*which of column 1 \('a.jpg'\), column 2 \('0.7'\), column 3 \('mono'\) hold .*titles="
    with pytest.raises(UserError, match=words):
        choose(untitled(3), [row[:3] for row in SCORES])
    with pytest.raises(UserError, match=r"has no header, .*file \('a.jpg'\), score \('0.7'\)"):
        choose_columns(Path("t.csv"), ("file", "score", "kind"), [row[:3] for row in SCORES],
                       ColumnSettings(titles=("file", "score", "kind")), IMAGES.__contains__)
