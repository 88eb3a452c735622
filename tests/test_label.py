"""The command: users' mistakes as one line each, what it prints, and calls that are killed."""

import json
import os
import signal

import pytest

from tests.support.patience import until
from tests.support.tiny_export import draw, masks_of, until_masks, write_export
from tests.support.tiny_run import ended, start
from tfwsss.label import main


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    return write_export(tmp_path_factory.mktemp("models") / "tiny")


def refused(capsys, *arguments) -> str:
    """Returns the line that the command ends with."""
    assert main([str(argument) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1 and err.startswith("error: ")
    return err


def test_mistakes(export, tmp_path, capsys):
    draw(tmp_path / "photos", ["a.jpg"])
    call = {"--model": export, "--images": tmp_path / "photos", "--out": tmp_path / "out", "--runner": "loop"}

    def told(**changed) -> str:
        words = {**call, **{f"--{key}": value for key, value in changed.items()}}
        return refused(capsys, *(word for pair in words.items() for word in pair))

    assert "no exported model; expected VERSION/saved_model.pb" in told(model=tmp_path / "nowhere")
    assert "no photograph matches" in told(images=tmp_path / "photos" / "*.tiff")
    assert "cannot be written" in told(out=tmp_path / "photos" / "a.jpg" / "out")
    assert "--runner flnk: unknown; did you mean 'flink'?" in told(runner="flnk")
    assert "no_tags.csv" in told(tags=tmp_path / "no_tags.csv")
    assert not (tmp_path / "out").exists()


def test_a_call_that_is_killed_goes_on(export, tmp_path):
    """Killed at work, its processes end with it; no mask is made twice, none is torn, none is missing."""
    photos, out = tmp_path / "photos", tmp_path / "out"
    pixels = draw(photos, [f"{number // 100}/{number}.jpg" for number in range(600)], side=200)
    (photos / "bad.jpg").write_bytes(b"<html>")
    call = ["--model", export, "--images", photos, "--out", out, "--runner", "loop", "--workers", "1"]
    process = start(*call, command="tfwsss.label")
    until_masks(out, 1, process)
    process.send_signal(signal.SIGKILL)
    assert ended(process).code == -signal.SIGKILL, "it was over before it was killed"
    until(lambda: ended_all(process.pid))
    seen = {path: path.stat().st_mtime_ns for path in (out / "masks").rglob("*.png")}
    assert 0 < len(seen) < len(pixels)
    (out / "masks" / "0" / ".0123456789abcdef.part").write_bytes(b"half")
    answer = ended(start(*call, command="tfwsss.label"))
    result = json.loads(answer.out)
    assert answer.code == 1 and "fault: bad.jpg: a web page or other markup" in answer.err
    assert result["images"] == 600 - len(seen) and result["kept"] == len(seen) and result["faults"] == 1
    assert set(masks_of(out)) == {name.removesuffix(".jpg") for name in pixels}
    assert all(path.stat().st_mtime_ns == when for path, when in seen.items())
    assert not [path for path in out.rglob(".*")]


def ended_all(group: int) -> bool:
    """Says whether no process of a group lives."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False
