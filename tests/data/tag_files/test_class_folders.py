"""Folders named by classes."""

import pytest

from tests.data.tag_files.drawn import folder, put, read, shown
from tests.data.test_folder import draw
from tfwsss.data.tag_files.class_folders import read_class_folders
from tfwsss.errors import UserError

NAMES = ("cat/1", "cat/deep/2", "polar bear/1", "background/3")


def differing(root, *names):
    """Draws images of different sizes: of other bytes."""
    for place, name in enumerate(names, 1):
        draw(root, f"images/{name}.png", size=(place, 3))
    return root


@pytest.mark.parametrize("tags", [None, "folders"])
def test_each_folder_is_a_class(tmp_path, tags):
    images = read(differing(tmp_path, *NAMES), tags)
    assert shown(images) == {"cat/1": {"cat"}, "cat/deep/2": {"cat"}, "polar bear/1": {"polar bear"},
                             "background/3": set()}
    assert images.classes == ("background", "cat", "polar bear")


def test_lists_of_images_are_no_classes(tmp_path):
    images = read(differing(tmp_path, "train/cat/1", "train/dog/2", "val/cat/3"))
    assert shown(images) == {"train/cat/1": {"cat"}, "train/dog/2": {"dog"}, "val/cat/3": {"cat"}}


def test_below_the_data_set_itself(tmp_path):
    for place, name in enumerate(("cat/1", "dog/2"), 1):
        draw(tmp_path, f"{name}.png", size=(place, 3))
    assert shown(read(tmp_path)) == {"cat/1": {"cat"}, "dog/2": {"dog"}}


def test_a_file_of_tags_comes_before_folders(tmp_path):
    put(differing(tmp_path, "1/a", "2/b"), "name,classes\n1/a,cat\n2/b,dog\n", "labels.csv")
    assert shown(read(tmp_path)) == {"1/a": {"cat"}, "2/b": {"dog"}}


@pytest.mark.parametrize(("names", "words"), [
    (("cat/1", "2"), "labels.csv: no such file"), (("cat/1", "cat/2"), "labels.csv: no such file"),
    (("train/images/1", "val/images/2"), "labels.csv: no such file"),
    (("2024/1", "2025/2"), "is '2024', as its folders are called, a class. --set data.tags=folders says so"),
    (("train/1", "dogs/2"), "'train' is called like a list of images, 'dogs' is not"),
    (("none/1", "dogs/2"), "none: is 'none' a class. Call the folder 'background'")])
def test_folders_that_may_be_something_else(tmp_path, names, words):
    with pytest.raises(UserError, match=words):
        read(differing(tmp_path, *names))


def test_what_is_said_to_be_a_class_is_one(tmp_path):
    assert shown(read(differing(tmp_path, "2024/1", "2025/2"), "folders")) == {"2024/1": {"2024"}, "2025/2": {"2025"}}
    differing(tmp_path, "3")
    with pytest.raises(UserError, match="data.tags=folders: the image '3' lies in no folder of a class"):
        read(tmp_path, "folders")


def test_one_photograph_in_two_folders_is_refused(tmp_path):
    folder(tmp_path, "cat/1", "dog/1")
    with pytest.raises(UserError, match="cat/1.png and .*dog/1.png are one photograph of two classes; write such"):
        read(tmp_path)


def test_where_there_are_no_folders(tmp_path):
    assert read_class_folders(tmp_path, {"a": tmp_path / "a.png"}, sure=False) is None
