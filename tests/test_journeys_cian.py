"""Whole runs of CIAN as users make them: what is its own beside `test_journeys.py`."""

import json
from pathlib import Path

import pytest

from tests.support.tiny_run import ODD_NAMES, draw_tiny_folder, train, write_config
from tfwsss.batches.groups import make_groups
from tfwsss.methods.opened import load_run

TORN = ODD_NAMES[0]


def paired(images) -> dict[str, str]:
    """Returns each image's partner, by the rule, with the images in the order of the list."""
    groups = make_groups([images.labels[name] for name in images.names], range(len(images.names)))
    pairs = [(images.names[first], images.names[second]) for first, second in groups]
    return dict(pairs) | {second: first for first, second in pairs}


@pytest.fixture
def base(tmp_path) -> Path:
    """A folder with data/ under odd names and config.yaml; true masks are the seeds."""
    data = draw_tiny_folder(tmp_path / "data", ODD_NAMES)
    write_config(tmp_path / "config.yaml", data, "cian", given={"seeds": str(data / "masks")}, rounds=1,
                 segmenter={"epochs": 1})
    return tmp_path


def test_a_broken_partner_is_replaced_and_listed(base):
    """An image whose partner is torn learns with another one; the torn one is named, and the exit code says so."""
    call = ("--method", "cian", "--config", base / "config.yaml", "--until", "segmenter", "--run")
    whole = train(*call, base / "whole")
    assert whole.code == 0, whole.err
    assert not (base / "whole" / "classifier").exists()             # the seeds are given
    left_alone = paired(load_run(base / "whole").images("training"))[TORN]
    path = base / "data" / "images" / f"{TORN}.jpg"
    path.write_bytes(path.read_bytes()[:200])
    answer = train(*call, base / "run")
    assert answer.code == 1 and [line for line in answer.err.splitlines() if line.startswith(f"fault: {TORN}: ")]
    partners = paired(load_run(base / "run").images("training"))
    assert TORN not in partners and partners[left_alone] != TORN
    assert TORN in json.loads((base / "run" / "faults.json").read_text("utf-8"))
    assert (base / "run" / "segmenter" / "model.keras").is_file()


def test_images_that_share_no_class(base):
    """Said before anything is trained, with the cure."""
    table = base / "data" / "labels.csv"
    names = [line.split(",")[0] for line in table.read_text("utf-8").splitlines()[1:]]
    rows = [f"{name},{tag}" for name, tag in zip(names, ("cat", "dog", "sheep"), strict=False)]
    table.write_text("\n".join(["name,classes", *rows]) + "\n", "utf-8")
    for name in names[3:]:
        (base / "data" / "images" / f"{name}.jpg").unlink()
    answer = train("--method", "cian", "--config", base / "config.yaml", "--run", base / "run")
    assert answer.code == 2 and "no two of 3 images share a class" in answer.errors[0]
