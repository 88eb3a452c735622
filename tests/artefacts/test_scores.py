"""Maps on disk: half precision, no pickle, and a fault where a file does not hold what it says."""

import concurrent.futures
import io
import time
import zipfile

import numpy as np
import pytest

from tests.artefacts.test_files import NAMES
from tfwsss.artefacts.scores import Scores, read_scores, write_scores
from tfwsss.errors import ImageFault, UserError


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
