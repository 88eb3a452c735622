"""Files of stages: read what was written, appear whole or not at all, and fail in one line."""

import errno
import os
import zipfile

import numpy as np
import pytest
from PIL import Image

from tfwsss.artefacts.files import finished, path_of, read_json, readable_name, unfit_name, write_atomically
from tfwsss.artefacts.marginals import read_marginals
from tfwsss.artefacts.masks import read_mask, write_mask
from tfwsss.artefacts.regions import read_regions
from tfwsss.artefacts.saliency import read_saliency
from tfwsss.artefacts.scores import read_scores
from tfwsss.errors import ImageFault, UserError
from tfwsss.palette import voc_palette

NAMES = ("2007_000032", "farm/cow 1", "зебра", "猫.jpg", "a.b.c")


@pytest.mark.parametrize("name", ["", "../a", "/etc/a", "a/../../b", "..", "a\\b", "a\0b", "."])
def test_names_stay_in_their_folder(tmp_path, name):
    with pytest.raises(UserError, match="leads out"):
        path_of(tmp_path, "masks", name)


def test_finished_sees_whole_files_only(tmp_path):
    assert finished(tmp_path / "missing", "scores", ["a"]) == set()
    write_mask(tmp_path, "a", np.zeros((2, 2), np.uint8), voc_palette())
    (tmp_path / ".0123.part").write_bytes(b"left by a killed process")
    assert finished(tmp_path, "masks", ["a", "b", ".0123"]) == {"a"}
    assert finished(tmp_path, "scores", ["a"]) == set()


def test_a_killed_writer_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "a.txt"
    write_atomically(file, b"old")

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(file, b"new")
    assert file.read_bytes() == b"old" and [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(("code", "cure"), [(errno.ENOSPC, "free space"), (errno.EROFS, "can be written"),
                                            (errno.EACCES, "you may write"), (errno.EIO, "check that folder")])
def test_disk_faults_are_told_with_their_cure(tmp_path, monkeypatch, code, cure):
    def full(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(UserError, match=cure) as caught:
        write_atomically(tmp_path / "new" / "a.png", b"data")
    assert "a.png" in str(caught.value) and "\n" not in str(caught.value)
    assert not list((tmp_path / "new").iterdir())


def test_a_file_in_the_way_of_a_folder(tmp_path):
    (tmp_path / "seeds").write_text("not a folder")
    with pytest.raises(UserError, match="could not be written"):
        write_mask(tmp_path / "seeds", "a", np.zeros((1, 1), np.uint8), voc_palette())


@pytest.mark.parametrize("read", [read_mask, read_scores, read_regions,
                                  lambda folder, name: read_marginals(folder, name, 2)])
@pytest.mark.parametrize("contents", [None, b"", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04nothing", b"<html>"])
def test_broken_files_are_faults(tmp_path, read, contents):
    for name in ("a.npz", "a.png"):
        if contents is not None:
            (tmp_path / name).write_bytes(contents)
    with pytest.raises(ImageFault, match="run (the|its) stage"):
        read(tmp_path, "a")


def npz(path, header: bytes) -> None:
    """Writes an archive whose one array has this header."""
    body = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("classes.npy", "scores.npy", "size.npy"):
            archive.writestr(name, body)


@pytest.mark.parametrize("header", [
    b"", b"{", b"{'descr': '<f4'}", b"{'descr': '<f4', 'fortran_order': False, 'shape': (%s,), }" % (b"9" * 5000),
    b"(" * 9000 + b")" * 9000, b"-" * 9000 + b"1", b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
    b"{'descr': '<f4', 'fortran_order': False, 'shape': (1152921504606846976, 64), }", b"\xff\xfe\x00", b"{1: 2}",
    b"{'descr': [('a', 3)], 'fortran_order': False, 'shape': (1,), }",
    b"{'descr': 1, 'fortran_order': 2, 'shape': 3, }",
    b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", b"{" * 3000, b"lambda: 1", b"f(" * 2000])
def test_damaged_headers_are_faults(tmp_path, header):
    npz(tmp_path / "a.npz", header)
    with pytest.raises(ImageFault, match="a.npz: cannot be read .*; delete it and run its stage again"):
        read_scores(tmp_path, "a")


@pytest.mark.parametrize("text", ["", "{", "[" * 70 + "]" * 69, "[" * 100_000, "9" * 5000, "\xff", "nan,"])
def test_damaged_json_is_one_line(tmp_path, text):
    (tmp_path / "a.json").write_text(text, "latin-1")
    with pytest.raises(UserError, match="a.json: cannot be read .*; delete it and start again"):
        read_json(tmp_path / "a.json")
    with pytest.raises(UserError, match="none.json: cannot be read .No such file or directory.; restore it"):
        read_json(tmp_path / "none.json", "restore it")


@pytest.mark.parametrize(("name", "words"), [
    ("a\\b", "backslash"), ("a\nb", "line break"), ("a\u2028b", "line break"), ("caf\udce9", "not UTF-8"),
    ("../a", "leads out"), ("/a", "leads out"), ("жук" * 50, "250 bytes"), ("deep/" + "x" * 251, "250 bytes")])
def test_names_that_cannot_be(name, words):
    assert words in unfit_name(name) and readable_name(name).encode()


def test_names_that_can_be():
    assert [unfit_name(name) for name in (*NAMES, "x" * 250, "a.b", "🐈\u200d⬛")] == [None] * (len(NAMES) + 3)
    assert readable_name("caf\udce9 жук") == "caf\\xe9 жук"


@pytest.mark.parametrize("read", [read_mask, read_regions, read_saliency, lambda *at: read_marginals(*at, planes=1)])
def test_only_pngs_are_opened(tmp_path, read):
    """A folder that is given may hold anything under the name of a PNG; others' readers may start programs."""
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / "a.png", "TIFF")
    with pytest.raises(ImageFault, match="cannot identify image file"):
        read(tmp_path, "a")
