"""Counts of labels: by what images are supervised, and by class."""

from pathlib import Path

from tfwsss.data.image_set import ImageSet
from tfwsss.data.label_counts import WORDS, count_labels, in_tables, in_words
from tfwsss.data.weak_labels import SUPERVISION, Box, Point, Scribble
from tfwsss.palette import voc_palette


def test_counts():
    images = ImageSet(("a", "b", "c", "d"), Path("pets"), ("background", "cat", "dog", "cow"), voc_palette(),
                      images=dict.fromkeys("abcd", Path("x")), labels={"a": (0, 1), "b": (1,), "c": (), "d": (1,)},
                      masks={}, boxes={"a": (Box(1, 0, 0, 1, 1), Box(1, 0, 0, 2, 2), Box(2, 0, 0, 1, 1))},
                      points={"a": (Point(0, 0.0, 0.0),), "b": (Point(2, 1.0, 1.0), Point(0, 0.0, 0.0))},
                      scribbles={"c": (Scribble(0, ((0.0, 0.0),)),)}, full_masks={"d": Path("m")})
    counts = count_labels(images)
    assert counts == {"supervision": {"mask": 1, "scribble": 1, "box": 1, "point": 1},
                      "classes": {"background": {"points": 2, "scribbles": 1}, "cat": {"images": 1, "boxes": 2},
                                  "dog": {"images": 3, "boxes": 1, "points": 1}}, "none": 1}
    assert in_words(counts).split("\n") == [
        "1 images by full masks, 1 by scribbles, 1 by boxes, 1 by points, 1 show no class",
        "  class       images  boxes  points  scribbles", "  background       0      0       2          1",
        "  cat              1      2       0          0", "  dog              3      1       1          0"]
    assert set(WORDS) == set(SUPERVISION)


def test_tags_only():
    images = ImageSet(("a",), Path("pets"), ("background", "cat"), voc_palette(), images={"a": Path("x")},
                      labels={"a": (0,)}, masks={"a": Path("m")})
    assert in_words(count_labels(images)) == "1 images by tags only\n  class  images\n  cat         1"


def test_tables_of_lists_that_differ():
    counts = {"supervision": {"box": 3, "image": 1},
              "classes": {"cat": {"boxes": 5}, "background": {"points": 2}, "dog": {"images": 4}}}
    table = {"supervision": {"boxes": 3, "tags only": 1}, "kinds": ["images", "boxes", "points"],
             "classes": counts["classes"], "none": 0}
    assert in_tables({"training": {**counts, "none": 2}})["training"]["none"] == 2
    assert in_tables({}) == {} and in_tables({"training": counts, "pseudo": dict(counts)}) == {"training": table}
    other = {**counts, "supervision": {"mask": 4}}
    assert list(in_tables({"training": counts, "pseudo": other})) == ["training", "pseudo"]
