from pathlib import Path
from xml.etree import ElementTree

import pytest

from tfwsss.data.weak.xml_parts import annotated_size, class_name, read_annotation
from tfwsss.errors import ImageFault


@pytest.mark.parametrize(("text", "size"), [
    ("<a><size><width>30</width><height>20</height><depth>3</depth></size></a>", (20, 30)), ("<a/>", None),
    ("<a><size><width>0</width><height>0</height></size></a>", None)])
def test_size(tmp_path, text, size):
    assert annotated_size(tmp_path, ElementTree.fromstring(text)) == size


@pytest.mark.parametrize("text", ["<a><size><width>30</width></size></a>",
                                  "<a><size><width>x</width><height>2</height></size></a>"])
def test_a_size_that_is_none(tmp_path, text):
    with pytest.raises(ImageFault, match="size: .* is no number"):
        annotated_size(tmp_path, ElementTree.fromstring(text))


@pytest.mark.parametrize(("text", "words"), [
    ("<html><name> big cat </name></html>", "begins with <html> and holds 0 elements <annotation>; FORM"),
    ("<annotation><size/><items><item/></items></annotation>", "has no <item> in its <annotation>, but <items>; FORM"),
    ("<annotation><source><item/></source></annotation>", "has no <item> in its <annotation>, but elsewhere; FORM"),
    ("<a><annotation/><annotation/></a>", "holds 2 elements <annotation>")])
def test_near_shapes_are_faults(tmp_path, text, words):
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(ImageFault, match=words):
        read_annotation(tmp_path / "a.xml", "item", "FORM")


@pytest.mark.parametrize("text", [
    "<annotation><item/></annotation>", "<annotation xmlns='http://x.org'><item/><more/></annotation>",
    "<annotations><annotation><item/></annotation></annotations>"])
def test_annotations(tmp_path, text):
    (tmp_path / "a.xml").write_text(text)
    assert len(read_annotation(tmp_path / "a.xml", "item", "FORM").findall("item")) == 1


def test_an_image_that_shows_nothing(tmp_path):
    (tmp_path / "a.xml").write_text("<annotation><filename>a.jpg</filename><size/></annotation>")
    assert read_annotation(tmp_path / "a.xml", "item", "FORM").findall("item") == []


def test_the_name():
    root = ElementTree.fromstring("<object><name> big \n cat </name><tag> </tag></object>")
    assert class_name(Path("a.xml"), root, "name", "FORM") == "big cat"
    with pytest.raises(ImageFault, match="an object without a tag; FORM"):
        class_name(Path("a.xml"), root, "tag", "FORM")
