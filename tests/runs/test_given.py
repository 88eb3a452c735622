import json
import os
from pathlib import Path

import pytest

from tests.runs.test_runner import Chain, record
from tfwsss.artefacts.identity import fingerprint
from tfwsss.errors import UserError
from tfwsss.runs.given import FILE, fingerprint_of_given
from tfwsss.runs.stage import Stage

STAGE = Stage("a", "masks", (), {}, dict)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two files that a user gives for stage a."""
    for name, text in (("one", "1111"), ("below/two", "22")):
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).write_text(text)
    return tmp_path / "mine"


def replaced(path: Path, text: str) -> None:
    """Writes other contents at another time."""
    before = path.stat().st_mtime_ns
    path.write_text(text)
    os.utime(path, ns=(before + 10**9, before + 10**9))


def by_sizes(folder: Path) -> str:
    """Returns what version 0.1.0 noted."""
    return fingerprint({"given": str(folder.resolve()), "files": [["below/two", 2], ["one", 4]]})


def test_contents_count_and_times_do_not(folder, tmp_path):
    """Also without what an earlier call remembers, or with what is torn of it."""
    run, other = tmp_path / "run", tmp_path / "other"
    first = fingerprint_of_given(STAGE, folder, run)
    assert set(json.loads((run / FILE).read_text())["a"]) == {"one", "below/two"}
    replaced(folder / "one", "1111")
    assert fingerprint_of_given(STAGE, folder, run) == fingerprint_of_given(STAGE, folder, other) == first
    for torn in ("{", "[1]", '{"a": 3}', '{"a": {"one": {"size": 4}}}'):
        (run / FILE).write_text(torn)
        assert fingerprint_of_given(STAGE, folder, run) == first
    replaced(folder / "one", "1112")
    second = fingerprint_of_given(STAGE, folder, run)
    (folder / "three").write_text("")
    assert len({first, second, fingerprint_of_given(STAGE, folder, run)}) == 3


def test_files_are_read_once(folder, tmp_path, monkeypatch):
    original, read = Path.open, []
    monkeypatch.setattr(Path, "open", lambda path, *more, **named: read.append(path) or original(path, *more, **named))
    first = fingerprint_of_given(STAGE, folder, tmp_path / "run")
    assert len([path for path in read if folder in path.parents]) == 2
    read.clear()
    assert fingerprint_of_given(STAGE, folder, tmp_path / "run") == first
    assert not [path for path in read if folder in path.parents]


def test_stages_do_not_mix(folder, tmp_path):
    fingerprint_of_given(STAGE, folder, tmp_path / "run")
    fingerprint_of_given(Stage("b", "masks", (), {}, dict), folder / "below", tmp_path / "run")
    known = json.loads((tmp_path / "run" / FILE).read_text())
    assert {name: sorted(files) for name, files in known.items()} == {"a": ["below/two", "one"], "b": ["two"]}


def test_what_was_noted_by_sizes_still_holds(folder, tmp_path):
    assert fingerprint_of_given(STAGE, folder, tmp_path / "run", {"other", by_sizes(folder)}) == by_sizes(folder)
    assert fingerprint_of_given(STAGE, folder, tmp_path / "run", {"other"}) != by_sizes(folder)


def test_a_run_of_before_is_kept_and_a_new_one_sees_contents(folder, tmp_path, monkeypatch):
    """A replaced file of the same size makes stale what was made of it, but for runs that noted sizes only."""
    (folder / "file").write_text("mine")
    chain = Chain(tmp_path / "run")
    assert chain.run(given={"a": folder}) == ["b", "c", "d"] and chain.run(given={"a": folder}) == []
    replaced(folder / "file", "ours")
    with pytest.raises(UserError, match="b was made from another 'a'; add --redo b"):
        chain.run(given={"a": folder})
    monkeypatch.setattr("tfwsss.runs.runner.fingerprint_of_given", lambda stage, given, *more: sizes)
    sizes = fingerprint({"given": str(folder.resolve()), "files": [["below/two", 2], ["file", 4], ["one", 4]]})
    old = Chain(tmp_path / "old")
    assert old.run(given={"a": folder}) == ["b", "c", "d"]
    monkeypatch.undo()
    assert old.run(given={"a": folder}) == [] and old.run(given={"a": folder}, redo=["d"]) == ["d"]
    assert record(tmp_path / "old" / "d")["needs"] == {"a": sizes}
    (folder / "file").write_text("other")
    with pytest.raises(UserError, match="b was made from another 'a'; add --redo b"):
        old.run(given={"a": folder})


def test_corrections_may_be_a_file(tmp_path):
    """A masks artefact may not."""
    path, stage = tmp_path / "x.json", Stage("corrections", "corrections", (), {}, dict)
    path.write_text("[]")
    first = fingerprint_of_given(stage, path, tmp_path / "run")
    assert first == fingerprint_of_given(stage, path, tmp_path / "other")
    replaced(path, "[1]")
    assert fingerprint_of_given(stage, path, tmp_path / "run") != first
    with pytest.raises(UserError, match="given.a: .* is no folder"):
        fingerprint_of_given(STAGE, path, tmp_path / "run")
