"""Bounds of XML and JSON: what could exhaust memory or the stack ends as one line."""

import json

import pytest

from tfwsss.annotations.documents import MAX_DEPTH, number, shown
from tfwsss.data.weak import parsing
from tfwsss.data.weak.parsing import read_json, read_xml
from tfwsss.errors import ImageFault, UserError

BOMB = ('<?xml version="1.0" encoding="{}"?><!DOCTYPE a [<!ENTITY e0 "boom">'
        + "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(12)) + "]><annotation>&e12;</annotation>")


def test_a_plain_file(tmp_path):
    (tmp_path / "a.xml").write_text("<annotation><object><name>кот</name></object></annotation>", "utf-8")
    root = read_xml(tmp_path / "a.xml")
    assert root.tag == "annotation" and root.findtext("object/name") == "кот"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le"])
def test_entities_are_refused_in_every_encoding(tmp_path, encoding):
    """A search of the bytes for the word would see the first only."""
    (tmp_path / "a.xml").write_bytes(BOMB.format(encoding.removesuffix("-le")).encode(encoding))
    with pytest.raises(ImageFault, match="declares a document type, which may hold entities"):
        read_xml(tmp_path / "a.xml")


@pytest.mark.parametrize(("text", "words"), [
    ("", "is no XML"), ("<annotation><object>", "is no XML"), ("\0\1\2", "is no XML"), ("<a>&e;</a>", "is no XML"),
    ("<!DOCTYPE html><html/>", "document type"), ("<a>" * (MAX_DEPTH + 1), "50 inside each other"),
    (f"<a>{'<b/>' * 50_000}</a>", "more than 50,000 elements"), ("x" * 1_000_001, "more than 1,000,000 bytes"),
    ("<?xml version='1.0' encoding='no'?><a/>", "is no XML"), ("<a>" * 200_000, "inside each other")])
def test_xml_that_is_no_annotation(tmp_path, text, words):
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(ImageFault, match=f"a.xml: .*{words}") as caught:
        read_xml(tmp_path / "a.xml")
    assert "\n" not in str(caught.value)


def test_the_deepest_xml_that_is_read(tmp_path):
    (tmp_path / "a.xml").write_text("<a>" * MAX_DEPTH + "</a>" * MAX_DEPTH)
    assert read_xml(tmp_path / "a.xml").find("a/a") is not None


def test_missing_files(tmp_path):
    with pytest.raises(ImageFault, match="cannot be read .No such file"):
        read_xml(tmp_path / "a.xml")
    with pytest.raises(UserError, match="cannot be read .No such file"):
        read_json(tmp_path / "a.json")
    with pytest.raises(UserError, match="cannot be read"):
        read_json(tmp_path)


def test_names_and_lists(tmp_path):
    (tmp_path / "a.json").write_text('\ufeff{"cafe\u0301 1": [1, {"x": 2}], "b": []}', "utf-8")
    assert read_json(tmp_path / "a.json") == {"café 1": [1, {"x": 2}], "b": []}


@pytest.mark.parametrize(("text", "words"), [
    ("", "is no JSON"), ("{", "is no JSON"), ('{"a": [NaN]}', "NaN is no number"), ('{"a": [-Infinity]}', "no number"),
    ("[" * 100_000, "lists inside lists without end"), ('{"a":' * 100_000, "lists inside lists without end"),
    ("[1]", "holds a list; expected an object"), ("7", "holds a int"),
    ('{"a": {"x": 1}}', "'a' has .*a list of labels"),
    ('{"a": [], "b": [], "a": []}', "'a' stands there twice"), ('{"a": [{"x": 1, "x": 2}]}', "'x' stands there twice"),
    (f'{{"a": [{"9" * 5000}]}}', "is no JSON")])
def test_json_that_lists_no_labels(tmp_path, text, words):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(UserError, match=f"a.json: .*{words}"):
        read_json(tmp_path / "a.json")


def test_a_json_file_of_another_encoding(tmp_path):
    (tmp_path / "a.json").write_bytes(b'{"\xe9": []}')
    with pytest.raises(UserError, match="save the file in UTF-8"):
        read_json(tmp_path / "a.json")


def test_a_json_file_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(parsing, "MAX_JSON", 20)
    (tmp_path / "a.json").write_text(json.dumps({"a": []}))
    assert read_json(tmp_path / "a.json") == {"a": []}
    (tmp_path / "a.json").write_text(json.dumps({"a": [1, 2, 3, 4, 5]}))
    with pytest.raises(UserError, match="22 bytes, more than 20"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize(("value", "found"), [(3, 3.0), (2.5, 2.5), (" 12.7\n", 12.7), ("1e2", 100.0), (-0.5, -0.5)])
def test_numbers(value, found):
    assert number(value) == found


@pytest.mark.parametrize("value", [None, True, "", "nan", "inf", "1e999", 10**400, [1], {}, "12 px", float("nan")])
def test_what_is_no_number(value):
    with pytest.raises(ValueError, match="is no number"):
        number(value)


def test_long_values_are_shortened():
    assert shown("x" * 500) == f"'{'x' * 79}..." and shown({"a": 1}) == "{'a': 1}"
    assert shown(10**5000) == "a long int"


def test_a_long_list_of_names_with_one_twice_ends_soon(tmp_path):
    names = ", ".join(f'"{number}": []' for number in [*range(200_000), 199_999])
    (tmp_path / "a.json").write_text(f"{{{names}}}")
    with pytest.raises(UserError, match="'199999' stands there twice"):
        read_json(tmp_path / "a.json")
