"""Annotations of VOC's form, of near shapes, and of none."""

import pytest

from tests.support.tiny_voc import annotation
from tfwsss.data.annotation import object_names
from tfwsss.errors import ImageFault

BOX = (1, 1, 9, 9)
DOG = "<object><name>dog</name></object>"


def names(tmp_path, text) -> set[str]:
    (tmp_path / "a.xml").write_text(text)
    return object_names(tmp_path / "a.xml")


@pytest.mark.parametrize(("boxes", "difficult", "expected"), [
    (["cat", "dog", "cat"], (), {"cat", "dog"}), (["cat", "dog"], (1,), {"cat"}),
    (["cat", "dog"], (0, 1), {"cat", "dog"}), (["cat", "cat"], (0,), {"cat"}), ([], (), set())])
def test_vocs_form(tmp_path, boxes, difficult, expected):
    assert names(tmp_path, annotation("a", [(kind, *BOX) for kind in boxes], difficult)) == expected


@pytest.mark.parametrize("text", [
    f'<annotation xmlns="http://example.org/v">{DOG}</annotation>',
    f"<annotations><annotation>{DOG}</annotation></annotations>",
    f'<v:annotation xmlns:v="u">{DOG.replace("<", "<v:").replace("<v:/", "</v:")}</v:annotation>',
    f"<annotation><weather>rain</weather>{DOG}</annotation>",
    "<annotation><object><name> dog\n</name></object></annotation>"])
def test_near_shapes_that_can_mean_one_thing(tmp_path, text):
    assert names(tmp_path, text) == {"dog"}


@pytest.mark.parametrize("text", [
    f"<annotation><objects>{DOG}</objects></annotation>",
    '<annotations><image><box label="dog"/></image></annotations>',
    "<annotation><Object><name>dog</name></Object></annotation>", "<annotation><label>dog</label></annotation>",
    "<annotation><object><label>dog</label></object></annotation>", f"<annotation>{DOG}<more>{DOG}</more></annotation>",
    f"<annotations><annotation>{DOG}</annotation><annotation>{DOG}</annotation></annotations>", DOG,
    "<annotation><item><class>dog</class></item></annotation>", "<html><body>moved</body></html>"])
def test_other_shapes_are_faults(tmp_path, text):
    """None of them is an image that shows nothing."""
    with pytest.raises(ImageFault, match="a.xml: .*VOC's form is <annotation><object><name>dog"):
        names(tmp_path, text)


@pytest.mark.parametrize(("text", "words"), [
    ("", "is no XML"), ("<annotation><object>", "is no XML"), ("<html>moved</p>", "is no XML"),
    ("x" * 1_000_001, "larger than"), ("<?xml version='1.0' encoding='no'?><a/>", "XML"),
    ('<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><annotation>&c;</annotation>', "entities"),
    ("<annotation>" * 60_000, "more than 50,000 elements"), ("<a>" * 60_000 + "</a>" * 60_000, "50 inside each other")])
def test_broken_ones_are_faults(tmp_path, text, words):
    with pytest.raises(ImageFault, match=words):
        names(tmp_path, text)


def test_entity_bombs_are_refused(tmp_path):
    levels = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(12))
    with pytest.raises(ImageFault, match="entities"):
        names(tmp_path, f'<!DOCTYPE a [<!ENTITY e0 "boom">{levels}]><annotation>&e12;</annotation>')
    with pytest.raises(ImageFault, match="cannot be read"):
        object_names(tmp_path / "none.xml")
