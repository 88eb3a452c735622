"""Tables as people and spreadsheets write them: any titles, no titles, one line a tag, encodings, what is unclear."""

import re

import pytest

from tests.data.tag_files.drawn import folder, put, read, shown
from tests.support.shared import shared_file
from tfwsss.data.tag_files.tables import names_image, read_tag_table
from tfwsss.errors import UserError
from tfwsss.settings.sections import ColumnSettings

FOUR = {"a": {"cat"}, "b": {"cat", "dog"}, "c": {"dog"}, "d": set()}


@pytest.mark.parametrize(("name", "text"), [
    ("tags.csv", "picture,what\na.png,cat\nb.png,cat;dog\nc.png,dog\nd.png,\n"),
    ("tags.tsv", "picture\twhat\na.png\tcat\nb.png\tcat, dog\nc.png\tdog\nd.png\t\n"),
    ("x.csv", '\ufefffilename;labels\r\n"a.png";"cat"\r\n"b.png";"cat, dog"\r\n"c.png";"dog"\r\n"d.png";""\r\n'),
    ("onehot.csv", "file,cat,dog\na,1,0\nb,1,1\nc,0,1\nd,0,0\n"),
    ("no header.csv", "a.png,cat\nb.png,cat;dog\nc.png,dog\nd.png,\n"),
    ("one line a tag.csv", "image,class\nb,dog\na,cat\nb,cat\nc,dog\nd,\n"),
    ("boxes.csv", "filename,width,height,class,xmin\na.png,9,9,cat,1\nb.png,9,9,cat,2\nb.png,9,9,dog,3\n"
                  "b.png,9,9,dog,4\nc.png,9,9,dog,5\nd.png,9,9,,\n"),
    ("paths.csv", "id,path,class\n1,images\\a.png,cat\n2,/images/b.png,cat;dog\n3,./c.png,dog\n4,d,\n")])
def test_tables_that_tell_the_same(tmp_path, name, text):
    put(folder(tmp_path), text, name)
    assert shown(read(tmp_path)) == FOUR


def test_columns_that_are_named(tmp_path):
    put(folder(tmp_path), "id,pic,what,who\n1,a,cat,x\n2,b,cat;dog,y\n3,c,dog,z\n4,d,,x\n", "x.csv")
    with pytest.raises(UserError, match="say which of its columns 'id', 'pic', 'what', 'who' hold file names"):
        read(tmp_path)
    assert shown(read(tmp_path, columns=ColumnSettings(classes="what"))) == FOUR


@pytest.mark.parametrize("case", ["excel_header_labels.csv", "onehot_labels.csv", "metadata.jsonl"])
def test_the_newcomers_tables(tmp_path, case):
    path = shared_file(f"cases/newcomer/{case}")
    names = re.findall(r"[\w_]+\.jpg", path.read_text("utf-8-sig"))
    put(folder(tmp_path, *names), path.read_bytes(), case)
    images = read(tmp_path)
    assert len(images.names) == 11 and shown(images)["0001TP_008790"] == {"car", "pedestrian"}
    assert shown(images)["Seq05VD_f00540"] == set()


@pytest.mark.parametrize(("text", "words"), [
    ("image,class\na,cat\na,dog;cat\nb,cat\nc,cat\nd,", "lines 2 and 3 label 'a' differently"),
    ("image,class\na,cat\na,\nb,cat\nc,cat\nd,", "lines 2 and 3 label 'a' differently"),
    ("image,cat,dog\na,1,0\nb,1,2\nc,0,0\nd,0,0", "say which of its columns"),
    ("who,what\nx,cat\ny,cat\n", "say which of its columns")])
def test_bad_tables(tmp_path, text, words):
    put(folder(tmp_path), text, "x.csv")
    with pytest.raises(UserError, match=words):
        read(tmp_path)


@pytest.mark.parametrize(("text", "columns"), [
    ("images/a.png  1.0     mono\nb.png         0.6667  poly\nc.png  0.3333 mono\nd  0.0  poly\n",
     {"titles": ("file", "defect", "kind")}),                          # blanks, no header
    ("file;defect\na;1,0\nb;0,67\nc;0,33\nd;0\n", {}), ("a\t1\nb\t.6\nc\t-1\nd\t.4\n", {"titles": ("file", "defect")}),
    ("file,size,defect,dirt\na,9,70,0\nb,9,5,0\nc,8,0,0.2\nd,8,0.2,.4\n", {"classes": ("defect", "dirt")})])
def test_scores_are_tags_from_the_least_on(tmp_path, text, columns):
    put(folder(tmp_path), text, "x.csv")
    assert shown(read(tmp_path, columns=ColumnSettings(least=0.5, **columns))) == {
        "a": {"defect"}, "b": {"defect"}, "c": set(), "d": set()}


@pytest.mark.parametrize(("text", "columns", "words"), [
    ("a,1.0\nb,0.33\nc,0.0\nd,1.0\n", {}, "the column 'column 2' holds numbers such as '1.0', no names of classes; "
                                          "--set data.columns.least=0.5"),
    ("name,label\na,1\nb,0\nc,0\nd,1\n", {}, "the column 'label' holds numbers such as '1'"),
    ("a,1.0\nb,0.33\nc,x\nd,1\n", {"titles": ("file", "bad"), "classes": "bad", "least": 0.5},
     "line 3: 'x' in the column 'bad' is no number"),
    ("a,1.0,x\nb,0.33,x\nc,0.0,x\nd,1.0,x\n", {"titles": ("file", "bad")},
     "data.columns.titles: names 2 columns, but the first line of .*x.csv has 3: 'a', '1.0', 'x'")])
def test_numbers_are_no_classes(tmp_path, text, columns, words):
    put(folder(tmp_path), text, "x.csv")
    with pytest.raises(UserError, match=words):
        read(tmp_path, columns=ColumnSettings(**columns))


def test_numbers_that_are_classes(tmp_path):
    put(folder(tmp_path), "name,label\na,1\nb,2\nc,1\nd,7\n", "x.csv")
    assert shown(read(tmp_path)) == {"a": {"1"}, "b": {"2"}, "c": {"1"}, "d": {"7"}}


def test_a_column_of_one_class_holds_one_and_nought(tmp_path):
    put(folder(tmp_path), "image,cat,dog\na,1,0\nb,1,2\nc,0,0\nd,0,0", "x.csv")
    with pytest.raises(UserError, match="line 3: '2' in the column 'dog'; a column of one class holds 1 or 0"):
        read(tmp_path, columns=ColumnSettings(classes=("cat", "dog")))


@pytest.mark.parametrize(("data", "words"), [
    ("image,class\na,Käse\nb,cat\n".encode("cp1252"), r"not UTF-8 .*save the file in UTF-8 .*cp1252, it says 'Käse'"),
    ("image,class\na,cat\nb,cat\n".encode("utf-16-le"), "holds zero bytes, as UTF-16 without its mark")])
def test_other_encodings_are_refused_with_the_cure(tmp_path, data, words):
    put(folder(tmp_path, "a", "b"), data, "x.csv")
    with pytest.raises(UserError, match=words):
        read(tmp_path)


def test_marked_utf_16_is_read(tmp_path):
    put(folder(tmp_path, "a", "b"), "image\tclass\na\tKäse\nb\tcat\n".encode("utf-16"), "x.tsv")
    assert shown(read(tmp_path)) == {"a": {"Käse"}, "b": {"cat"}}


def test_images_in_folders_and_without_endings(tmp_path):
    put(folder(tmp_path, "1/a", "2/b"), "image,class\n1/a,cat\nimages/2/b.png,dog\n", "x.csv")
    assert shown(read(tmp_path)) == {"1/a": {"cat"}, "2/b": {"dog"}}


def test_an_image_may_be_called_like_a_title(tmp_path):
    """The line of titles labels no image, and its words are no classes."""
    folder(tmp_path, "image", "b")
    put(tmp_path, "image,classes\nimage.png,cat\nb.png,dog\n", "labels.csv")
    assert shown(read(tmp_path)) == {"image": {"cat"}, "b": {"dog"}}
    put(tmp_path, "image,cat\nb,dog\n", "labels.csv")                       # no titles
    assert shown(read(tmp_path)) == {"image": {"cat"}, "b": {"dog"}}


def test_a_table_is_whole(tmp_path):
    found = read_tag_table(put(tmp_path, "name,classes\na,cat\nb,dog cat\n", "x.csv"), None, ColumnSettings(), {})
    assert [(row.line, row.name, set(row.tags)) for row in found.rows] == [(2, "a", {"cat"}), (3, "b", {"cat", "dog"})]
    assert found.whole and not found.drawings and not found.classes


def test_a_name_that_fits_two_images_names_an_image(tmp_path):
    named = names_image({"a.jpg": tmp_path / "a.jpg", "a.png": tmp_path / "a.png"})
    assert named("a") and named("a.png") and not named("b")
