import numpy as np

from tfwsss.runs import journal
from tfwsss.runs.recognition import ranked, recognised, unknown


def test_a_class_is_found_among_as_many_as_there_are_tags(tmp_path):
    hits = {"a": ([0], [0]), "b": ([0], [1]), "c": ([0], [1]), "d": ([1], [1]), "e": ([1, 2], [1, 0]), "f": ([2], [2]),
            "g": ([], [])}
    for name, (tags, likely) in hits.items():
        journal.append(tmp_path / journal.SHOWN, {"name": name, "tags": tags, "likely": likely})
    found = recognised(tmp_path, ["cat", "dog", "cow", "bird"])
    assert found == {"cat": {"images": 3, "share": 1 / 3}, "dog": {"images": 2, "share": 1.0},
                     "cow": {"images": 2, "share": 0.5}}
    (line,) = unknown(found)
    assert line.startswith("CLIP does not find cat (33 % of 3) on most images") and "clip.words.CLASS" in line
    assert recognised(tmp_path / "other", ["cat"]) == {} and unknown({}) == []


def test_the_likeliest_come_first_and_equals_in_their_order():
    assert ranked(np.array([0.2, 0.7, 0.7, 0.1]), 3) == [1, 2, 0] and ranked(np.array([0.5]), 0) == []
