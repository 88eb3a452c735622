"""From rows of a file to labels of images."""

import pytest

from tests.data.tag_files.drawn import coco, folder, put
from tfwsss.data.tag_files.tag_file import TagSource
from tfwsss.data.tag_files.tagging import read_tagging
from tfwsss.errors import UserError


def tagging(root, images="abcd", classes=None, weak=None):
    files = {name: root / "images" / f"{name}.png" for name in images}
    return read_tagging(root, root / "images", files, classes, TagSource(), weak)


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
