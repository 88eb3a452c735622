"""The form is found by what lies there; where that says nothing, or two things, the message names the forms."""

import json
from pathlib import Path

import pytest

from tests.data.test_folder import draw
from tests.data.weak.test_boxes_xml import made
from tests.data.weak.test_scribbles_xml import line
from tfwsss.data.weak.forms import open_source
from tfwsss.data.weak.written import Shape
from tfwsss.errors import UserError

CLASSES = ("background", "cat", "aeroplane")
BY_NAME = {"boxes": {"name": "cat", "box": [0.1, 0.2, 0.3, 0.4]}, "points": {"name": "cat", "x": 0.5, "y": 0.5},
           "scribbles": {"name": "cat", "points": [[0.5, 0.5]]}}


def put(path: Path, contents) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(contents if isinstance(contents, str) else json.dumps(contents), "utf-8")
    return path


def opened(kind, place, difficult=True):
    source = open_source(kind, place, CLASSES, difficult)
    return {name: source.read(f"{place}, {name}", entry).shapes for name, entry in source.entries.items()}


@pytest.mark.parametrize("kind", BY_NAME)
def test_json_by_name(tmp_path, kind):
    shapes = opened(kind, put(tmp_path / "a.json", {"none": [], "猫 1": [BY_NAME[kind]]}))
    assert shapes["none"] == () and [shape.tag for shape in shapes["猫 1"]] == ["cat"]


def test_clicks_of_two_files_follow_one_another(tmp_path):
    put(tmp_path / "fg.json", {"a": [{"cls": 1, "x": 5, "y": 6, "rank": 1}], "c": []})
    put(tmp_path / "bg.json", {"a": [{"cls": 0, "x": 1, "y": 2}], "b": [{"cls": 0, "x": 3, "y": 4}]})
    first, second = Shape(0, ((1.0, 2.0),)), Shape(1, ((5.0, 6.0),))
    assert opened("points", tmp_path) == {"a": (first, second), "b": (Shape(0, ((3.0, 4.0),)),), "c": ()}
    assert set(opened("points", tmp_path / "fg.json")) == {"a", "c"}


def test_folders_of_xml(tmp_path):
    put(tmp_path / "boxes" / "farm" / "a.b.xml", f"<annotation>{made(difficult=1)}{made('dog')}</annotation>")
    assert {name: [shape.tag for shape in shapes] for name, shapes in opened("boxes", tmp_path / "boxes").items()} == \
        {"farm/a.b": ["cat", "dog"]}
    assert [shape.tag for shape in opened("boxes", tmp_path / "boxes", False)["farm/a.b"]] == ["dog"]
    put(tmp_path / "lines" / "a.xml", f"<annotation>{line('plane', (1, 2))}</annotation>")
    assert opened("scribbles", tmp_path / "lines") == {"a": (Shape("aeroplane", ((1.0, 2.0),)),)}


def test_endings_in_any_case_and_two_files_of_one_image(tmp_path):
    put(tmp_path / "A.XML", f"<annotation>{made()}</annotation>")
    put(tmp_path / "caf\u00e9.xml", f"<annotation>{made()}</annotation>")
    assert set(opened("boxes", tmp_path)) == {"A", "caf\u00e9"}
    for twin in ("A.xml", "cafe\u0301.xml"):
        put(tmp_path / twin, f"<annotation>{made('aeroplane')}</annotation>")
        with pytest.raises(UserError, match="means the image '(A|caf\u00e9)', as .* does; keep one of them"):
            opened("boxes", tmp_path)
        (tmp_path / twin).unlink()


def test_a_folder_of_pngs(tmp_path):
    draw(tmp_path, "drawn/farm/a.png", "drawn/b 1.png")
    source = open_source("scribbles", tmp_path / "drawn", CLASSES, True)
    assert source.read is None and source.entries == {"farm/a": tmp_path / "drawn" / "farm" / "a.png",
                                                      "b 1": tmp_path / "drawn" / "b 1.png"}


@pytest.mark.parametrize(("kind", "files", "words"), [
    ("boxes", {"b/x.txt": ""}, "holds no file of .xml; expected a folder of XML files .* or JSON .*\"box\""),
    ("points", {"b/x.xml": ""}, "holds no file of .json; expected JSON .*\"cls\""),
    ("scribbles", {"b/x.xml": "", "b/y.png": ""}, "holds files of .xml and .png; expected"),
    ("boxes", {"b": {"a": [BY_NAME["points"]]}}, "holds entries such as .*'x': 0.5.*; expected a folder of XML"),
    ("boxes", {"b": {"a": [{"cls": 1, "x": 1, "y": 1}]}}, "holds entries such as"),
    ("points", {"b": {"a": [], "c": []}}, "holds no label; expected JSON"), ("points", {"b": {"a": [3]}}, "such as 3"),
    ("points", {"b/x.json": {"a": [BY_NAME["points"]]}, "b/y.json": {"a": [{"cls": 1, "x": 1, "y": 1}]}},
     "holds files of two forms"),
    ("scribbles", {"b": "<annotation/>"}, "is no JSON of labels")])
def test_forms_that_nobody_knows(tmp_path, kind, files, words):
    for name, contents in files.items():
        put(tmp_path / name, contents)
    with pytest.raises(UserError, match=words):
        open_source(kind, tmp_path / "b", CLASSES, True)
