"""Which file a name means."""

from pathlib import Path

import pytest

from tests.data.test_folder import draw
from tfwsss.data.naming import files_of, index_images, resolve, tails, usable_names
from tfwsss.errors import UserError
from tfwsss.logs import LOG


def test_a_file_whose_stem_is_another_file(tmp_path):
    draw(tmp_path, "a.jpg", "a.jpg.png")
    assert set(index_images(tmp_path)) == {"a", "a.jpg.png"}
    draw(tmp_path, "a.png")
    assert set(index_images(tmp_path)) == {"a.jpg", "a.png", "a.jpg.png"}


def test_folders_of_labels_hold_no_images(tmp_path):
    """Those inside are left out at any depth; one that is the folder itself, or lies elsewhere, changes nothing."""
    draw(tmp_path, "a.jpg", "drawn/a.png", "drawn/deep/b.png", "drawn too/c.png")
    everything = {"a", "drawn/a", "drawn/deep/b", "drawn too/c"}
    assert set(index_images(tmp_path)) == everything
    assert set(index_images(tmp_path, [tmp_path / "drawn"])) == {"a", "drawn too/c"}
    assert set(index_images(tmp_path, [tmp_path, tmp_path.parent / "drawn"])) == everything
    assert set(index_images(tmp_path / "drawn", [tmp_path / "drawn"])) == {"a", "deep/b"}


def test_masks_and_maps_that_cannot_be_used_are_told(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(LOG, "propagate", True)         # a command that ran before keeps the log from others' ears
    draw(tmp_path, "a.png")
    assert set(index_images(tmp_path)) == {"a"} and caplog.text == ""
    (tmp_path / "b.png").symlink_to(tmp_path / "nowhere.png")
    assert set(index_images(tmp_path)) == {"a"}
    assert "1 files cannot be used. The first: " in caplog.text and "b.png: cannot be found" in caplog.text


@pytest.mark.parametrize(("written", "name"), [
    ("farm/c", "farm/c"), ("farm/c.webp", "farm/c"), ("./farm/c", "farm/c"), ("/images/farm/c.webp", "farm/c"),
    ("JPEGImages/a.jpg", "a.jpg"), ("c", None), ("a.gif", None), ("Farm/C.WEBP", "farm/c"), ("images/A.JPG", "a.jpg")])
def test_names_as_people_write_them(written, name):
    images = {"farm/c": Path("x/farm/c.webp"), "a.jpg": Path("x/a.jpg"), "a.png": Path("x/a.png")}
    assert resolve(written, images, files_of(images)) == name
    with pytest.raises(UserError, match="'a' fits a.jpg and a.png"):
        resolve("a", images, files_of(images))


def test_a_file_without_ending_fits_itself_once():
    """Its file name is its stem: what differs in capitals only means it, and not two images."""
    images = {"farm/img1": Path("x/farm/img1"), "b": Path("x/b.jpg")}
    assert resolve("Farm/IMG1", images, files_of(images)) == "farm/img1"
    assert resolve("B.jpg", images, files_of(images)) == "b"


@pytest.mark.parametrize(("written", "ends"), [
    ("/srv/x/a.jpg", ("srv/x/a.jpg", "x/a.jpg", "a.jpg")), ("D:/a.jpg", ("a.jpg",)), ("x/a.jpg", ()), ("a", ()),
    ("s3://bucket/x/%C3%A9.jpg", ("x/é.jpg", "é.jpg")), ("http://example.org", ()), ("/", ())])
def test_what_paths_of_other_machines_may_mean(written, ends):
    assert tails(written) == ends


def test_a_few_faults_pass_and_many_stop():
    assert usable_names(Path("pets"), ["a", "b", "c"], {"b": "broken"}) == ("a", "c")
    with pytest.raises(UserError, match="2 of 3 listed images cannot be used. The first: no file"):
        usable_names(Path("pets"), ["a", "b", "c"], {"a": "no file", "c": "no file"})
