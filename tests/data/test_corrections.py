"""Corrections of a person in each form: what is a mask, a scribble or a tag, and what cannot be used."""

import logging

import numpy as np
import pytest
from PIL import Image

from tests.data.tag_files.drawn import SIZE, coco, folder, put, read
from tests.data.tag_files.test_tool_documents import cvat, entry, task
from tfwsss.annotations.coco import coco_categories, coco_image, coco_objects
from tfwsss.data.corrections import Corrections, open_corrected, read_corrections, twice_corrected, with_tags
from tfwsss.errors import UserError
from tfwsss.settings.sections import DataSettings

TABLE = "name,classes\na,cat\nb,dog\nc,cat dog\nd,\n"


@pytest.fixture
def images(tmp_path):
    return read(folder(tmp_path, labels=TABLE))


def write_ids(path, value=1, size=SIZE):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size, value, np.uint8)).save(path)


def test_label_studios_choices_are_tags(images, tmp_path):
    """An annotation without any says that nothing is shown; a task that nobody has annotated corrects nothing."""
    path = put(tmp_path, [task("a", entry("choices", "dog")), task("b"), {"data": {"image": "c.png"}}], "x.json")
    found = read_corrections(path, images, tmp_path)
    assert found.tags == {"a": (1,), "b": ()} and not (found.drawings or found.empty or found.masks)
    corrected = with_tags(images, found)
    assert corrected.labels == {"a": (1,), "b": (), "c": (0, 1), "d": ()}
    assert corrected.fingerprint() != images.fingerprint() == read(tmp_path, "labels.csv").fingerprint()


def test_masks_of_label_studio_leave_the_tags(images, tmp_path):
    """An image on which all was deleted shows nothing, as a mask; with choices beside them these count."""
    square = entry("polygonlabels", "dog", points=[[0, 0], [40, 0], [40, 20]])
    path = put(tmp_path, [task("a", square), task("b"), task("c", square, entry("choices", "dog"))], "x.json")
    found = read_corrections(path, images, tmp_path)
    assert set(found.drawings) == {"a", "c"} and found.empty == ("b",) and found.tags == {"c": (1,)}


def test_coco_as_it_was_handed_on(images, tmp_path):
    mask = np.zeros(SIZE, np.uint8)
    mask[2:9, 1:6] = 2
    path = put(tmp_path, {"images": [coco_image(1, "b.png", SIZE), coco_image(2, "d.png", SIZE)],
                          "categories": coco_categories(images.classes), "annotations": list(coco_objects(mask, 1, 1))})
    found = read_corrections(path, images, tmp_path)
    assert set(found.drawings) == {"b"} and found.empty == ("d",) and not found.tags


def test_cvats_lines_and_tags(images, tmp_path):
    path = put(tmp_path, cvat(("a", '<polyline label="cat" points="1,1;5,1"/>'), ("b", '<tag label="cat"/>'),
                              ("c", '<points label="dog" points="1,1"/><tag label="dog"/>')), "x.xml")
    found = read_corrections(path, images, tmp_path)
    assert set(found.drawings) == {"a", "c"} and found.tags == {"b": (0,), "c": (1,)} and not found.empty


def test_boxes_correct_nothing(images, tmp_path, caplog):
    path = put(tmp_path, coco([(0, 1, {"bbox": [1, 1, 2, 2]}), (1, 1)], "ab"))
    with caplog.at_level(logging.WARNING, "tfwsss"):
        found = read_corrections(path, images, tmp_path)
    assert found.tags == {"b": (0,)} and not found.drawings and "1 boxes of " in caplog.text


def test_a_table_corrects_tags(images, tmp_path):
    found = read_corrections(put(tmp_path, "image,class\na,dog\nd,cat\n", "x.csv"), images, tmp_path)
    assert found.tags == {"a": (1,), "d": (0,)}


@pytest.mark.parametrize("place", ["", "masks/", "SegmentationClass/"])
def test_a_folder_of_masks(images, tmp_path, place, caplog):
    for name in (f"{place}a", f"{place}x", "scribbles/b"):
        write_ids(tmp_path / "mine" / f"{name}.png")
    found = read_corrections(tmp_path / "mine", images, tmp_path)
    assert list(found.masks) == ["a"] and list(found.scribbles) == ["b"]
    assert "1 of 3 files of " in caplog.text and "like none of the 4 images of this run, the first 'x'" in caplog.text


def test_masks_beside_a_file_hold(images, tmp_path, caplog):
    """What is corrected twice is told with both files, and what the file alone corrects with the way to take it."""
    for name in ("masks/a", "masks/c", "scribbles/b"):
        write_ids(tmp_path / "mine" / f"{name}.png")
    square = entry("polygonlabels", "dog", points=[[0, 0], [40, 0], [40, 20]])
    put(tmp_path, [task("a", square), task("b", square), task("d", square)], "mine/x.json")
    put(tmp_path, "image,class,score\na,dog,0.5\nd,cat,0.5", "mine/predictions.csv")             # as predict leaves it
    with caplog.at_level(logging.WARNING, "tfwsss"):
        found = read_corrections(tmp_path / "mine", images, tmp_path)
    assert set(found.masks) == {"a", "c"} and set(found.scribbles) == {"b"} and not (found.drawings or found.tags)
    assert found.beside == {tmp_path / "mine" / "x.json": ("a", "b", "d")} and len(set(caplog.messages)) == 1
    assert caplog.messages[0].endswith(
        "mine hold, and x.json beside them is not read: it corrects 2 images that they correct, the first 'a', and 1 "
        "others, the first 'd'; name that file to take these")
    assert twice_corrected(found).split("\n")[1:] == ["  a      masks/a.png      x.json",
                                                      "  b      scribbles/b.png  x.json"]
    assert read_corrections(tmp_path / "mine" / "x.json", images, tmp_path).drawings.keys() == {"a", "b", "d"}


def test_a_broken_file_beside_masks_is_told(images, tmp_path, caplog):
    write_ids(tmp_path / "mine" / "a.png")
    put(tmp_path, "{", "mine/x.json")
    with caplog.at_level(logging.WARNING, "tfwsss"):
        found = read_corrections(tmp_path / "mine", images, tmp_path)
    assert "what lies beside them is not read: " in caplog.text and "x.json: is no JSON" in caplog.text
    assert set(found.masks) == {"a"} and twice_corrected(found) == ""


def test_many_images_that_are_corrected_twice(tmp_path):
    names = [f"{place:02}" for place in range(53)]
    found = Corrections(tmp_path, {name: tmp_path / name for name in names}, beside={tmp_path / "x.json": tuple(names)})
    assert twice_corrected(found).split("\n")[-2:] == ["  49     49     x.json", "  and 3 more"]


def test_a_run_reads_corrected_tags(images, tmp_path):
    """In all its lists alike; images of which nothing is given stay the same object."""
    data = DataSettings(kind="folder", root=tmp_path)
    path = put(tmp_path, "image,class\na,dog\n", "mine/x.csv")
    splits, found = open_corrected(data, tmp_path, {"corrections": path})
    assert splits.training is splits.pseudo and splits.training.labels["a"] == (1,) and found.tags == {"a": (1,)}
    assert open_corrected(data, tmp_path, {})[1] is None


@pytest.mark.parametrize(("contents", "name", "words"), [
    ([task("x", entry("choices", "cat"))], "x.json", "x.json corrects none of 4 images, named like 'a'"),
    ([task("a", entry("choices", "cta"))], "x.json", "'cta' is no class; did you mean 'cat'"),
    (coco([(0, 1, {"segmentation": [[1]]})], "a"), "x.json", "1 corrections cannot be used. The first: .*1 numbers"),
    ([task("a", entry("choices", "cat")), task("a", entry("choices", "dog"))], "x.json", "image 'a' twice"),
    ("{", "x.json", "is no JSON"), (b"PK\x03\x04", "x.zip", "x.zip: cannot be read .*; export it again")])
def test_bad_corrections(images, tmp_path, contents, name, words):
    with pytest.raises(UserError, match=words):
        read_corrections(put(tmp_path, contents, name), images, tmp_path)


def test_missing_and_empty_places(images, tmp_path):
    with pytest.raises(UserError, match="given.corrections: there is no .*nowhere; name Label Studio's JSON"):
        read_corrections(tmp_path / "nowhere", images, tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="corrects none of 4 images"):
        read_corrections(tmp_path / "empty", images, tmp_path)
