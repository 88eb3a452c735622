"""ScribbleSup's files, by hand."""

import pytest

from tfwsss.data.weak.scribbles_xml import read_scribbles
from tfwsss.data.weak.written import Shape
from tfwsss.errors import ImageFault

CLASSES = ("background", "aeroplane", "cat", "table")


def line(tag, *points) -> str:
    inner = "".join(f"<point><X>{x}</X><Y>{y}</Y></point>" for x, y in points)
    return f"<polygon><tag>{tag}</tag>{inner}</polygon>"


def read(tmp_path, *lines):
    (tmp_path / "a.xml").write_text("<annotation><size><width>30</width><height>20</height></size>"
                                    f"{''.join(lines)}</annotation>")
    return read_scribbles(tmp_path / "a.xml", CLASSES)


def test_lines_in_the_order_of_the_file(tmp_path):
    written = read(tmp_path, line("background", (5, 6)), line("cat", (1, 2), (29, 19), (3.5, 0)))
    assert written.shapes == (Shape("background", ((5, 6),)), Shape("cat", ((1, 2), (29, 19), (3.5, 0))))
    assert written.size == (20, 30) and not written.fractions


def test_short_names(tmp_path):
    """`plane` is the class aeroplane; `table` is a class of its own here; what is neither stays and is told later."""
    tags = [shape.tag for shape in read(tmp_path, *(line(tag, (1, 1)) for tag in ("plane", "table", "plant"))).shapes]
    assert tags == ["aeroplane", "table", "pottedplant"]


@pytest.mark.parametrize(("text", "words"), [
    (line("cat"), "polygon 'cat': it has no point; expected points with X and Y"), (line("", (1, 1)), "without a tag"),
    ("<polygon><tag>cat</tag><point><X>1</X></point></polygon>", "polygon 'cat': None is no number"),
    (line("cat", ("inf", 1)), "'inf' is no number"), ("<polygon/>" * 10_001, "10,001 labels")])
def test_lines_that_are_none(tmp_path, text, words):
    with pytest.raises(ImageFault, match=words):
        read(tmp_path, text)
