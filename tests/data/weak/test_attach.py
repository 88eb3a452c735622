"""Weak labels of a folder: what they mean beside tags, alone, and where they contradict them."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.test_folder import draw, write
from tests.data.weak.test_forms import put
from tfwsss.data.folder import read_folder
from tfwsss.data.weak.label_files import LabelFiles
from tfwsss.data.weak_labels import Box, Point, Scribble
from tfwsss.errors import UserError
from tfwsss.logs import LOG

TABLE = "name,classes\na,cat\nb,cat dog\nc,\n"


@pytest.fixture(autouse=True)
def _heard(monkeypatch):
    """A command that ran before in this process keeps the log from others' ears."""
    monkeypatch.setattr(LOG, "propagate", True)


def box(name="cat", *corners):
    return {"name": name, "box": list(corners) or [0, 0, 0.5, 0.5]}


def click(name="cat", x=0.5, y=0.5):
    return {"name": name, "x": x, "y": y}


@pytest.fixture
def root(tmp_path):
    """Images a, b, c and d of 20 rows and 10 columns; d is in no table."""
    draw(tmp_path, *(f"images/{name}.png" for name in "abcd"), size=(20, 10))
    return write(tmp_path, labels=TABLE, classes="cat\ndog\n")


def read(root, split=None, **places):
    """Reads the folder with labels that are given as contents of JSON files, or as paths."""
    found = {}
    for kind, contents in places.items():
        found[kind] = put(root / f"{kind}.json", contents) if isinstance(contents, dict) else contents
    return read_folder(root, split, LabelFiles(**found))


def test_a_mixture(root):
    """One image of each kind, their tags in the table or not; the file's names as people write them."""
    images = read(root, boxes={"b.png": [box(), box("dog", 0.5, 0.5, 1, 1)]},
                  points={"images/c.png": [click("background"), click("dog", 0.1, 0.1)], "b": [click()]},
                  scribbles={"d": [{"name": "background", "points": [[0, 0]]},
                                   {"name": "dog", "points": [[0, 0], [1, 1]]}]})
    assert images.names == ("a", "b", "c", "d") and not images.faults
    assert images.boxes == {"b": (Box(1, 0, 0, 5, 10), Box(2, 5, 10, 10, 20))}
    assert images.points == {"b": (Point(1, 5.0, 10.0),), "c": (Point(2, 1.0, 2.0), Point(0, 5.0, 10.0))}
    assert images.scribbles == {"d": (Scribble(0, ((0.0, 0.0),)), Scribble(2, ((0.0, 0.0), (9.5, 19.5))))}
    assert images.labels == {"a": (0,), "b": (0, 1), "c": (1,), "d": (1,)}
    assert [images.supervision(name) for name in images.names] == ["image", "box", "point", "scribble"]


def test_background_alone_is_no_tag(root):
    images = read(root, points={"d": [click("background")], "a": [click()]})
    assert images.labels["d"] == () and images.supervision("d") == "point"


def test_without_a_table(root):
    """All images that a label says something of; the others are told."""
    (root / "labels.csv").unlink()
    labels = {name: [click()] for name in "abc"}
    images = read(root, points=labels)
    assert images.names == ("a", "b", "c") and images.labels == dict.fromkeys("abc", (0,))
    assert list(images.faults) == ["d"] and "no row in labels.csv" in images.faults["d"]
    (root / "classes.txt").unlink()
    with pytest.raises(UserError, match="labels.csv: no such file.* or add a classes.txt, where"):
        read(root, points=labels)


def test_files_of_ids(root):
    """Scribbles drawn as pictures, and full masks; both tell tags where there are none. The root's folders of them
    are no images."""
    ids = np.full((20, 10), 255, np.uint8)
    ids[2:4], ids[5] = 2, 0
    full = np.where(ids == 2, np.uint8(1), ids)
    for path, shown in (("drawn/c.png", ids), ("drawn/d.png", ids), ("full/d.png", full)):
        (root / path).parent.mkdir(exist_ok=True)
        Image.fromarray(shown).save(root / path)
    images = read(root, scribbles=Path("drawn"), full_masks=Path("full"))
    assert images.scribble_masks == {"c": root / "drawn" / "c.png", "d": root / "drawn" / "d.png"}
    assert images.full_masks == {"d": root / "full" / "d.png"}
    assert images.labels == {"a": (0,), "b": (0, 1), "c": (1,), "d": (0, 1)}
    assert [images.supervision(name) for name in images.names] == ["image", "image", "scribble", "mask"]
    assert images.read_scribble_mask("c").tolist() == ids.tolist()


def test_labels_in_the_folder_of_the_images_are_no_images(tmp_path):
    draw(tmp_path, "a.png", "drawn/a.png")
    write(tmp_path, labels="name,classes\na,cat\n")
    assert read(tmp_path, scribbles=Path("drawn")).names == ("a",)


def test_a_box_that_contradicts_the_tags(root, caplog):
    """Of b everything stands; a goes without its boxes, even the right one, and is told of."""
    with caplog.at_level(logging.INFO, "tfwsss"):
        images = read(root, boxes={"a": [box(), box("dog")], "b": [box("dog")], "c": [box()]})
    assert set(images.boxes) == {"b", "c"} and images.labels["a"] == (0,)
    assert images.faults == {"a": f"{root / 'boxes.json'}, 'a': a box of 'dog', but its tags are cat; add the tag or "
                                  "strike the box. The image is used without these labels", "d": images.faults["d"]}
    assert "1 images have a tag without a box" in caplog.text and "the first of 'b'" in caplog.text


def test_points_and_scribbles_that_contradict_the_tags(root, caplog):
    images = read(root, points={"a": [click("dog"), click(), click("background")], "c": [click("dog")]},
                  scribbles={"a": [{"name": "dog", "points": [[0, 0]]}], "b": [{"name": "dog", "points": [[0, 0]]}]})
    assert [point.class_id for point in images.points["a"]] == [1, 0] and "a" not in images.scribbles
    assert images.points["c"][0].class_id == 2 and set(images.faults) == {"d"}
    assert "data.points: 1 points of a class that is none of their image's tags are left out" in caplog.text
    assert "data.scribbles: 1 scribbles of a class that is none" in caplog.text


def test_annotations_that_cannot_be_used_are_told(root):
    """Those of an image with tags: it goes without; of one without: it is left out."""
    images = read(root, boxes={"a": [box("dgo")], "b": [box(), box("dog")], "c": [box()],
                               "d": [box("cat", 1, 1, 0, 0)]})
    assert images.names == ("a", "b", "c") and set(images.boxes) == {"b", "c"}
    assert "'a': 'dgo' is no class; did you mean 'dog'?. The image is used without" in images.faults["a"]
    assert "'d': a box from (10, 20) to (0, 0) ends before it begins" in images.faults["d"]
    with pytest.raises(UserError, match="data.boxes: the labels of 2 of 3 images cannot be used. The first: .*'dgo'"):
        read(root, boxes={"a": [box("dgo")], "b": [box(), box("dog")], "c": [box("dgo")]})


def test_several_kinds_of_faults_of_one_image(root):
    good = {"b": [box(), box("dog")]}
    images = read(root, boxes={"a": [box("dgo")], **good}, points={"a": [click("cta")], "b": [click()]})
    assert "'dgo'" in images.faults["a"] and "'cta'" in images.faults["a"] and images.supervision("a") == "image"


def test_points_outside_are_counted_and_most_of_them_stop(root, caplog):
    images = read(root, points={"a": [click(x=2.14)], "b": [click(), click()], "c": [click(y=-1)]})
    assert set(images.points) == {"b"} and images.supervision("a") == "image"
    assert "data.points: 2 points lie outside of their image and are left out, the first of 'a'" in caplog.text
    with pytest.raises(UserError, match="3 of 5 points of .* lie outside of their image; expected JSON"):
        read(root, points={"a": [click(x=120)] * 3, "b": [click(), click()]})


def test_names_that_are_not_asked_for(root, caplog):
    write(root, splits__train="a\nb\n")
    labels = {name: [click()] for name in "abcdx"}
    with caplog.at_level(logging.INFO, "tfwsss"):
        images = read(root, "train", points=labels)
    assert set(images.points) == {"a", "b"} == set(images.names)
    assert "labels of 2 of 2 images in " in caplog.text and "3 others that it names are not among them" in caplog.text
    with pytest.raises(UserError, match="names none of 2 images; they are named like 'a', its labels like 'x'"):
        read(root, "train", points={"x": [click()]})
    files = LabelFiles(points=put(root / "points.json", {"x": [click()]}), needed=False)
    assert read_folder(root, "train", files).points == {}
    with pytest.raises(UserError, match="names the image 'a' in two ways, once 'a.png'"):
        read(root, points={"a": [click()], "a.png": [click()]})


def test_labels_that_say_nothing(root):
    with pytest.raises(UserError, match="has no label of any of 4 images; expected a folder of XML"):
        put(root / "xml" / "a.xml", "<annotation/>")
        read(root, boxes=Path("xml"))


def test_images_as_they_are_shown(root):
    """A camera's image is stored lying and shown upright: fractions are of what is shown."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((10, 20, 3), np.uint8)).save(root / "images" / "a.png", exif=exif)
    images = read(root, boxes={"a": [box("cat", 0, 0, 1, 1)]})
    assert images.boxes["a"] == (Box(1, 0, 0, 10, 20),) and images.read_size("a") == (20, 10)


def test_broken_images(root):
    """Are told by the survey; here they go without labels, or are left out where these were their tags."""
    for name in "ad":
        (root / "images" / f"{name}.png").write_bytes(b"torn")
    images = read(root, points={name: [click()] for name in "abcd"})
    assert images.names == ("a", "b", "c") and set(images.faults) == {"a", "d"}
    assert "d.png: not an image" in images.faults["d"]


def test_images_without_tags_where_none_are_needed(root):
    (root / "labels.csv").unlink()
    images = read_folder(root, None, LabelFiles(untagged=True))
    assert images.labels == dict.fromkeys("abcd", ()) and not images.faults


def test_another_label_makes_another_set(root):
    prints = {read(root, points={"a": [click(x=x)]}).fingerprint() for x in (0.1, 0.2)}
    assert len(prints | {read_folder(root).fingerprint()}) == 3
    assert json.loads((root / "points.json").read_text())["a"][0]["x"] == 0.2
