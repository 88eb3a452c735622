"""What is drawn on images as boxes, points, scribbles and masks of theirs."""

import numpy as np
from PIL import Image

from tests.data.tag_files.drawn import SIZE, folder
from tfwsss.annotations.drawings import Drawing, Drawn
from tfwsss.data.tag_files.drawn_labels import FOLDER, drawn_sources, painted_files
from tfwsss.data.weak.written import Shape, Written

CLASSES = ("background", "cat")
SQUARE = Drawn("polygon", "cat", ((0, 0), (2, 0), (2, 2), (0, 2)))


def images(root):
    return {name: root / "images" / f"{name}.png" for name in "abcd"}


def test_each_kind_has_a_source(tmp_path):
    folder(tmp_path)
    click, line = Drawn("point", "cat", ((0.5, 0.5),)), Drawn("line", "background", ((0.1, 0.1), (0.9, 0.1)))
    drawings = {"a": Drawing(("a",), (click, line), SIZE, True), "b": Drawing(("b",), (SQUARE, click)),
                "c": Drawing(("c",), (SQUARE, SQUARE._replace(name="background", points=((5, 5), (9, 5), (9, 9))))),
                "elsewhere": Drawing(("x",), (click, SQUARE))}
    found, faults = drawn_sources(drawings, images(tmp_path), CLASSES, tmp_path)
    assert not faults and [(kind, list(source.entries)) for kind, source in found] == [
        ("points", ["a", "b"]), ("scribbles", ["a"]), ("scribbles", ["c"]), ("full_masks", ["b"])]
    assert found[0][1].read("x", drawings["a"]) == Written((Shape("cat", ((0.5, 0.5),)),), True, SIZE)
    assert all(path.is_relative_to(tmp_path / FOLDER) for _, source in found[2:] for path in source.entries.values())


def test_a_mask_is_kept_by_what_it_was_painted_from(tmp_path):
    folder(tmp_path)
    drawings = {"a": Drawing(("a",), (SQUARE,)), "b": Drawing(("b",), (SQUARE._replace(name="background"), SQUARE))}
    masks, scribbles, _ = painted_files(drawings, images(tmp_path), CLASSES, tmp_path)
    assert list(masks) == ["a"] and list(scribbles) == ["b"]
    stamp = masks["a"].stat().st_mtime_ns
    again = painted_files(drawings, images(tmp_path), CLASSES, tmp_path)
    assert again[:2] == (masks, scribbles) and masks["a"].stat().st_mtime_ns == stamp
    other, _, _ = painted_files(drawings, images(tmp_path), ("background", "dog", "cat"), tmp_path)
    assert other["a"] != masks["a"]


def test_a_mask_that_cannot_be_painted_is_a_fault(tmp_path):
    folder(tmp_path)
    cow = Drawing(("a",), (SQUARE._replace(name="cow"),))
    masks, _, faults = painted_files({"a": cow, "b": Drawing(("b",), (SQUARE,))}, images(tmp_path), CLASSES, tmp_path)
    assert list(masks) == ["b"] and list(faults) == ["a"] and "'cow' is no class" in faults["a"]
    assert np.count_nonzero(np.array(Image.open(masks["b"]))) == 4
