"""Folders as newcomers have them: each is read as it is meant, or refused with one line that holds the cure."""

import re

import pytest

from tests.data.tag_files.drawn import folder, put, read, shown
from tests.support.shared import shared_file
from tfwsss.errors import UserError
from tfwsss.settings.sections import ColumnSettings

TWO = {"a": {"dog"}, "b": {"cat"}}


@pytest.mark.parametrize("text", [
    "sep=;\r\nname;classes\r\na.png;dog\r\nb.png;cat\r\n",                                    # a spreadsheet's own line
    "image,label\nC:\\Users\\ann\\photos\\images\\a.png,dog\nC:\\Users\\ann\\photos\\images\\b.png,cat\n",
    "image,label\n/srv/photos/images/a.png,dog\n/srv/photos/images/b.png,cat\n",
    "image,label\nhttps://example.org/photos/a.png,dog\nhttps://example.org/photos/b.png?size=2#x,cat\n",
    "image,label\na.PNG,dog\nb.Png,cat\n", "image,label\nA.png,dog\nB,cat\n",
    "image,dog,cat\na.png,yes,no\nb.png,No,YES\n", "image,label,,\na.png,dog,,\nb.png,cat,,\n,,,\n",
    "Bild,Klassen\na.png,dog\nb.png,cat\n",
    "image,id,choice,annotator\n/data/upload/1/0a1b2c3d-a.png,1,dog,1\n/data/upload/1/1a1b2c3d-b.png,2,cat,1\n"])
def test_tables_that_are_read_as_they_are_meant(tmp_path, text):
    put(folder(tmp_path, "a", "b"), text, "labels.csv")
    assert shown(read(tmp_path)) == TWO


def test_the_longest_end_of_a_path_is_meant(tmp_path):
    put(folder(tmp_path, "a", "x/a", "x/y/a"), "image,label\n/srv/x/a.png,dog\n/srv/x/y/a.png,cat\n/srv/z/a.png,cow\n",
        "labels.csv")
    assert shown(read(tmp_path)) == {"x/a": {"dog"}, "x/y/a": {"cat"}, "a": {"cow"}}


@pytest.mark.parametrize("label", ["cat", "dog"])
def test_two_paths_that_end_in_one_image_are_refused(tmp_path, label):
    put(folder(tmp_path, "a", "b"), f"image,label\n/x/a.png,dog\n/y/a.png,{label}\nb,cat\n", "labels.csv")
    with pytest.raises(UserError, match="lines 2 and 3: both '/x/a.png' and '/y/a.png' may be the image 'a'"):
        read(tmp_path)


def test_capitals_count_where_they_tell_images_apart(tmp_path):
    folder(tmp_path, "a", "A", "b")
    put(tmp_path, "image,label\na.png,dog\nA.png,cat\nB.PNG,cat\n", "labels.csv")
    assert shown(read(tmp_path)) == {"a": {"dog"}, "A": {"cat"}, "b": {"cat"}}
    put(tmp_path, "image,label\na.PNG,dog\nb,cat\n", "labels.csv")
    with pytest.raises(UserError, match="'a.PNG' fits A and a"):
        read(tmp_path)


@pytest.mark.parametrize(("names", "text", "words"), [
    ("ab", "# labelled by ann\nname,classes\n# some are doubtful\na,dog\nb,cat\n", "the first line is '# labelled by "
     "ann', no header of the 2 columns below it; strike what stands before the header name,classes"),
    (("x/a", "y/b"), "name,classes\na.png,dog\nb.png,cat\n", "no image is named 'a.png', .*; if 'x/a' is meant, write "
     "it as here; or add the file"),
    ("ab", "name,cat,dog\na,2,0\nb,0,1\n", "--set data.columns.name=name --set data.columns.classes=..."),
    ("ab", "name,scratch\na,90%\nb,12.5 %\n", "the column 'scratch' holds numbers such as '90%', no names of classes; "
     "--set data.columns.least=0.5"),
    (("0001", "0010"), "name,classes\n1,dog\n10,cat\n", "no image is named '1', .*; if '0001' is meant, its zeros were "
     "lost: make the column one of text"),
    ("ab", "my file,split,dog,red cat\na,train,1,0\nb,val,0,1\n", "hold file names and classes: --set "
     "'data.columns.name=my file' --set 'data.columns.classes=[dog,red cat]'"),
    ("ab", "Nr,Bild,Klassen,Notiz\n1,a,dog,\n2,b,cat,x\n", "--set data.columns.name=Bild --set "
     "data.columns.classes=...")])
def test_tables_that_are_refused_with_the_cure(tmp_path, names, text, words):
    put(folder(tmp_path, *names), text, "labels.csv")
    with pytest.raises(UserError, match=re.escape(words).replace(r"\.\*", ".*")):
        read(tmp_path)


def test_the_columns_that_a_message_names_are_read(tmp_path):
    put(folder(tmp_path, "a", "b"), "file,split,dog,cat\na,train,1,0\nb,val,0,1\n", "labels.csv")
    assert shown(read(tmp_path, columns=ColumnSettings(name="file", classes=("dog", "cat")))) == TWO


@pytest.mark.parametrize(("names", "file", "words"), [
    (("photos/cat/a", "photos/dog/b"), "notes.txt", "or, if the folders in .*images/photos are classes, --set "
     "data.root=.*images/photos"),
    ("ab", "images/a.txt", "or, if the text files beside images are YOLO's, --set data.tags=images$"),
    (("cat/a", "dog/b", "z"), "notes.txt", "or, if the folders in .*images are classes, --set data.tags=folders$"),
    ("ab", "labels.xlsx", "labels.xlsx holds the tags, it is a workbook; save its sheet as 'CSV UTF-8' and name that"),
    ("ab", "labels.txt", "labels.txt holds the tags, --set data.tags=labels.txt"),
    ("ab", "annotations/tags.json", "tags.json holds the tags, --set data.tags=annotations/tags.json"),
    ("ab", "classes.txt", "one line for each image, such as a,cat dog$")])
def test_where_tags_may_be_instead(tmp_path, names, file, words):
    put(folder(tmp_path, *names), "{}", file)
    with pytest.raises(UserError, match=f"labels.csv: no such file; write a header name,classes .*{words}"):
        read(tmp_path)


def test_lists_of_windows(tmp_path):
    put(folder(tmp_path, "x/a", "x/b", "c"), "name,classes\nx\\a.png,dog\nx\\b.png,cat\nc,dog\n", "labels.csv")
    put(tmp_path, "\ufeffx\\a.png\r\nx\\b.png\r\n", "splits/try.txt")
    assert shown(read(tmp_path, split="try")) == {"x/a": {"dog"}, "x/b": {"cat"}}


def test_the_newcomers_two_words(tmp_path):
    """The message holds the classes.txt; written so, the table is read."""
    path = shared_file("cases/newcomer/twoword_labels.csv")
    names = re.findall(r"^(\w+),traffic", path.read_text("utf-8"), re.MULTILINE)
    put(folder(tmp_path, *names), path.read_bytes(), "labels.csv")
    with pytest.raises(UserError, match="one class or two. .* with the lines 'car', 'pedestrian', 'traffic sign'; if "
                                        "two") as caught:
        read(tmp_path)
    told = re.search("If one, write a classes.txt with the lines (.*?); if two", str(caught.value))[1]
    put(tmp_path, "\n".join(told.replace("'", "").split(", ")), "classes.txt")
    assert shown(read(tmp_path))["0016E5_07140"] == {"traffic sign", "pedestrian"}
    assert shown(read(tmp_path))["Seq05VD_f00540"] == {"traffic sign"}
