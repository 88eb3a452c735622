import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.support.fake_run import image_set
from tests.support.untrained import CLASSES, PLAIN, untrained_run
from tfwsss.artefacts.masks import read_mask
from tfwsss.inference.found import Found
from tfwsss.methods.predict import predict
from tfwsss.methods.predictions import COLUMNS, Predictions, described
from tfwsss.predict import main

pytestmark = pytest.mark.usefixtures("kept_maskers")

MASK = np.array([[0, 1, 0, 1], [0, 1, 255, 0], [3, 3, 3, 0]], np.uint8)
SURE = np.arange(12, dtype=np.float32).reshape(3, 4) / 20


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return untrained_run(tmp_path_factory.mktemp("runs") / "retrain", "retrain", masks=PLAIN)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    return image_set(tmp_path_factory.mktemp("photographs"), 2).root / "images"


def rows_of(out) -> list[dict]:
    with (out / "predictions.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_what_is_told_of_a_mask():
    found = Found(MASK, np.zeros((3, 4, 3), np.uint8), 0.0125, SURE, np.array([0.75, 0.5, 0.25], np.float32))
    told = described(found, CLASSES)
    assert told["size"] == [4, 3] and told["milliseconds"] == 12.5 and told["undecided"] == pytest.approx(1 / 12)
    assert told["scores"] == dict(zip(CLASSES[1:], (0.75, 0.5, 0.25), strict=True))
    assert [row["class"] for row in told["classes"]] == [CLASSES[0], CLASSES[1], CLASSES[3]]
    background, first, third = told["classes"]
    assert (background["score"], background["parts"]) == (None, None)
    assert (first["score"], first["parts"], first["area"]) == (0.75, 2, 0.25)
    assert first["confidence"] == pytest.approx((1 + 3 + 5) / 60) and third["confidence"] == pytest.approx(27 / 60)
    assert third["parts"] == 1 and third["score"] == 0.25
    json.dumps(told, allow_nan=False)


def test_the_table_agrees_with_the_masks(run, photographs, tmp_path):
    assert predict(photographs, run, tmp_path) == (2, {})
    rows = rows_of(tmp_path)
    assert tuple(rows[0]) == COLUMNS and [row["image"] for row in rows] == sorted(row["image"] for row in rows)
    for name in ("image 0", "image 1"):
        mask = read_mask(tmp_path / "masks", name)
        own = [row for row in rows if row["image"] == name]
        assert {row["class"]: float(row["area"]) for row in own} == {
            CLASSES[class_id]: pytest.approx(np.mean(mask == class_id), abs=1e-6)
            for class_id in np.unique(mask).tolist() if class_id != 255}
        assert all(float(row["milliseconds"]) > 0 and 0 <= float(row["confidence"]) <= 1 for row in own)
        assert all(0 <= float(row["score"]) <= 1 and int(row["parts"]) > 0 for row in own if row["class"] != CLASSES[0])
    assert not (tmp_path / "predictions.json").exists() and not (tmp_path / "probabilities").exists()


def test_json_by_a_switch_makes_no_mask_again(run, photographs, tmp_path, capsys):
    call = [str(photographs), "--run", str(run), "--out", str(tmp_path)]
    assert main(call) == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "masks").iterdir()}
    assert main([*call, "--json"]) == 0
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "masks").iterdir()} == before
    records = json.loads((tmp_path / "predictions.json").read_text(encoding="utf-8"))
    assert [record["name"] for record in records] == ["image 0", "image 1"]
    assert set(records[0]["scores"]) == set(CLASSES[1:])
    assert [(row["image"], row["class"]) for row in rows_of(tmp_path)] == [
        (record["name"], row["class"]) for record in records for row in record["classes"]]


def test_probabilities_by_a_switch(run, photographs, tmp_path):
    """They sum up to one over the classes, for a network whose scores are probabilities."""
    predict(photographs, run, tmp_path)
    assert predict(photographs, run, tmp_path, probability=True) == (2, {})
    folder = tmp_path / "probabilities" / "image 0"
    planes = [np.array(Image.open(path)).astype(int) for path in folder.iterdir()]
    assert len(planes) == len(CLASSES) and all(plane.shape == (24, 32) for plane in planes)
    assert abs(sum(planes) - 255).max() <= len(CLASSES) / 2
    assert (folder / f"1 {CLASSES[1]}.png").is_file()
    before = (folder / f"1 {CLASSES[1]}.png").stat().st_mtime_ns
    predict(photographs, run, tmp_path, probability=True)
    assert (folder / f"1 {CLASSES[1]}.png").stat().st_mtime_ns == before
    predict(photographs, run, tmp_path, [CLASSES[1]])
    assert not folder.exists()                                          # those of other masks do not stay


def test_an_image_named_like_the_folder_of_others(tmp_path):
    """a.jpg and a/b.jpg: each has its own probabilities, whichever comes first."""
    scores = np.full((3, 4, 4), 0.25, np.float32)
    found = Found(MASK, np.zeros((3, 4, 3), np.uint8), 0.0125, SURE, np.zeros(3, np.float32), scores)
    told = Predictions(tmp_path, CLASSES, probability=True)
    told.note("a/b", found)
    assert told.missing(["a", "a/b"]) == {"a"}
    told._known["a"] = {}                                               # its row is there, its probabilities are not
    assert told.missing(["a", "a/b"]) == {"a"}
    told.note("a", found)
    assert told.missing(["a", "a/b"]) == set()
    assert {path.relative_to(tmp_path / "probabilities").as_posix() for path in tmp_path.rglob("*.png")} == {
        f"{name}/{place} {title}.png" for name in ("a", "a/b") for place, title in enumerate(CLASSES)}


def test_masks_of_which_nothing_was_told_are_made_again_and_others_keep_their_rows(run, photographs, tmp_path):
    predict(photographs, run, tmp_path)
    whole = [(row["image"], row["class"], row["area"]) for row in rows_of(tmp_path)]
    (tmp_path / "predictions.jsonl").unlink()
    assert predict(photographs / "image 1.png", run, tmp_path) == (1, {})
    assert {row["image"] for row in rows_of(tmp_path)} == {"image 1"}
    assert predict(photographs, run, tmp_path) == (2, {})
    assert [(row["image"], row["class"], row["area"]) for row in rows_of(tmp_path)] == whole


def test_an_image_that_cannot_be_used_has_no_row(run, photographs, tmp_path):
    shutil.copytree(photographs, tmp_path / "photographs")
    predict(tmp_path / "photographs", run, tmp_path / "out", probability=True)
    (tmp_path / "photographs" / "image 0.png").write_bytes(b"torn")
    assert predict(tmp_path / "photographs", run, tmp_path / "out")[0] == 1
    assert {row["image"] for row in rows_of(tmp_path / "out")} == {"image 1"}
    assert {path.parent.name for path in (tmp_path / "out" / "probabilities").rglob("*.png")} == {"image 1"}
