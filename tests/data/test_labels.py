"""Tables of tags as people and spreadsheets write them."""

import os

import pytest

from tfwsss.data.labels import label_indices, read_classes, read_lines, read_table
from tfwsss.errors import UserError

CLASSES = ("background", "cat", "polar bear", "зебра")


def table(tmp_path, text, classes=CLASSES, encoding="utf-8"):
    (tmp_path / "labels.csv").write_bytes(text.encode(encoding))
    return read_table(tmp_path / "labels.csv", classes)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_marks_and_line_ends(tmp_path, encoding, end):
    rows = table(tmp_path, end.join(["name,classes", "a,cat", "", "b 1,зебра cat", ""]), encoding=encoding)
    assert [(row.name, row.tags) for row in rows] == [("a", ("cat",)), ("b 1", ("зебра", "cat"))]
    assert [row.line for row in rows] == [2, 4]


@pytest.mark.parametrize(("text", "tags"), [
    ("name,classes\na,polar bear", ("polar bear",)),                          # the whole cell is a class
    ("name,classes\na,polar bear;cat\nb,polar bear", ("polar bear", "cat")),  # a mark anywhere decides
    ("name,classes\na,polar bear | cat", ("polar bear", "cat")),
    ("name;classes\na;cat зебра", ("cat", "зебра")),                          # spreadsheets of other countries
    ("name\tclasses\na\tpolar bear; cat", ("polar bear", "cat")),
    ('Name,note,Classes\na,"x, y",cat', ("cat",)),
    (",name,classes\n0,a,cat\n", ("cat",)),                                   # of a table that numbers its rows
    ("name,classes,,\na,cat,,\n", ("cat",)), ("name,classes\na,cat,,\n", ("cat",)),
    ("name,classes\na,", ()), ("name,classes\na", ()), ("name,classes\na,background", ()),
    ("name,classes\na,cat background", ("cat",))])
def test_separators(tmp_path, text, tags):
    assert table(tmp_path, text)[0].tags == tags


def test_without_known_classes_spaces_separate(tmp_path):
    rows = table(tmp_path, "name,classes\na,polar bear\nb,bear", None)
    assert [row.tags for row in rows] == [("polar", "bear"), ("bear",)]
    assert table(tmp_path, "name,classes\na,polar bear;cat\nb,polar bear", None)[1].tags == ("polar bear",)
    with pytest.raises(UserError, match="is 'polar bear' one class or two.*separate classes by ;"):
        table(tmp_path, "name,classes\na,polar bear\nb,cat", None)


@pytest.mark.parametrize("text", [
    'name,classes\na,"cat, dog"\nb,dog\nc,cat\nd,', 'name,classes\na,"cat,dog"\nb,dog\nc,cat\nd,""',
    "name,classes\na,\"['cat', 'dog']\"\nb,['dog']\nc,['cat']\nd,[]", "name;classes\na;cat, dog\nb;dog\nc;cat\nd;",
    "filename\tlabels\na\tcat,dog\nb\tdog\nc\tcat\nd\t", 'image;tags\n"a";"cat, dog"\n"b";"dog"\n"c";"cat"\n"d";""',
    "name,cat,dog\na,1,1\nb,0,1\nc,1,0\nd,0,0", "File;dog;cat\na;True;1\nb;1.0;\nc;;1\nd;0;0"])
def test_two_classes_in_one_cell(tmp_path, text):
    """By commas, as lists, in columns of spreadsheets, a column for each class: the same four rows."""
    rows = table(tmp_path, text, None)
    assert [(row.name, set(row.tags)) for row in rows] == [("a", {"cat", "dog"}), ("b", {"dog"}), ("c", {"cat"}),
                                                          ("d", set())]


@pytest.mark.parametrize("text", [
    "name,classes\na,Cat\nb,cat", "name,classes\na,a;b\nb,\"a, b\"", "name,classes\na,traffic sign car\nb,car",
    "name,classes\na,cat\nb,none", "name,classes\na,cat/dog", 'name,classes\n"a,cat\nb,dog\n', "name,cat,dog\na,1,2"])
def test_doubtful_tables_are_refused(tmp_path, text):
    with pytest.raises(UserError, match="labels.csv: "):
        table(tmp_path, text, None)


def test_composed_and_decomposed_letters_are_one(tmp_path):
    row = table(tmp_path, "name,classes\ncafe\u0301,cat")[0]
    assert row.name == "caf\u00e9"


@pytest.mark.parametrize(("text", "words"), [
    ("", "expected the header name,classes"), ("a,cat\nb,cat", "first line is 'a,cat'"),
    ("name,classes\n", "no row below"), ("name,classes\na,cat,dog", "line 2 has 3 cells, the header 2 titles"),
    ("name,classes,\na,cat,\nb,cat,зебра", "line 3 has 3 cells"), ("name,cat,\na,1,1", "line 2 has 3 cells"),
    ("name,classes,Classes\na,cat,зебра", "the columns 'classes' and 'Classes' may all hold classes"),
    ("name,tag,label\na,cat,", "'tag' and 'label'"),
    ("name,classes\n,cat", "line 2 names no image")])
def test_mistakes_are_told_with_their_line(tmp_path, text, words):
    with pytest.raises(UserError, match=words) as caught:
        table(tmp_path, text)
    assert "labels.csv" in str(caught.value)


def test_other_encodings_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"line 3: the class 'K\\\\xe4se' is not UTF-8 .*; save the file in UTF-8"):
        table(tmp_path, "name,classes\na,cat\nb,Käse", encoding="latin-1")
    with pytest.raises(UserError, match=r"byte 1 is not utf-8-sig; save the file in UTF-8"):
        (tmp_path / "classes.txt").write_text("Käse", "latin-1")
        read_classes(tmp_path / "classes.txt")
    with pytest.raises(UserError, match="cannot be read"):
        read_lines(tmp_path / "missing.txt")


def test_a_name_in_another_encoding_or_of_two_lines_is_one_row_of_others(tmp_path):
    """It is what the system gives for such a file, so that whoever looks for the image can say what is wrong."""
    rows = table(tmp_path, 'name,classes\nä,cat\n"two\nlines",cat\nb,cat', encoding="latin-1")
    assert [row.name for row in rows] == [os.fsdecode(b"\xe4"), "two\nlines", "b"]
    (tmp_path / "train.txt").write_bytes(b"a\n\xe4\n")
    assert read_lines(tmp_path / "train.txt", names=True) == ["a", os.fsdecode(b"\xe4")]


def test_a_tag_that_is_no_class_names_the_nearest(tmp_path):
    row, wrong = table(tmp_path, "name,classes\na,зебра cat\nb,Cat")
    assert label_indices(tmp_path, row, CLASSES) == (0, 2)
    with pytest.raises(UserError, match="line 3, 'b': 'Cat' is no class; did you mean 'cat'"):
        label_indices(tmp_path, wrong, CLASSES)


@pytest.mark.parametrize(("text", "classes"), [
    ("cat\npolar bear\n", ("background", "cat", "polar bear")), ("background\r\ncat\r\n", ("background", "cat")),
    ("1 euro\n2 euro", ("background", "1 euro", "2 euro")), ("0 degrees\n90 degrees", ("background", "0 degrees",
                                                                                      "90 degrees")),
    ("\ufeff__background__\ncat", ("background", "cat")), ("Background\n\n cat \n", ("background", "cat"))])
def test_class_names(tmp_path, text, classes):
    (tmp_path / "classes.txt").write_text(text, "utf-8")
    assert read_classes(tmp_path / "classes.txt") == classes


@pytest.mark.parametrize(("text", "words"), [("cat\nbackground", "line 2; mask id 0"), ("", "names no class"),
                                             ("background\n", "names no class"),
                                             ("_background_\ncat\nBackground", "line 3; mask id 0"),
                                             *((text, "its lines are numbered, such as '.*dog'; write the names alone")
                                               for text in ("0 cat\n1 dog", "0: cat\n1: dog", "1, cat\n2, dog"))])
def test_class_names_that_would_shift_the_ids(tmp_path, text, words):
    (tmp_path / "classes.txt").write_text(text, "utf-8")
    with pytest.raises(UserError, match=words):
        read_classes(tmp_path / "classes.txt")
