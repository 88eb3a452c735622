"""Files of stages: read what was written, appear whole or not at all, and fail in one line."""

import concurrent.futures
import errno
import io
import os
import time
import zipfile

import numpy as np
import pytest
from PIL import Image

from tfwsss.artefacts.files import finished, path_of, write_atomically
from tfwsss.artefacts.masks import read_mask, write_mask
from tfwsss.artefacts.models import write_model
from tfwsss.artefacts.regions import read_regions, write_regions
from tfwsss.artefacts.scores import Scores, read_scores, write_scores
from tfwsss.errors import ImageFault, UserError
from tfwsss.palette import voc_palette

NAMES = ("2007_000032", "farm/cow 1", "зебра", "猫.jpg", "a.b.c")


@pytest.mark.parametrize("name", NAMES)
def test_mask_round_trip(tmp_path, name):
    mask = np.random.default_rng(0).integers(0, 256, (7, 5)).astype(np.uint8)
    write_mask(tmp_path, name, mask, voc_palette())
    assert (read_mask(tmp_path, name) == mask).all()
    with Image.open(path_of(tmp_path, "masks", name)) as image:
        assert image.mode == "P"
        assert len(image.getpalette()) == 768          # all colours, also of ids that do not occur
        assert (np.array(image.convert("RGB")) == voc_palette()[mask]).all()


def test_small_mask_keeps_its_palette(tmp_path):
    write_mask(tmp_path, "a", np.zeros((1, 1), np.uint8), voc_palette())
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "P" and len(image.getpalette()) == 768


@pytest.mark.parametrize("name", NAMES)
def test_scores_round_trip(tmp_path, name):
    values = np.random.default_rng(1).normal(0, 3, (2, 4, 6)).astype(np.float16)
    write_scores(tmp_path, name, Scores(np.array([3, 7]), values, (31, 47)))
    found = read_scores(tmp_path, name)
    assert found.classes.tolist() == [3, 7] and found.classes.dtype == np.int32
    assert found.scores.dtype == np.float16 and (found.scores == values).all()
    assert found.size == (31, 47)


def test_scores_without_classes(tmp_path):
    write_scores(tmp_path, "a", Scores(np.zeros(0), np.zeros((0, 3, 2), np.float32), (9, 9)))
    assert read_scores(tmp_path, "a").scores.shape == (0, 3, 2)


def test_scores_beyond_half_precision_are_clipped(tmp_path):
    write_scores(tmp_path, "a", Scores([0], np.full((1, 1, 2), 1e9, np.float32), (1, 2)))
    assert np.isfinite(read_scores(tmp_path, "a").scores).all()


def test_scores_that_are_not_numbers_are_refused(tmp_path):
    with pytest.raises(UserError, match="diverged"):
        write_scores(tmp_path, "a", Scores([0], np.full((1, 1, 1), np.nan), (1, 1)))
    assert not list(tmp_path.iterdir())


def test_regions_round_trip_and_layout(tmp_path):
    regions = np.array([[0, 255, 256], [65535, 65536, 2**24 - 1]], np.int32)
    write_regions(tmp_path, "a", regions)
    assert (read_regions(tmp_path, "a") == regions).all()
    with Image.open(tmp_path / "a.png") as image:
        assert image.getpixel((1, 1)) == (1, 0, 0) and image.getpixel((2, 0)) == (0, 1, 0)
    for bad in (regions - 1, regions + 1, regions.astype(float), regions[0]):
        with pytest.raises(ValueError):
            write_regions(tmp_path, "b", bad)


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


@pytest.mark.parametrize("read", [read_mask, read_scores, read_regions])
@pytest.mark.parametrize("contents", [None, b"", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04nothing", b"<html>"])
def test_broken_files_are_faults(tmp_path, read, contents):
    for name in ("a.npz", "a.png"):
        if contents is not None:
            (tmp_path / name).write_bytes(contents)
    with pytest.raises(ImageFault, match="run (the|its) stage"):
        read(tmp_path, "a")


def test_masks_and_regions_are_not_confused(tmp_path):
    write_regions(tmp_path, "a", np.zeros((2, 2), np.int32))
    with pytest.raises(ImageFault, match="indexed or grey"):
        read_mask(tmp_path, "a")
    write_mask(tmp_path, "a", np.zeros((2, 2), np.uint8), voc_palette())
    with pytest.raises(ImageFault, match="colour PNG"):
        read_regions(tmp_path, "a")


def test_grey_masks_of_others_are_read(tmp_path):
    Image.fromarray(np.array([[0, 3, 255]], np.uint8)).save(tmp_path / "a.png")
    assert read_mask(tmp_path, "a").tolist() == [[0, 3, 255]]


def test_pickles_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", classes=np.array([0]), size=np.array([1, 1]),
             scores=np.array([{"an": "object"}], dtype=object))
    with pytest.raises(ImageFault, match="allow_pickle"):
        read_scores(tmp_path, "a")


@pytest.mark.parametrize("change", [{"classes": np.array([0, 1])}, {"scores": np.zeros((2, 2))}, {"size": np.array(3)},
                                    {"scores": np.zeros((1, 2, 2), np.int64)}, {"classes": np.array([0.5])}])
def test_scores_that_do_not_fit_each_other(tmp_path, change):
    whole = {"classes": np.array([0]), "scores": np.zeros((1, 2, 2), np.float16), "size": np.array([4, 4])}
    np.savez(tmp_path / "a.npz", **{**whole, **change})
    with pytest.raises(ImageFault, match=r"a\.npz"):
        read_scores(tmp_path, "a")


def test_a_shape_that_the_file_does_not_hold(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f2", "fortran_order": False, "shape": (1, 9**9, 9**9)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        for key, array in (("classes", np.zeros(1, np.int32)), ("size", np.zeros(2, np.int32))):
            buffer = io.BytesIO()
            np.save(buffer, array)
            file.writestr(f"{key}.npy", buffer.getvalue())
        file.writestr("scores.npy", header.getvalue())
    with pytest.raises(ImageFault):
        read_scores(tmp_path, "a")


def test_maps_that_cover_more_than_the_image(tmp_path):
    maps = np.ones((1, 2, 2), np.float16)
    write_scores(tmp_path, "a", Scores([0], maps, (9, 7), (16, 16)))
    write_scores(tmp_path, "b", Scores([0], maps, (9, 7)))
    assert read_scores(tmp_path, "a")[2:] == ((9, 7), (16, 16))
    assert read_scores(tmp_path, "b")[2:] == ((9, 7), (9, 7))


def test_model_is_written_whole_and_keeps_its_optimiser(tmp_path):
    class Model:
        """Stands for a Keras model: what is saved, and with which optimiser."""

        optimizer, compiled, fails = "sgd", True, False

        def save(self, path):
            path.write_text(f"{self.optimizer} {self.compiled}")
            if self.fails:
                raise OSError(errno.ENOSPC, "No space left on device")

    model = Model()
    write_model(tmp_path / "new", model)
    assert (tmp_path / "new" / "model.keras").read_text() == "None False"
    assert (model.optimizer, model.compiled) == ("sgd", True)
    model.fails = True
    with pytest.raises(UserError, match="model.keras: could not be written.*free space"):
        write_model(tmp_path / "new", model)
    assert model.optimizer == "sgd" and [path.name for path in (tmp_path / "new").iterdir()] == ["model.keras"]


def test_scores_are_parsed_by_one_thread_at_a_time(tmp_path, monkeypatch):
    """Python 3.11 raises "AST constructor recursion depth mismatch" now and then where several threads parse."""
    write_scores(tmp_path, "a", Scores(np.array([0]), np.ones((1, 2, 2)), (4, 4)))
    load, inside, most = np.load, [], []

    def slow(*arguments, **settings):
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.01)
        inside.pop()
        return load(*arguments, **settings)

    monkeypatch.setattr(np, "load", slow)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(lambda _: read_scores(tmp_path, "a"), range(8)))) == 8
    assert max(most) == 1
