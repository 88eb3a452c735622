"""Which file holds the tags: found where there is one, refused where there are two."""

import pytest

from tests.data.tag_files.drawn import coco, folder, put, read, shown
from tfwsss.data.tag_files.candidates import candidates, tags_of_folder
from tfwsss.data.tag_files.tag_file import TagSource
from tfwsss.errors import UserError


def test_labels_csv_comes_before_all_others(tmp_path):
    put(folder(tmp_path, labels="name,classes\na,cow\nb,cow\nc,cow\nd,\n"), coco([(0, 1)]), "coco.json")
    assert shown(read(tmp_path))["a"] == {"cow"}
    assert shown(read(tmp_path, "coco.json"))["a"] == {"cat"}


def test_two_that_may_be_meant_are_refused(tmp_path):
    put(folder(tmp_path), coco([(0, 1)]), "coco.json")
    put(tmp_path, coco([(0, 2)]), "annotations/other.json")
    with pytest.raises(UserError, match="both .*coco.json and .*other.json may hold the tags; name the one that does, "
                                        "--set data.tags=coco.json"):
        read(tmp_path)
    assert shown(read(tmp_path, "annotations/other.json"))["a"] == {"dog"}


def test_other_files_are_none(tmp_path):
    put(folder(tmp_path), {"a": [{"name": "cat", "x": 0, "y": 0}]}, "points.json")
    others = {"page.xml": "<annotation/>", ".coco.json": "{}", "notes.txt": "", "survey.json": '{"a": 1}'}
    for name, text in others.items():
        put(tmp_path, text, name)
    assert list(candidates(tmp_path, tmp_path / "images")) == []
    assert tags_of_folder(tmp_path, tmp_path / "images", {}, TagSource(), ("background", "cat"), []) is None
    boxes = put(tmp_path, coco(), "boxes.json")
    assert list(candidates(tmp_path, tmp_path)) == [boxes] and not list(candidates(tmp_path, tmp_path, [boxes]))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="data.tags: there is no x.json below .* nor is there as written; name a table"):
        read(folder(tmp_path), "x.json")


def test_a_broken_file_that_may_be_meant_is_told(tmp_path):
    put(folder(tmp_path), "{", "x.json")
    with pytest.raises(UserError, match="x.json: is no JSON"):
        read(tmp_path)


@pytest.mark.parametrize(("name", "words"), [("x.xlsx", "is a workbook; save its sheet as 'CSV UTF-8'"),
                                             ("x.zip", "is packed; unpack it"), ("x.parquet", "write it as CSV")])
def test_files_that_are_not_read_are_told_with_the_cure(tmp_path, name, words):
    put(folder(tmp_path), b"PK", name)
    with pytest.raises(UserError, match=words):
        read(tmp_path, name)


def test_a_file_of_another_ending_is_read_by_its_contents(tmp_path):
    put(folder(tmp_path), "image,class\na,cat\nb,dog\nc,\nd,\n", "x.txt")
    put(tmp_path, coco([(0, 1), (1, 2)]), "y.txt")
    assert shown(read(tmp_path, "x.txt")) == shown(read(tmp_path, "y.txt"))
