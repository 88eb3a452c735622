"""Files of stages: read what was written, appear whole or not at all, and fail in one line."""

import errno
import os

import numpy as np
import pytest
from PIL import Image

from tfwsss.artefacts.files import finished, path_of, write_atomically
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


@pytest.mark.parametrize("read", [read_mask, read_regions, read_saliency, lambda *at: read_marginals(*at, planes=1)])
def test_only_pngs_are_opened(tmp_path, read):
    """A folder that is given may hold anything under the name of a PNG; others' readers may start programs."""
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / "a.png", "TIFF")
    with pytest.raises(ImageFault, match="cannot identify image file"):
        read(tmp_path, "a")
