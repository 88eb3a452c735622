"""What's the Point's entries, by hand."""

import pytest

from tfwsss.data.weak.clicks_json import is_click, written_clicks
from tfwsss.data.weak.written import Shape
from tfwsss.errors import ImageFault


def test_clicks():
    entries = [{"cls": 12, "x": 120.5, "y": 80, "rank": 2}, {"cls": 0, "x": 754.0, "y": -1}]
    written = written_clicks("points.json, 'a'", entries)
    assert written.shapes == (Shape(12, ((120.5, 80.0),)), Shape(0, ((754.0, -1.0),)))
    assert not written.fractions and written.size is None and written_clicks("x", []).shapes == ()
    assert is_click(entries[0]) and not is_click({"name": "cat", "x": 0.5, "y": 0.5}) and not is_click([1])


@pytest.mark.parametrize(("entry", "words"), [
    (7, "7: cls is no mask id"), ({"cls": "cat", "x": 1, "y": 1}, "cls is no mask id"),
    ({"cls": True, "x": 1, "y": 1}, "cls is no mask id"), ({"cls": 1, "x": 1}, "None is no number"),
    ({"cls": 1, "x": [1], "y": 1}, "is no number"), ({"name": "cat", "x": 1, "y": 1}, "cls is no mask id"),
    ({"cls": 2.0, "x": 1, "y": 1}, "cls is no mask id")])
def test_entries_that_are_none(entry, words):
    with pytest.raises(ImageFault, match=f"points.json, 'a': .*{words}; expected entries such as"):
        written_clicks("points.json, 'a'", [{"cls": 1, "x": 1, "y": 1}, entry])


def test_too_many():
    with pytest.raises(ImageFault, match="10,001 labels"):
        written_clicks("a", [{"cls": 1, "x": 1, "y": 1}] * 10_001)
