"""Folders of YOLO's text files: layouts, names of classes, round trip, bad files."""

import numpy as np
import pytest

from tests.data.tag_files.drawn import SIZE, folder, put, read, shown
from tests.data.test_folder import draw
from tfwsss.annotations.yolo import yolo_lines, yolo_table
from tfwsss.data.tag_files.yolo_folders import yolo_folders
from tfwsss.data.weak_labels import Box
from tfwsss.errors import UserError

BOX = "1 0.5 0.5 0.4 0.2\n"
TABLE = yolo_table(("background", "cat", "dog"))


def labels(root, **texts):
    for name, text in texts.items():
        put(root, text, f"labels/{name}.txt")
    return root


def test_boxes_and_tags(tmp_path):
    put(labels(folder(tmp_path), a=BOX, b=BOX + "0 0.5 0.5 1 1\n", c=""), TABLE, "data.yaml")
    images = read(tmp_path)
    assert shown(images) == {"a": {"dog"}, "b": {"cat", "dog"}, "c": set()} and images.names == ("a", "b", "c")
    assert images.boxes == {"a": (Box(2, 3, 8, 7, 12),), "b": (Box(2, 3, 8, 7, 12), Box(1, 0, 0, 10, 20))}


def test_what_is_handed_to_yolo_comes_back(tmp_path):
    mask = np.zeros(SIZE, np.uint8)
    mask[2:9, 1:6], mask[12:, 7:] = 1, 2
    put(labels(folder(tmp_path), a="\n".join(yolo_lines(mask))), TABLE, "data.yaml")
    np.testing.assert_array_equal(read(tmp_path).read_full_mask("a"), mask)


@pytest.mark.parametrize(("name", "text"), [
    ("data.yaml", "names: [cat, dog]\nnc: 2\n"), ("dataset.yml", "path: x\nnames:\n  0: cat\n  1: dog\n"),
    ("classes.txt", "cat\ndog\n"), ("labels/classes.txt", "cat\ndog\n"),
    ("obj.names", "cat\ndog\n")])
def test_where_the_names_of_classes_stand(tmp_path, name, text):
    put(labels(folder(tmp_path), a=BOX, b="0 0.5 0.5 1 1"), text, name)
    assert shown(read(tmp_path)) == {"a": {"dog"}, "b": {"cat"}}


@pytest.mark.parametrize(("name", "text", "seen"), [
    ("data.yaml", "names: [cat, dog]\n", {"a": {"dog"}, "b": {"cat"}}), ("labels/classes.txt", "dog\ncat\n", {
        "a": {"cat"}, "b": {"dog"}}),
    ("labels/classes.txt", "background\ncat\ndog\n", {"a": {"cat"}, "b": set()})])
def test_numbers_beside_a_list_of_mask_ids(tmp_path, name, text, seen):
    """Where that begins with background, 0 is one thing or another: the tool's own list tells, or background goes."""
    put(labels(folder(tmp_path, classes="background\ncat\ndog\n"), a=BOX, b="0 0.5 0.5 1 1"), "x", "labels/notes.txt")
    with pytest.raises(UserError, match=r"classes.txt: begins with 'background', so nothing tells whether number 0 in "
                                        r".*labels is that or 'cat'; .* or strike 'background', if 0 is 'cat'"):
        read(tmp_path)
    put(tmp_path, text, name)
    assert shown(read(tmp_path)) == seen
    (tmp_path / name).unlink()
    put(tmp_path, "cat\ndog\n", "classes.txt")
    assert shown(read(tmp_path)) == {"a": {"dog"}, "b": {"cat"}}


def test_colours_of_masks_do_not_tell_numbers(tmp_path):
    put(labels(folder(tmp_path), a=BOX), "background:0,0,0::\ncat:1,0,0::\ndog:2,0,0::\n", "labelmap.txt")
    with pytest.raises(UserError, match="nothing tells which classes its numbers are; add data.yaml"):
        read(tmp_path)


def test_lists_of_images_with_labels_of_their_own(tmp_path):
    for name in ("train/images/a", "val/images/a", "train/images/b"):
        draw(tmp_path, f"{name}.png", size=SIZE)
    for place, text in {"train/labels/a": BOX, "val/labels/a": "0 0.5 0.5 1 1", "train/labels/b": ""}.items():
        put(tmp_path, text, f"{place}.txt")
    put(tmp_path, "names: [cat, dog]", "data.yaml")
    assert shown(read(tmp_path)) == {"train/images/a": {"dog"}, "train/images/b": set(), "val/images/a": {"cat"}}


def test_labels_in_lists_below_one_folder(tmp_path):
    folder(tmp_path, "train/a", "val/a")
    for place, text in {"train/a": BOX, "val/a": "0 0.5 0.5 1 1"}.items():
        put(tmp_path, text, f"labels/{place}.txt")
    put(tmp_path, TABLE, "data.yaml")
    assert shown(read(tmp_path)) == {"train/a": {"dog"}, "val/a": {"cat"}}


def test_endings_in_capitals(tmp_path):
    put(labels(folder(tmp_path), a=BOX), TABLE, "data.yaml")
    put(tmp_path, "0 0.5 0.5 1 1", "labels/B.TXT")
    assert shown(read(tmp_path)) == {"a": {"dog"}, "b": {"cat"}}


def test_a_folder_that_is_named(tmp_path):
    put(put(folder(tmp_path), BOX, "truth/a.txt").parents[1], TABLE, "data.yaml")
    put(tmp_path, "0 0.5 0.5 1 1", "truth/b.txt")
    assert yolo_folders(tmp_path) == [] and shown(read(tmp_path, "truth")) == {"a": {"dog"}, "b": {"cat"}}


@pytest.mark.parametrize(("text", "name", "names", "words"), [
    (BOX, "x.yaml", "nc: 2", "nothing tells which classes its numbers are; add data.yaml"),
    (BOX, "x.yaml", "names: {1: cat, 2: dog}", "its names are .*expected a list of names"),
    (BOX, "x.yaml", "names: [3, 4]", "its names are"), (BOX, "x.yaml", "names: [", "is not valid YAML"),
    ("7 0.5 0.5 1 1", "data.yaml", TABLE, "all 1 images cannot be used. The first: .*class 7 is none"),
    ("0 50 50 10 10", "data.yaml", TABLE, "50 is no fraction of the image's size")])
def test_bad_folders(tmp_path, text, name, names, words):
    put(labels(folder(tmp_path), a=text), names, name)
    with pytest.raises(UserError, match=words):
        read(tmp_path)


def test_an_empty_folder_that_is_named(tmp_path):
    (folder(tmp_path, classes="cat\n") / "truth").mkdir()
    with pytest.raises(UserError, match="truth holds no text file of an image; expected YOLO's"):
        read(tmp_path, "truth")
