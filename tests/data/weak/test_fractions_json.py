"""Entries by class name and fractions, by hand."""

import pytest

from tfwsss.data.weak.fractions_json import EXAMPLES, is_fractions, written_fractions
from tfwsss.data.weak.written import Shape
from tfwsss.errors import ImageFault

ENTRIES = {"boxes": {"name": "polar bear", "box": [0.1, 0.2, 1.0, 0.9]}, "points": {"name": "cat", "x": 0.3, "y": 2},
           "scribbles": {"name": "background", "points": [[0.3, 0.6], [0.4, 1]]}}
POINTS = {"boxes": ((0.1, 0.2), (1.0, 0.9)), "points": ((0.3, 2.0),), "scribbles": ((0.3, 0.6), (0.4, 1.0))}


@pytest.mark.parametrize("kind", ENTRIES)
def test_each_kind(kind):
    entry = ENTRIES[kind]
    written = written_fractions(kind, "x", [entry, {**entry, "name": " cat "}])
    assert written.shapes == (Shape(entry["name"], POINTS[kind]), Shape("cat", POINTS[kind])) and written.fractions
    assert [is_fractions(other, entry) for other in ENTRIES] == [other == kind for other in ENTRIES]
    assert not is_fractions(kind, ["name"])


@pytest.mark.parametrize(("kind", "change", "words"), [
    ("boxes", {"box": [0.1, 0.2, 0.3]}, "expected 4 numbers"), ("boxes", {"box": "0.1"}, "expected 4 numbers"),
    ("boxes", {"box": [0, 0, 1, None]}, "None is no number"), ("points", {"x": [0.5]}, "is no number"),
    ("boxes", {"name": 3}, "no label of this kind"), ("points", {"y": 10**400}, "is no number"),
    ("scribbles", {"points": []}, "it has no list of points"), ("scribbles", {"points": [0.5, 0.5]}, "2 numbers"),
    ("scribbles", {"points": [[0.5, 0.5, 0.5]]}, "2 numbers"), ("scribbles", {"points": {"x": 1}}, "no list of points"),
    ("scribbles", {"points": [[0.5, 0.5]] * 200_001}, "200,003 points; at most")])
def test_entries_that_are_none(kind, change, words):
    with pytest.raises(ImageFault, match=words) as caught:
        written_fractions(kind, "x.json, 'a'", [ENTRIES[kind], {**ENTRIES[kind], **change}])
    assert str(caught.value).startswith("x.json, 'a': ") and len(str(caught.value)) < 400
    assert EXAMPLES[kind] in str(caught.value) or "at most" in str(caught.value)


def test_an_entry_of_another_kind():
    with pytest.raises(ImageFault, match="no label of this kind; expected entries such as .*box"):
        written_fractions("boxes", "x", [ENTRIES["points"]])
