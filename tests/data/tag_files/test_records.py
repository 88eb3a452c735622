"""JSON Lines and JSON lists as tables of tags."""

import json

import pytest

from tests.data.tag_files.drawn import folder, put, read, shown
from tests.data.tag_files.test_tables import FOUR
from tfwsss.data.tag_files.records import are_records
from tfwsss.errors import UserError
from tfwsss.settings.sections import ColumnSettings

LISTS = {"a": ["cat"], "b": ["dog", "cat"], "c": ["dog"], "d": []}


def lines(*records):
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


@pytest.mark.parametrize(("name", "contents"), [
    ("metadata.jsonl", lines(*({"file_name": f"{name}.png", "labels": tags} for name, tags in LISTS.items()))),
    ("images/metadata.jsonl", "\ufeff\n" + lines(*({"image": name, "text": "x", "tag": tags}
                                                  for name, tags in LISTS.items()))),
    ("x.ndjson", lines(*({"image": name, "cat": "cat" in tags, "dog": int("dog" in tags)}
                         for name, tags in LISTS.items()))),
    ("one a line.jsonl", lines(*({"image": name, "label": tag}
                                 for name, tags in LISTS.items() for tag in tags or [None]))),
    ("x.json", [{"image": name, "classes": tags} for name, tags in LISTS.items()]), ("y.json", LISTS)])
def test_forms(tmp_path, name, contents):
    put(folder(tmp_path), contents, name)
    assert shown(read(tmp_path)) == FOUR


def test_names_with_spaces_and_quotes_stay_whole(tmp_path):
    put(folder(tmp_path, "a", "b"), lines({"file_name": "a", "labels": ["traffic sign", "driver's seat"]},
                                          {"file_name": "b", "labels": ["traffic sign"]}), "x.jsonl")
    assert shown(read(tmp_path))["a"] == {"traffic sign", "driver's seat"}


def test_keys_that_are_named(tmp_path):
    put(folder(tmp_path), lines(*({"pic": name, "what": tags, "width": 9, "where": {"x": 1}}
                                  for name, tags in LISTS.items())), "x.jsonl")
    with pytest.raises(UserError, match="say which of its columns 'pic', 'what', 'width', 'where'"):
        read(tmp_path)
    assert shown(read(tmp_path, columns=ColumnSettings(classes="what"))) == FOUR


@pytest.mark.parametrize("columns", [{"least": 0.5}, {"least": 0.5, "classes": "label"}, {"classes": ("bad",)}])
def test_numbers_are_scores_where_that_is_told(tmp_path, columns):
    put(folder(tmp_path), lines(*({"image": name, "label": score, "bad": round(score)}
                                  for name, score in (("a", 0.75), ("b", 1), ("c", 0.25), ("d", 0)))), "x.jsonl")
    name = "bad" if "classes" in columns and "least" not in columns else "label"
    assert shown(read(tmp_path, columns=ColumnSettings(**columns))) == {
        "a": {name}, "b": {name}, "c": set(), "d": set()}


@pytest.mark.parametrize(("text", "words"), [
    ('{"file_name": "a", "labels": ["cat"]}\n{"file_name": "b"', "line 2 is no JSON .*; expected lines such as"),
    ('{"file_name": "a", "labels": ["cat"], "labels": ["dog"]}\n{}', "line 1 is no JSON .'labels' stands there twice"),
    ('{"a.png": ["cat"], "b.png": [], "a.png": ["dog"]}', "'a.png' stands there twice"),
    ('{"file_name": "a", "labels": 3}\n', "line 1: 3 is no name"),
    ('{"file_name": "a", "labels": [{"x": 1}]}\n', "line 1: .* is no name"),
    ('{"file_name": "a", "labels": ["ca\\"t"]}\n', "holds a quote or a backslash"),
    ("[1]", "holds no tags in a form that is read"), ("", "holds no tags"), ("3\n", "line 1 is 3")])
def test_bad_files(tmp_path, text, words):
    put(folder(tmp_path), text, "x.jsonl")
    with pytest.raises(UserError, match=words):
        read(tmp_path)


def test_what_records_are():
    assert are_records([{"file": 1}]) and are_records({"a": [], "b": ["x"]})
    assert not are_records([{"x": 1}]) and not are_records([]) and not are_records({"a": [], "b": []})
    assert not are_records({"a": [{"name": "cat"}]}) and not are_records({"a": 1}) and not are_records(3)
