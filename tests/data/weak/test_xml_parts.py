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


def test_the_root_and_the_name(tmp_path):
    (tmp_path / "a.xml").write_text("<html><name> big cat </name></html>")
    with pytest.raises(ImageFault, match="the root is 'html'; expected 'annotation'"):
        read_annotation(tmp_path / "a.xml")
    root = ElementTree.fromstring("<object><name> big cat </name><tag> </tag></object>")
    assert class_name(tmp_path, root, "name") == "big cat"
    with pytest.raises(ImageFault, match="an object without a tag"):
        class_name(tmp_path, root, "tag")
