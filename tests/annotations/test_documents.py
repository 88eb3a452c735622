import json

import pytest

from tfwsss.annotations import documents
from tfwsss.annotations.documents import MAX_DEPTH, number, parse_json, parse_xml, shown
from tfwsss.errors import ImageFault, UserError

BOMB = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;">]><a>&y;</a>"""


@pytest.mark.parametrize(("data", "expected"), [
    (BOMB, "document type"), (b"<a>", "is no XML"), (b"", "is no XML"), (b"<a>\xff</a>", "is no XML"),
    (b"<a>" * (MAX_DEPTH + 1), "inside each other"), (b'<?xml version="1.0" encoding="nonsense"?><a/>', "is no XML")])
def test_xml_that_is_refused(data, expected):
    with pytest.raises(UserError, match=f"a.xml: .*{expected}"):
        parse_xml("a.xml", data)


@pytest.mark.parametrize(("data", "expected"), [
    (b"{", "is no JSON"), (b"[NaN]", "NaN is no number"), (b"[1e999, Infinity]", "is no JSON"),
    (b"\xff\xfe\x00", "is no"),
    (b"[" * 100_000, "nested too deep"), (b"[" + b"9" * 5000 + b"]", "is no JSON")])
def test_json_that_is_refused(data, expected):
    with pytest.raises(UserError, match=rf"a\.json: .*{expected}"):
        parse_json("a.json", data)


def test_sizes_are_bounded(monkeypatch):
    monkeypatch.setattr(documents, "MAX_BYTES", 20)
    for parse in (parse_json, parse_xml):
        with pytest.raises(UserError, match="21 bytes, more than 20; export it in parts"):
            parse("a", b" " * 21)
    assert [child.tag for child in parse_xml("a", b"<a><b/></a>", most=2)] == ["b"]
    with pytest.raises(ImageFault, match="^a: has more than 2 elements, or more than 50 inside each other; mend it$"):
        parse_xml("a", b"<a><b/><b/></a>", 2, ImageFault, "mend it")


def test_encodings():
    document = {"name": "жук"}
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        assert parse_json("a", json.dumps(document, ensure_ascii=False).encode(encoding)) == document


@pytest.mark.parametrize("value", [True, None, "x", "", float("nan"), "inf", [1], 10**400])
def test_what_is_no_number(value):
    with pytest.raises(ValueError, match="is no number"):
        number(value)


def test_values_are_shown_shortened():
    assert shown("x" * 100) == "'" + "x" * 79 + "..." and number("-3.5") == -3.5
