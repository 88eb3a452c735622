"""What a call names: models, tables and folders that are not those it should be, and what it writes down."""

import json
import re

import pytest

from tests.support.tiny_export import CLASSES, draw
from tfwsss.errors import UserError
from tfwsss.scale.job import claim, find_version, make_job, read_tags


@pytest.fixture
def model(tmp_path):
    """A folder that looks like a model with versions 2 and 10."""
    for version in ("2", "10", "x"):
        (tmp_path / "m" / version / "assets").mkdir(parents=True)
        (tmp_path / "m" / version / "variables").mkdir()
        (tmp_path / "m" / version / "saved_model.pb").write_text(version)
        (tmp_path / "m" / version / "variables" / "variables.index").write_text("sums")
        (tmp_path / "m" / version / "assets" / "labels.txt").write_text("".join(f"{name}\n" for name in CLASSES))
    return tmp_path / "m"


@pytest.fixture
def photos(tmp_path):
    draw(tmp_path / "photos", ["a.jpg", "b/c.png"])
    return str(tmp_path / "photos")


def test_the_latest_version_is_taken_or_the_one_that_is_named(model):
    assert find_version(str(model)) == find_version(f"{model}/") == f"{model}/10/"
    assert find_version(f"{model}/2") == f"{model}/2/"


def test_no_model(model, tmp_path):
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(UserError, match=f"^--model {path}: no exported model; expected VERSION/saved_model.pb"):
            find_version(str(path))
    (model / "10" / "assets" / "labels.txt").unlink()
    with pytest.raises(UserError, match=r"has no assets/labels.txt; export the run again"):
        find_version(str(model))


def test_a_job(model, photos, tmp_path):
    job = make_job(str(model), photos, str(tmp_path / "out"), threads=3)
    assert job.model == f"{model}/10/" and job.classes == CLASSES and job.threads == 3
    assert job.images.base == f"{photos}/" and job.mask("b/c") == f"{tmp_path}/out/masks/b/c.png"


def test_masks_do_not_lie_among_photographs(model, photos):
    with pytest.raises(UserError, match="--out .*: is where the photographs lie; name another folder, such as .*found"):
        make_job(str(model), photos, f"{photos}/../photos")
    assert make_job(str(model), photos, f"{photos}/found").images.without == "found/"


def test_tags(model, photos, tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("name,classes\na,dog cat\nb/c.png,\na,cat\n")
    job = make_job(str(model), photos, str(tmp_path / "out"), str(table))
    assert read_tags(job) == {"a": (0, 1), "b/c.png": ()}
    table.write_text("name,classes\na,dgo\n")
    with pytest.raises(UserError, match="labels.csv: line 2, 'a': 'dgo' is no class; did you mean 'dog'"):
        make_job(str(model), photos, str(tmp_path / "out"), str(table))
    with pytest.raises(UserError, match="nothing.csv"):
        make_job(str(model), photos, str(tmp_path / "out"), str(tmp_path / "nothing.csv"))


def test_a_folder_is_claimed_once(model, photos, tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("name,classes\na,cat\n")
    out = tmp_path / "out"
    job = make_job(str(model), photos, str(out))
    claim(job)
    record = json.loads((out / "label.json").read_text())
    assert record["base"] == f"{photos}/" and record["classes"] == list(CLASSES) and record["path"] == f"{model}/10/"
    claim(job)
    claim(make_job(str(model), f"{photos}/*.jpg", str(out)))         # fewer photographs, the same names
    others = {"another model": make_job(f"{model}/2", photos, str(out)),
              f"photographs of {re.escape(photos)}/": make_job(str(model), f"{photos}/b/*", str(out)),
              "other tags": make_job(str(model), photos, str(out), str(table))}
    for words, other in others.items():
        with pytest.raises(UserError, match=f"--out .*: holds masks made with {words}; name another folder"):
            claim(other)
    assert json.loads((out / "label.json").read_text()) == record


def test_photographs_of_another_folder_of_the_same_name(model, tmp_path, monkeypatch):
    """A path that begins where one is means other photographs somewhere else."""
    for place in ("here", "there"):
        draw(tmp_path / place / "photos", ["a.jpg"])
    monkeypatch.chdir(tmp_path / "here")
    claim(make_job(str(model), "photos", str(tmp_path / "out")))
    claim(make_job(str(model), f"{tmp_path}/here/photos/*.jpg", str(tmp_path / "out")))      # the same ones
    monkeypatch.chdir(tmp_path / "there")
    with pytest.raises(UserError, match=f"made with photographs of {re.escape(str(tmp_path))}/here/photos/"):
        claim(make_job(str(model), "photos", str(tmp_path / "out")))


def test_other_weights_are_another_model(model, photos, tmp_path):
    job = make_job(str(model), photos, str(tmp_path / "out"))
    claim(job)
    (model / "10" / "variables" / "variables.index").write_text("other sums")
    with pytest.raises(UserError, match="another model"):
        claim(job)


def test_masks_of_others_are_left_alone(model, photos, tmp_path):
    draw(tmp_path / "out" / "masks", ["a.png"])
    with pytest.raises(UserError, match="holds masks that label has not made; name another folder"):
        claim(make_job(str(model), photos, str(tmp_path / "out")))


def test_a_file_in_place_of_the_folder_of_masks(model, photos, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "masks").touch()
    with pytest.raises(UserError, match="--out .*: masks in it is a file, not a folder; name another folder"):
        claim(make_job(str(model), photos, str(tmp_path / "out")))


def test_a_record_that_is_torn(model, photos, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "label.json").write_text("{")
    with pytest.raises(UserError, match="label.json: cannot be read .*; name another --out"):
        claim(make_job(str(model), photos, str(tmp_path / "out")))
