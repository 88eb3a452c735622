"""From rows of a file to labels of images."""

import pytest

from tests.data.tag_files.drawn import coco, folder, put
from tfwsss.data.tag_files.tag_file import TagSource
from tfwsss.data.tag_files.tagging import read_tagging
from tfwsss.errors import UserError


def tagging(root, images="abcd", classes=None, weak=None, negative=()):
    files = {name: root / "images" / f"{name}.png" for name in images}
    return read_tagging(root, root / "images", files, classes, TagSource(negative=negative), weak)


def test_names_and_labels(tmp_path):
    put(folder(tmp_path), coco([(0, 2), (1, 1)], "abx"))
    found = tagging(tmp_path)
    assert found.classes == ("background", "cat", "dog") and found.names == ("a", "b") and not found.whole
    assert found.labels == {"a": (1,), "b": (0,)} and found.path == tmp_path / "tags.json"


def test_without_tags(tmp_path):
    folder(tmp_path)
    with pytest.raises(UserError, match="labels.csv: no such file; write a header name,classes.*such as a,cat dog$"):
        tagging(tmp_path)
    with pytest.raises(UserError, match="or add a classes.txt"):
        tagging(tmp_path, weak=[])
    found = tagging(tmp_path, classes=("background", "cat"), weak=[])
    assert found.labels == {} and found.whole and found.classes == ("background", "cat")


def test_a_table_that_names_others_keeps_them_for_their_fault(tmp_path):
    folder(tmp_path, labels="name,classes\na,cat\nx,cat\nb,dog\n")
    assert tagging(tmp_path).names == ("a", "x", "b") and tagging(tmp_path).whole


@pytest.mark.parametrize("classes", [None, ("background", "scratch")])
def test_tags_that_say_that_nothing_is_shown(tmp_path, classes, caplog):
    folder(tmp_path, labels="name,label\na,good\nb,scratch\nc,ok\nd,\n")
    found = tagging(tmp_path, classes=classes, negative=("good", "ok"))
    assert found.classes == ("background", "scratch")
    assert found.labels == {"a": (), "b": (0,), "c": (), "d": ()} and "negative" not in caplog.text
    if classes is None:
        assert tagging(tmp_path).classes == ("background", "good", "ok", "scratch")
        assert "'good' is taken for a class; where it says that nothing is to be found, --set data.negative=good" in \
            caplog.text


def test_the_folder_of_what_is_good(tmp_path):
    names = ("good/1", "good/2", "scratch/3", "dent/4")
    folder(tmp_path, *names)
    found = tagging(tmp_path, names, negative=("good",))
    assert found.classes == ("background", "dent", "scratch")
    assert found.labels == {"good/1": (), "good/2": (), "scratch/3": (1,), "dent/4": (0,)}


@pytest.mark.parametrize(("negative", "words"), [
    ("god", "data.negative: no image of .*labels.csv has the tag 'god'; did you mean 'good'"),
    ("good", "labels.csv: line 3, 'b': good, scratch; one of them is data.negative")])
def test_negatives_that_cannot_be_meant(tmp_path, negative, words):
    folder(tmp_path, labels="name,label\na,good\nb,good;scratch\nc,scratch\nd,\n")
    with pytest.raises(UserError, match=words):
        tagging(tmp_path, negative=(negative,))
