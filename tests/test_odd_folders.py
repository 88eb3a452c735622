"""Any folder is read, or refused in one line, and no file of it is passed over without a word."""

import os
import re
import traceback
import unicodedata
from pathlib import Path

import pytest

from tests.support.odd_folders import odd_folder
from tests.support.tiny_run import write_config
from tests.support.untrained import untrained_run
from tfwsss import predict, train
from tfwsss.artefacts.files import readable_name
from tfwsss.data.finding import NOT_SEARCHED, find_images
from tfwsss.methods import run as module
from tfwsss.methods import surveyed
from tfwsss.reports import page


@pytest.fixture
def looked(monkeypatch) -> list:
    """What each call of `train` reads, as pairs of image set and the faults of the survey; no stage is run."""
    found: list = []
    survey = surveyed.survey

    def noted(images, *arguments):
        usable, faults = survey(images, *arguments)
        found.append((images, usable, faults))
        return usable, faults

    monkeypatch.setattr(surveyed, "survey", noted)
    monkeypatch.setattr(module.runner, "run", lambda *arguments, **named: {})
    monkeypatch.setattr(page, "write_report", lambda folder: folder / "report.html")
    return found


def places(home: Path) -> list[str]:
    """Returns every file below a folder, links not followed."""
    return [os.path.relpath(os.path.join(folder, name), home) for folder, below, files in os.walk(os.fspath(home))
            for name in (*files, *(name for name in below if os.path.islink(os.path.join(folder, name))))]


def starts(place: str) -> list[str]:
    """Returns how a list may name a file: itself, or a folder that holds it."""
    parts = place.split("/")
    return [readable_name(place), *(readable_name("/".join(parts[:count])) + "/" for count in range(1, len(parts)))]


def unaccounted(home: Path) -> list[str]:
    """Returns the files that are neither used, nor faults, nor listed."""
    found = find_images(home)
    known = {readable_name(os.path.relpath(path, home)) for path in found.images.values()}
    known |= {fault.split(": ")[0].removeprefix(f"{home}/") for fault in found.faults.values()} | found.faults.keys()
    known |= {other.split(" (")[0] for other in found.others} | {f"{other.split('/ (')[0]}/" for other in found.others}
    return [place for place in places(home) if not known.intersection([*starts(place), readable_name(place) + "/"])]


def check(tmp_path: Path, seed: int, looked: list, capsys) -> int:
    """Lets `train` look at one folder; returns its exit code."""
    root, run = tmp_path / f"data{seed}", tmp_path / f"run{seed}"
    home, sets = odd_folder(root, seed)
    write_config(tmp_path / "config.yaml", root, "icd")
    looked.clear()
    options = [text for one in sets for text in ("--set", one)]
    code = train.main(["--config", str(tmp_path / "config.yaml"), "--run", str(run), *options])
    out, err = capsys.readouterr()
    assert code in (0, 1, 2) and "Traceback" not in err, err
    (out + err).encode()
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(lines) == (code == 2), err
    if not sets[1].endswith("voc"):
        assert not unaccounted(home)
    if code == 2:
        return code
    images, usable, faults = looked[0]
    assert set(usable.names) <= set(images.names) and set(images.names) - set(usable.names) <= set(faults)
    assert code == (1 if faults else 0)
    log = (run / "log.txt").read_text("utf-8")
    if sets[1].endswith("voc"):
        left = re.search(r"(\d+) of (\d+) files are not in the list", log)
        assert len(images.images) + int(left[1] if left else 0) == len(places(home)) - len(list(home.glob("ring")))
        return code
    used = {os.path.relpath(path, home) for path in images.images.values()}
    told = "\n".join([log, *faults, *faults.values()])
    if (left := re.search(r"(\d+) of (\d+) images are not in the list", log)):
        told_of = {place for place in places(home) if f"{home / place}: " in told} - used
        assert int(left[2]) - int(left[1]) - len(used) <= len(told_of)
        return code
    read = ("labels.csv", "classes.txt", "labelmap.txt", "train.txt", *NOT_SEARCHED)
    silent = [place for place in places(home) if place not in used and place.split("/")[0] not in read
              and not any(each in told for each in starts(place))]
    assert not silent
    return code


def every(tmp_path, seeds, looked, capsys) -> list[int]:
    """Looks at many folders, and names the one that fails."""
    codes = []
    for seed in seeds:
        try:
            codes.append(check(tmp_path, seed, looked, capsys))
        except Exception:
            pytest.fail(f"folder {seed} in {tmp_path}:\n{traceback.format_exc()}")
    return codes


def test_some_folders(tmp_path, looked, capsys):
    codes = every(tmp_path, range(40), looked, capsys)
    assert {*codes} == {0, 1, 2}                # the folders are not all refused


@pytest.mark.slow
def test_five_hundred_folders(tmp_path, looked, capsys):
    codes = every(tmp_path, range(500), looked, capsys)
    counts = [codes.count(code) for code in (0, 1, 2)]
    with capsys.disabled():
        print(f"\nexit codes 0, 1, 2 of 500 folders: {counts}")
    assert sum(counts) == 500 and min(counts) >= 10


@pytest.mark.parametrize("seeds", [range(1000, 1002), pytest.param(range(1000, 1012), marks=pytest.mark.slow)], ids=len)
def test_whole_calls_of_predict(tmp_path, capsys, seeds):
    """Each photograph gets a mask or is listed."""
    run = untrained_run(tmp_path / "run", "icd", pseudo={"iterations": 0})
    for seed in seeds:
        home, _ = odd_folder(tmp_path / f"data{seed}", seed)
        out = tmp_path / f"out{seed}"
        code = predict.main([str(home), "--run", str(run), "--out", str(out)])
        err = capsys.readouterr().err
        assert code in (0, 1, 2) and "Traceback" not in err, err
        err = " ".join(err.split())             # the log wraps long lines
        masks = {unicodedata.normalize("NFC", place) for place in places(out / "masks")}
        silent = [place for place in places(home) if not any(" ".join(each.split()) in err for each in starts(place))
                  and not masks & {f"{unicodedata.normalize('NFC', name)}.png" for name in
                                   (place, os.path.splitext(place)[0])}]
        assert code == 2 or not silent, seed
