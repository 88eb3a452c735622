"""Masks are kept where they are of the same photograph, network and settings, and nowhere else."""

import json
import logging
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.data.files import encoded
from tests.support.untrained import PLAIN, untrained_run
from tfwsss.artefacts.masks import read_mask
from tfwsss.methods import predict as predicting
from tfwsss.methods.made_from import CALL, JOURNAL
from tfwsss.methods.predict import predict
from tfwsss.runs import journal

pytestmark = pytest.mark.usefixtures("kept_maskers")


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    return untrained_run(tmp_path_factory.mktemp("runs") / "retrain", "retrain", seed=1, masks=PLAIN)


@pytest.fixture
def run(trained, tmp_path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture
def told(monkeypatch) -> Iterator[list[str]]:
    """What predict says of the masks that it finds."""
    lines: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record):
            if not re.fullmatch(r"predict: \d+ of \d+(, about \d+ s left)?", record.getMessage()):   # of slow ones
                lines.append(record.getMessage())

    monkeypatch.setattr("tfwsss.logs.open_log", lambda: None)
    log, handler = logging.getLogger("tfwsss"), Handler()
    monkeypatch.setattr(log, "handlers", [handler])
    before = log.level
    log.setLevel(logging.INFO)              # not by attribute: loggers remember which levels they have refused
    yield lines
    log.setLevel(before)


def photograph(path: Path, rows: int, columns: int, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    grid = np.random.default_rng(seed).integers(0, 256, (rows // 8, columns // 8, 3)).astype(np.uint8)
    path.write_bytes(encoded(grid.repeat(8, 0).repeat(8, 1), "PNG"))
    return path


def pictures(out: Path) -> dict[str, int]:
    """When each mask and overlay was written."""
    return {path.relative_to(out).as_posix(): path.stat().st_mtime_ns
            for folder in ("masks", "overlays") for path in (out / folder).iterdir()}


def made_again(out: Path, before: dict[str, int]) -> set[str]:
    """Names whose mask is another file than before."""
    now = pictures(out)
    return {file[6:-4] for file in now if file.startswith("masks/") and now[file] != before.get(file)}


def later(path: Path) -> None:
    """Changes a file's time, and nothing else."""
    os.utime(path, ns=(path.stat().st_mtime_ns + 10**9,) * 2)


def test_another_photograph_of_the_same_name(run, tmp_path, told):
    """Of another folder, and of the same path: the mask is of the photograph that was asked for."""
    photograph(tmp_path / "monday" / "IMG_0001.png", 64, 48)
    photograph(tmp_path / "monday" / "same.png", 32, 32, 1)
    photograph(tmp_path / "tuesday" / "IMG_0001.png", 40, 56)
    shutil.copy(tmp_path / "monday" / "same.png", tmp_path / "tuesday" / "same.png")
    out = tmp_path / "out"
    assert predict(tmp_path / "monday", run, out) == (2, {})
    assert told == []                                                       # nothing lay there
    assert read_mask(out / "masks", "IMG_0001").shape == (64, 48)
    before = pictures(out)
    assert predict(tmp_path / "tuesday", run, out) == (2, {})
    assert told[-1] == "predict: 1 of 2 masks kept, 1 to make: 1 of another photograph"
    assert made_again(out, before) == {"IMG_0001"} and read_mask(out / "masks", "IMG_0001").shape == (40, 56)
    before, path = pictures(out), tmp_path / "tuesday" / "IMG_0001.png"
    later(path)
    assert predict(path, run, out) == (1, {}) and made_again(out, before) == set()     # the same contents
    photograph(path, 64, 48)
    later(path)
    assert predict(path, run, out) == (1, {}) and read_mask(out / "masks", "IMG_0001").shape == (64, 48)
    assert predict(tmp_path / "monday", run, out) == (2, {})
    assert told[-1] == "predict: 2 of 2 masks kept, 0 to make"
    assert json.loads((out / CALL).read_text())["source"] == str(tmp_path / "monday")


def test_a_run_trained_again_in_its_folder(run, tmp_path, told):
    """All masks are made anew, and are what the new network says; names that a call leaves out are not forgotten."""
    for place in range(3):
        photograph(tmp_path / "photographs" / f"{place}.png", 48, 48, place)
    out = tmp_path / "out"
    assert predict(tmp_path / "photographs", run, out) == (3, {})
    model = keras.models.load_model(run / "segmenter" / "model.keras", compile=False)
    for variable in model.trainable_variables:
        variable.assign(variable[..., ::-1])
    model.save(run / "segmenter" / "model.keras")
    assert predict(tmp_path / "photographs" / "0.png", run, out) == (1, {})
    assert told[-1] == "predict: 0 of 1 masks kept, 1 to make: 1 made with other network"
    before = pictures(out)
    assert predict(tmp_path / "photographs", run, out) == (3, {})
    assert told[-1] == "predict: 1 of 3 masks kept, 2 to make: 2 made with other network"
    assert made_again(out, before) == {"1", "2"}
    predict(tmp_path / "photographs", run, tmp_path / "fresh")
    for name in "012":
        np.testing.assert_array_equal(read_mask(out / "masks", name), read_mask(tmp_path / "fresh" / "masks", name))


def test_other_references_that_a_network_is_asked_beside(tmp_path, told):
    run, out = untrained_run(tmp_path / "run", "mcis", pseudo={"iterations": 0}), tmp_path / "out"
    path = photograph(tmp_path / "photographs" / "a.png", 48, 48)
    assert predict(path, run, out, ["cat"]) == (1, {})
    references = run / "maps" / "references.npy"
    np.save(references, np.load(references)[:, :, ::-1])
    assert predict(path, run, out, ["cat"]) == (1, {})
    assert told[-1] == "predict: 0 of 1 masks kept, 1 to make: 1 made with other network"


def test_settings_and_tags(run, tmp_path, told):
    """What changes no mask changes nothing here, nor does another place of the run."""
    photograph(tmp_path / "a.png", 48, 48)
    out = tmp_path / "out"

    def set_(**sections):
        record = json.loads((run / "config.json").read_text())
        for section, values in sections.items():
            record["config"][section] = {**record["config"][section], **values} if isinstance(values, dict) else values
        (run / "config.json").write_text(json.dumps(record))

    def said(tags=None, run=run) -> str:
        told.clear()
        assert predict(tmp_path / "a.png", run, out, tags) == (1, {})
        return told[0].partition("to make")[2] if told else "nothing lay there"

    assert said() == "nothing lay there"
    set_(workers=3, seed=5, data={"root": "elsewhere"})
    later(run / "segmenter" / "model.keras")
    assert said() == "" and said(run=shutil.copytree(run, tmp_path / "moved")) == ""
    set_(masks={"scales": [1.0]})
    assert said() == ": 1 made with other settings"
    assert said(["dog", "cat"]) == ": 1 made with other tags" and said(["cat", "dog"]) == ""
    set_(masks={"scales": [0.75]})
    assert said() == ": 1 made with other settings and tags"
    (out / JOURNAL).unlink()                                                # as version 0.1.0 left its folders
    assert said() == ": 1 of which it was not noted what they were made from"
    assert said() == ""


@pytest.mark.parametrize("step", ["_write_overlay", "note", "write_mask"])
def test_a_killed_call_goes_on_without_rework(run, tmp_path, told, monkeypatch, step):
    """Before, between and after the files of an image; and no mask is ever taken for another photograph's."""
    days = {"monday": 40, "tuesday": 56}
    for day, rows in days.items():
        for place in range(6):
            photograph(tmp_path / day / f"{place}.png", rows, 48, place)
    out, calls = tmp_path / "out", []
    predict(tmp_path / "monday", run, out)
    before = pictures(out)
    monkeypatch.setattr(predicting, "in_threads", map)                      # one at a time
    where = predicting.MadeFrom if step == "note" else predicting
    original = getattr(where, step)

    def killed(*arguments):
        calls.append(arguments)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return original(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(where, step, killed)
        with pytest.raises(KeyboardInterrupt):
            predict(tmp_path / "tuesday", run, out)
    done = made_again(out, before)
    assert len(done) == 3
    shutil.copytree(out, tmp_path / "copy")
    assert predict(tmp_path / "monday", run, tmp_path / "copy") == (6, {})     # back to the first: none of the second's
    assert all(read_mask(tmp_path / "copy" / "masks", str(place)).shape == (40, 48) for place in range(6))
    before = pictures(out)
    assert predict(tmp_path / "tuesday", run, out) == (6, {})
    assert told[-1].startswith("predict: 3 of 6 masks kept, 3 to make: ")
    assert made_again(out, before) == {str(place) for place in range(6)} - done
    assert all(read_mask(out / "masks", str(place)).shape == (56, 48) for place in range(6))
    assert len((out / JOURNAL).read_text().splitlines()) == 6 == len(journal.read(out / JOURNAL))
    assert not [path for path in out.rglob(".*")]


def test_what_can_no_longer_be_used_leaves_no_mask(run, tmp_path, told):
    """A photograph that is torn now has no mask of what it was; a mask that is not ours is left alone."""
    paths = [photograph(tmp_path / "photographs" / f"{name}.png", 48, 48) for name in ("torn", "whole", "never")]
    paths[2].write_bytes(b"")
    out = tmp_path / "out"
    (out / "masks").mkdir(parents=True)
    (out / "masks" / "never.png").write_bytes(b"a user's own")
    assert predict(tmp_path / "photographs", run, out)[0] == 2
    paths[0].write_bytes(b"no image")
    done, faults = predict(tmp_path / "photographs", run, out)
    assert done == 1 and set(faults) == {"torn", "never"}
    assert set(pictures(out)) == {"masks/whole.png", "overlays/whole.png", "masks/never.png"}
    assert set(journal.read(out / JOURNAL)) == {"whole"}
