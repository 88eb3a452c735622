"""Which runner is taken, and what is refused before any work."""

import importlib.util

import pytest

from tests.support.tiny_export import draw
from tfwsss import logs
from tfwsss.errors import UserError
from tfwsss.runs.lock import locked
from tfwsss.scale import run as scale
from tfwsss.scale.loop import Counts


@pytest.fixture(autouse=True)
def _no_log(monkeypatch):
    monkeypatch.setattr(logs, "open_log", lambda: None)


@pytest.fixture
def beam(monkeypatch):
    """A function that says whether Beam is to be found."""
    found = importlib.util.find_spec

    def set_to(there: bool) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: there or None if name == "apache_beam" else
                            found(name))
    return set_to


def test_runners(beam):
    beam(True)
    assert scale.check_runner(None, ()) == "direct" and scale.check_runner("flink", ["--x=1"]) == "flink"
    beam(False)
    assert scale.check_runner(None, ()) == scale.check_runner("loop", ()) == "loop"
    with pytest.raises(UserError, match="--runner flink: needs Apache Beam, .* not installed; run make venv-beam"):
        scale.check_runner("flink", ())
    with pytest.raises(UserError, match="--flink_master=x: options behind -- are Beam's"):
        scale.check_runner("loop", ["--flink_master=x"])
    with pytest.raises(UserError, match="--runner flnik: unknown; did you mean 'flink'.; known: loop, direct, "
                                        "portable, flink, spark, dataflow"):
        scale.check_runner("flnik", ())


def test_a_call(export, tmp_path, monkeypatch, beam):
    """What the runner is given and what comes back, with a runner of ours."""
    beam(False)
    draw(tmp_path / "photos", ["a.jpg"])
    (tmp_path / "out" / "masks").mkdir(parents=True)
    (tmp_path / "out" / "masks" / ".0123456789abcdef.part").touch()
    calls = []

    def work(job, workers):
        calls.append((job, workers))
        scale.faults.write(job, [(f"{number:02d}.jpg", "broken") for number in range(30)])
        return Counts(100, 7, 30, 0)

    monkeypatch.setattr(scale.loop, "run", work)
    result, faults = scale.run(str(export), str(tmp_path / "photos"), str(tmp_path / "out"), workers=2, threads=5)
    assert [(workers, job.threads, job.out) for job, workers in calls] == [(2, 5, f"{tmp_path}/out/")]
    assert {key: result[key] for key in ("runner", "images", "kept", "faults", "tagged")} == {
        "runner": "loop", "images": 100, "kept": 7, "faults": 30, "tagged": 0}
    assert set(result) - {"seconds", "images_per_second"} == {"runner", "images", "kept", "faults", "tagged"}
    assert list(faults) == [f"{number:02d}.jpg" for number in range(20)] and set(faults.values()) == {"broken"}
    assert not list((tmp_path / "out").rglob("*.part"))


@pytest.mark.parametrize(("cores", "workers", "threads", "expected"), [
    (8, 0, 0, (8, 1)), (8, 2, 0, (2, 4)), (2, 3, 0, (3, 1)), (8, 1, 3, (1, 3))])
def test_cores_are_shared_out(export, tmp_path, monkeypatch, beam, cores, workers, threads, expected):
    beam(False)
    draw(tmp_path / "photos", ["a.jpg"])
    monkeypatch.setattr(scale.os, "cpu_count", lambda: cores)
    found = []
    monkeypatch.setattr(scale, "_work", lambda job, runner, workers, options: found.append((workers, job.threads)))
    scale.run(str(export), str(tmp_path / "photos"), str(tmp_path / "out"), workers=workers, threads=threads)
    assert found == [expected]


def test_no_photograph(export, tmp_path):
    (tmp_path / "labels.csv").touch()
    for pattern in (tmp_path, tmp_path / "x*", tmp_path / "nowhere"):
        with pytest.raises(UserError, match=r"^--images .*: no photograph matches; expected files such as \.jpg"):
            scale.run(str(export), str(pattern), str(tmp_path / "out"), runner="loop")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("runner", ["loop", "direct"])
def test_a_table_that_names_no_photograph(export, tmp_path, beam, runner):
    """Refused by every runner before any work: all masks would be the network's own choice of classes."""
    beam(True)
    draw(tmp_path / "photos", ["a.jpg", "b/c.png"])
    (tmp_path / "tags.csv").write_text("name,classes\nphotos/a,cat\n")
    with pytest.raises(UserError, match="names none of the photographs; a row's name is a path below .*photos/, with "
                                        "or without ending, such as a.jpg"):
        scale.run(str(export), str(tmp_path / "photos"), str(tmp_path / "out"), tags=str(tmp_path / "tags.csv"),
                  runner=runner)
    assert not (tmp_path / "out").exists()


def test_a_folder_in_use_or_below_a_file(export, tmp_path):
    draw(tmp_path / "photos", ["a.jpg"])
    with locked(tmp_path / "out"), pytest.raises(UserError, match="--out .*out/? is in use by another process"):
        scale.run(str(export), str(tmp_path / "photos"), str(tmp_path / "out"), runner="loop")
    with pytest.raises(UserError, match="--out .* cannot be written .*; name another folder with --out"):
        scale.run(str(export), str(tmp_path / "photos"), str(tmp_path / "photos/a.jpg/out"), runner="loop")
