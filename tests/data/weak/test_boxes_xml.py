"""Boxes of VOC's annotations, by hand."""

from xml.etree import ElementTree

import pytest

from tfwsss.data.weak.boxes_xml import counted_objects, read_boxes
from tfwsss.data.weak.written import Shape
from tfwsss.errors import ImageFault

CLASSES = ("background", "cat", "dog")
BOX = "<bndbox><xmax>{2}</xmax><ymin>{1}</ymin><xmin>{0}</xmin><ymax>{3}</ymax></bndbox>"     # any order of sides


def made(name="cat", box=(1, 2, 30, 20), inside="", difficult=0) -> str:
    return f"<object><name>{name}</name><difficult>{difficult}</difficult>{inside}{BOX.format(*box)}</object>"


def read(tmp_path, *objects, size="<size><width>30</width><height>20</height></size>", **more):
    (tmp_path / "a.xml").write_text(f"<annotation>{size}{''.join(objects)}</annotation>")
    return read_boxes(tmp_path / "a.xml", CLASSES, **more)


def test_order_of_the_file_and_fractions_cut_off(tmp_path):
    written = read(tmp_path, made("dog", ("3.9", "2.0", " 30 ", "19.99")), made("cat"), made("dog", (5, 6, 7, 8)))
    assert written.shapes == (Shape("dog", ((3, 2), (30, 19))), Shape("cat", ((1, 2), (30, 20))),
                              Shape("dog", ((5, 6), (7, 8))))
    assert written.size == (20, 30) and not written.fractions and not written.notes


def test_only_objects_and_their_first_box(tmp_path):
    part = f"<part><name>head</name>{BOX.format(9, 9, 10, 10)}</part>"
    second = "<object><name>dog</name>" + BOX.format(1, 1, 2, 2) + BOX.format(8, 8, 9, 9) + "</object>"
    written = read(tmp_path, made(inside=part), second, f"<folder>{made('dog')}</folder>", size="")
    assert written.shapes == (Shape("cat", ((1, 2), (30, 20))), Shape("dog", ((1, 1), (2, 2))))
    assert written.size is None


def test_parts_are_no_objects_unless_a_class_is_named_so(tmp_path):
    written = read(tmp_path, made(), made("hand"), made("foot"))
    assert [shape.tag for shape in written.shapes] == ["cat"]
    assert written.notes == ("boxes of parts (head, hand, foot) are left out",) * 2
    (tmp_path / "b.xml").write_text(f"<annotation>{made('hand')}</annotation>")
    assert read_boxes(tmp_path / "b.xml", ("background", "hand")).shapes[0].tag == "hand"


@pytest.mark.parametrize(("marks", "difficult", "kept"), [
    ((0, 1, 0), True, "abc"), ((0, 1, 0), False, "ac"), ((1, 1), False, "ab"), ((1, 0), False, "b"), ((), False, "")])
def test_difficult_objects(marks, difficult, kept):
    root = ElementTree.fromstring("<a>" + "".join(
        made(name, difficult=mark) for name, mark in zip("abc", marks, strict=False)) + "</a>")
    assert "".join(item.findtext("name") for item in counted_objects(root, difficult)) == kept


def test_difficult_boxes_count_by_default(tmp_path):
    objects = (made("dog", difficult=1), made("cat"))
    assert [shape.tag for shape in read(tmp_path, *objects).shapes] == ["dog", "cat"]
    assert [shape.tag for shape in read(tmp_path, *objects, difficult=False).shapes] == ["cat"]


@pytest.mark.parametrize(("text", "words"), [
    ("<object><name>cat</name></object>", "object 'cat': it has no bndbox; expected a bndbox of xmin, ymin, xmax"),
    (made(box=(1, 2, "", 4)), "object 'cat': '' is no number"), (made(box=(1, 2, "nan", 4)), "'nan' is no number"),
    ("<object><name>cat</name><bndbox><xmin>1</xmin></bndbox></object>", "None is no number"),
    (made(""), "an object without a name"), ("<object/>" * 10_001, "10,001 labels")])
def test_objects_without_a_box(tmp_path, text, words):
    with pytest.raises(ImageFault, match=words):
        read(tmp_path, text)
