import json
import shutil

import pytest

from tests.support.fake_run import CLASSES, add_ending, fake_run, loads, write_pseudo
from tfwsss.errors import UserError
from tfwsss.reports.mask_folders import find_masks


@pytest.fixture
def made(tmp_path, monkeypatch):
    run, images = fake_run(tmp_path)
    loads(monkeypatch, images, val=add_ending(run, images))
    return run, images


def review(run, stage, **figures):
    lines = [json.dumps({"name": name, "confidence": 0.9, "coverage": 1.0, "agreement": value})
             for name, value in figures.items()]
    (run / stage / "review.jsonl").write_text("\n".join(lines), encoding="utf-8")


def test_the_last_masks_of_the_runs_own_images_are_the_default(made):
    run, images = made
    found = find_masks(run)
    assert found.folder == run / "relabel" and found.names == images.names and found.classes == CLASSES
    assert found.photographs == images.images and found.file_of("image 1") == "image 1.png"
    assert find_masks(run, "masks").names == ("image 0", "image 1", "image 2")
    shutil.rmtree(run / "relabel")
    assert find_masks(run).folder == run / "pseudo"


def test_how_sure_and_how_doubtful(made):
    run, _ = made
    review(run, "relabel", **{"image 1": 0.5, "image 2": 0.25})
    found = find_masks(run)
    assert found.sureness == {"image 1": 0.9, "image 2": 0.9}
    assert [record["name"] for record in found.doubtful] == ["image 2", "image 1"]
    assert find_masks(run, "pseudo").sureness == {"image 1": 0.5, "image 2": 0.25}
    assert find_masks(run, "masks").doubtful == []


def test_photographs_elsewhere(made, tmp_path):
    run, images = made
    found = find_masks(run, photographs=images.root / "images")
    assert found.names == images.names and found.photographs["image 0"] == images.images["image 0"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="--images .*no image there"):
        find_masks(run, photographs=tmp_path / "empty")


def test_what_predict_wrote(made, tmp_path):
    run, images = made
    out = tmp_path / "out"
    write_pseudo(out / "masks", images)
    (out / "made_by.json").write_text(json.dumps({"run": str(run)}), encoding="utf-8")
    (out / "made_from.jsonl").write_text('{"name": "image 0", "path": "photos/image 0.jpeg"}', encoding="utf-8")
    (out / "predictions.csv").write_text(
        "image,class,area,confidence\nimage 0,background,0.5,0.5\nimage 0,cat,0.5,1\nimage 1,background,1,0.25\n"
        "image 2,cat,,\n", encoding="utf-8")
    for source in (out, out / "masks"):
        found = find_masks(source)
        assert found.folder == out / "masks" and found.classes == CLASSES and found.names == images.names
        assert found.file_of("image 0") == "image 0.jpeg" and found.file_of("image 1") == "image 1.jpg"
        assert found.sureness == {"image 0": 0.75, "image 1": 0.25}
        assert [record["name"] for record in found.doubtful] == ["image 1", "image 0"]
    (run / "config.json").unlink()
    with pytest.raises(UserError, match="which is no longer there; add --classes FILE"):
        find_masks(out)


def test_any_folder(made, tmp_path):
    run, images = made
    folder = write_pseudo(tmp_path / "any" / "masks", images)
    with pytest.raises(UserError, match="add --classes FILE"):
        find_masks(folder)
    (tmp_path / "any" / "classes.txt").write_text("\n".join(CLASSES), encoding="utf-8")
    found = find_masks(folder)
    assert found.classes == CLASSES and found.names == images.names and found.photographs == {} == found.sureness
    (tmp_path / "other.txt").write_text("cat\ndog\ncow", encoding="utf-8")
    assert find_masks(folder, classes=tmp_path / "other.txt").classes == ("background", "cat", "dog", "cow")
    (tmp_path / "labelmap.txt").write_text("# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:9,8,7::\n")
    found = find_masks(folder, classes=tmp_path / "labelmap.txt")           # as `evaluate` reads it
    assert found.classes == ("background", "cat") and found.palette[1].tolist() == [9, 8, 7]
    (folder / "image 1.png").rename(folder / "image 1.PNG")
    with pytest.raises(UserError, match="image 1.PNG: masks are looked for by the ending .png in small letters"):
        find_masks(folder)


@pytest.mark.parametrize(("source", "stage", "expected"), [
    ("nowhere", None, "no such folder"), ("run 1", "cam", "makes no such masks; it has masks and masks_2 and pseudo"),
    ("run 1/pseudo", "pseudo", "leave --stage out"), ("run 1/icd", None, "add --classes")])
def test_mistakes(made, tmp_path, source, stage, expected):
    with pytest.raises(UserError, match=expected):
        find_masks(tmp_path / source, stage)


def test_a_run_without_masks_and_a_folder_without_pngs(made, tmp_path):
    run, _ = made
    for path in run.glob("*/stage.json"):
        path.unlink()
    with pytest.raises(UserError, match="no finished stage has masks"):
        find_masks(run)
    (tmp_path / "classes.txt").write_text("cat", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no PNG there"):
        find_masks(tmp_path / "empty")
