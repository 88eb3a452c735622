"""The command: users' mistakes as one line each, what it prints, and calls that are killed."""

import json
import os
import shutil
import signal

import pytest

from tests.support.patience import until
from tests.support.tiny_export import draw, ended_all, masks_of, until_masks, write_export
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


def test_a_call_that_is_killed_goes_on(tmp_path):
    """Killed at work, its processes end with it; no mask is made twice, none is torn, none is missing."""
    photos, out, start_at = tmp_path / "photos", tmp_path / "out", 0
    export = write_export(tmp_path / "slow", turns=20)
    draw(tmp_path, ["one.jpg"])
    call = ["--model", export, "--images", photos, "--out", out, "--runner", "loop", "--workers", "1"]
    for count in (200, 1_000, 5_000, 25_000):                 # more where this machine is faster than the signal
        for number in range(start_at, count):
            (photos / str(number // 100)).mkdir(parents=True, exist_ok=True)
            os.link(tmp_path / "one.jpg", photos / str(number // 100) / f"{number}.jpg")
        start_at = count
        (photos / "bad.jpg").write_bytes(b"<html>")
        process = start(*call, command="tfwsss.label")
        until_masks(out, 1, process)
        process.send_signal(signal.SIGKILL)
        if ended(process).code == -signal.SIGKILL:
            break
        shutil.rmtree(out)
    until(lambda: ended_all(process.pid))
    seen = {path: path.stat().st_mtime_ns for path in (out / "masks").rglob("*.png")}
    assert 0 < len(seen) < count
    (out / "masks" / "0" / ".0123456789abcdef.part").write_bytes(b"half")
    answer = ended(start(*call, command="tfwsss.label"))
    result = json.loads(answer.out)
    assert answer.code == 1 and "fault: bad.jpg: a web page or other markup" in answer.err
    assert result["images"] == count - len(seen) and result["kept"] == len(seen) and result["faults"] == 1
    assert set(masks_of(out)) == {f"{number // 100}/{number}" for number in range(count)}
    assert all(path.stat().st_mtime_ns == when for path, when in seen.items())
    assert not [path for path in out.rglob(".*")]
