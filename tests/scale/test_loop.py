"""The plain loop, with processes: what it makes, keeps and counts."""

import numpy as np
import pytest

from tests.support.tiny_export import draw, expected, masks_of
from tfwsss.scale import loop
from tfwsss.scale.job import make_job

NAMES = ("a.jpg", "a.png", "b/c.jpg", "d e.jpeg", "ü")


@pytest.fixture
def pixels(tmp_path):
    return draw(tmp_path / "photos", NAMES)


def test_a_plan_lists_what_is_missing(export, tmp_path, pixels):
    (tmp_path / "photos" / "list.csv").touch()
    job = make_job(str(export), str(tmp_path / "photos"), str(tmp_path / "out"))
    every = [("a.jpg", "a.jpg"), ("a.png", "a.png"), ("b/c.jpg", "b/c"), ("d e.jpeg", "d e"), ("ü", "ü")]
    assert loop.plan(job) == (every, 0)
    draw(tmp_path / "out" / "masks", ["a.jpg.png", "d e.png", "of another.png", "b/c/x.png"])
    assert loop.plan(job) == ([each for each in every if each[1] not in ("a.jpg", "d e")], 2)


def test_masks_are_made_once_and_faults_are_tried_again(export, tmp_path, pixels, monkeypatch):
    """By two processes: the masks are the rule's; a second call makes what is missing alone."""
    photos, out = tmp_path / "photos", tmp_path / "out"
    (photos / "bad.jpg").write_bytes(b"")
    job = make_job(str(export), str(photos), str(out), threads=1)
    assert loop.run(job, 2) == (5, 0, 1, 0)
    masks = masks_of(out)
    assert set(masks) == {"a.jpg", "a.png", "b/c", "d e", "ü"}
    for place, found in pixels.items():
        name = place if place.startswith("a.") else place.split(".")[0]
        np.testing.assert_array_equal(masks[name], expected(found))
    table = "image,reason\nbad.jpg,empty file (0 bytes); replace it by an image\n"
    assert (out / "faults.csv").read_text() == table
    before = {path: path.stat().st_mtime_ns for path in (out / "masks").rglob("*.png")}
    (out / "masks" / "ü.png").unlink()
    monkeypatch.setattr(loop, "work_on_each", in_this_process)
    assert loop.run(job, 1) == (1, 4, 1, 0) and (out / "faults.csv").read_text() == table
    again = [path.name for path, when in before.items() if path.stat().st_mtime_ns != when]
    assert again == ["ü.png"]


def in_this_process(task, names, *others, **options) -> dict:
    """Stands for `work_on_each`, which has its own tests."""
    return {name: fault for name in names if (fault := task(name))}


def test_what_is_missing_need_not_be_named_by_the_table(export, tmp_path, pixels, monkeypatch):
    """A call that was killed behind the named ones goes on."""
    (tmp_path / "tags.csv").write_text("name,classes\na.jpg,cat\n")
    job = make_job(str(export), str(tmp_path / "photos"), str(tmp_path / "out"), str(tmp_path / "tags.csv"))
    draw(tmp_path / "out" / "masks", ["a.jpg.png"])
    monkeypatch.setattr(loop, "work_on_each", in_this_process)
    assert loop.run(job, 1) == (4, 1, 0, 0)


def test_nothing_to_do_starts_no_process(export, tmp_path, pixels, monkeypatch):
    draw(tmp_path / "out" / "masks", [f"{name}.png" for name in ("a.jpg", "a.png", "b/c", "d e", "ü")])
    monkeypatch.setattr(loop, "work_on_each", None)
    assert loop.run(make_job(str(export), str(tmp_path / "photos"), str(tmp_path / "out")), 2) == (0, 5, 0, 0)
