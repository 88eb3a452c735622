"""The work under Apache Beam, embedded: `make test-scale`. Beam has an environment of its own."""

import json
import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.scale.test_loop import in_this_process
from tests.support.patience import until
from tests.support.tiny_export import draw, ended_all, expected, masks_of, until_masks, write_export
from tests.support.tiny_run import ended, start
from tfwsss.errors import UserError
from tfwsss.scale import loop, patterns, places
from tfwsss.scale.job import make_job

pytest.importorskip("apache_beam", reason="Apache Beam is not installed; make test-scale")
pipeline = pytest.importorskip("tfwsss.scale.pipeline")

NAMES = ("a.jpg", "a.png", "b/c.jpg", "d e.jpeg", "ü", "v1.2.png")
MASKS = {"a.jpg": "a.jpg", "a.png": "a.png", "b/c.jpg": "b/c", "d e.jpeg": "d e", "ü": "ü", "v1.2.png": "v1.2"}


@pytest.fixture
def photos(tmp_path) -> Path:
    """Photographs, one broken, one whose name no list can hold, and a file of another kind."""
    draw(tmp_path / "photos", NAMES)
    (tmp_path / "photos" / "bad.jpg").write_bytes(b"<html>")
    (tmp_path / "photos" / "two\nlines.jpg").touch()
    (tmp_path / "photos" / "tags.csv").write_text("name,classes\nb/c,dog\nv1.2.png,\n")
    return tmp_path / "photos"


def contents(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_files_are_those_of_the_plain_loop(export, photos, tmp_path, monkeypatch):
    """Byte by byte, the list of faults too; a second call makes what is missing alone."""
    monkeypatch.setattr(loop, "work_on_each", in_this_process)
    jobs = [make_job(str(export), str(photos), str(tmp_path / name), str(photos / "tags.csv"), 1)
            for name in ("loop", "beam")]
    assert loop.run(jobs[0], 1) == (6, 0, 2, 2)
    assert pipeline.run(jobs[1], "FnApiRunner", 1, []) == (6, 0, 2, 2)
    found = contents(tmp_path / "beam")
    assert found == contents(tmp_path / "loop") and len(found) == 7
    assert found["faults.csv"].decode().splitlines() == [
        "image,reason", "bad.jpg,\"a web page or other markup, not an image; replace it by an image\"",
        "two\\nlines.jpg,its name holds a line break or another sign that steers; rename it"]
    (tmp_path / "beam" / "masks" / "a.jpg.png").unlink()
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "beam").rglob("*.png")}
    assert pipeline.run(jobs[1], "FnApiRunner", 1, []) == (1, 5, 2, 0)
    assert contents(tmp_path / "beam") == found
    assert all(path.stat().st_mtime_ns == when for path, when in times.items())


def test_the_model_is_loaded_once_and_shared(export, photos, tmp_path, monkeypatch):
    loaded, begin = [], pipeline.Labeller.__init__

    def watched(self, job):
        loaded.append(threading.get_ident())
        begin(self, job)

    monkeypatch.setattr(pipeline.Labeller, "__init__", watched)
    job = make_job(str(export), str(photos), str(tmp_path / "out"))
    assert pipeline.run(job, "FnApiRunner", 1, []).images == 6 and len(loaded) == 1


def test_photographs_and_masks_are_listed_once_and_no_file_is_asked_for(export, photos, tmp_path, monkeypatch):
    job = make_job(str(export), str(photos), str(tmp_path / "out"))
    listed, match = [], patterns.match

    def refuse(path):
        raise AssertionError(f"asked for {path}")

    monkeypatch.setattr(places, "exists", refuse)
    monkeypatch.setattr(patterns, "match", lambda pattern: listed.append(pattern.base) or match(pattern))
    assert pipeline.run(job, "FnApiRunner", 1, []).images == 6
    assert sorted(listed) == sorted([f"{photos}/", f"{tmp_path}/out/masks/"])


def test_mistakes_are_one_line(export, photos, tmp_path, monkeypatch):
    job = make_job(str(export), str(photos), str(tmp_path / "out"))
    with pytest.raises(UserError, match="^--direct_num_worker=3: unknown to Apache Beam; see its pipeline options"):
        pipeline.run(job, "FnApiRunner", 1, ["--direct_num_worker=3", "--x"])
    with pytest.raises(UserError, match="^options behind --: argument --direct_num_workers: invalid int value: 'x'"):
        pipeline.run(job, "FnApiRunner", 1, ["--direct_num_workers=x"])

    def full(*arguments):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(UserError) as caught:
        pipeline.run(job, "FnApiRunner", 1, [])
    assert str(caught.value).endswith("could not be written (No space left on device); free space on that disk and "
                                      "start again: finished files are kept")
    assert "\n" not in str(caught.value)


def test_the_command_is_killed_and_goes_on(tmp_path):
    """Its two worker processes end with it; no mask is made twice, none is torn, none is missing."""
    photos, out = tmp_path / "photos", tmp_path / "out"
    export = write_export(tmp_path / "slow", turns=20)
    pixels = draw(photos, [f"{number // 100}/{number}.jpg" for number in range(900)])
    call = ["--model", export, "--images", f"{photos}/**.jpg", "--out", out, "--workers", "2"]
    seen = {}
    for least in (1, 200, 400):
        process = start(*call, command="tfwsss.label")
        until_masks(out, least, process)
        process.send_signal(signal.SIGKILL)
        assert ended(process).code == -signal.SIGKILL, "it was over before it was killed"
        until(lambda process=process: ended_all(process.pid))
        now = {path: path.stat().st_mtime_ns for path in (out / "masks").rglob("*.png")}
        assert seen.items() <= now.items() and len(now) < len(pixels)
        seen = now
    answer = ended(start(*call, command="tfwsss.label"))
    assert answer.code == 0, answer.err
    result = json.loads(answer.out)
    assert result["runner"] == "direct" and (result["images"], result["kept"]) == (900 - len(seen), len(seen))
    masks = masks_of(out)
    assert set(masks) == {name.removesuffix(".jpg") for name in pixels}
    for name, found in masks.items():
        np.testing.assert_array_equal(found, expected(pixels[f"{name}.jpg"]))
    assert all(path.stat().st_mtime_ns == when for path, when in seen.items())
    assert not list(out.rglob(".*"))
