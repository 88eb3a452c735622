from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.weights.make_torch_files import RECORDED
from tfwsss.errors import UserError
from tfwsss.weights.formats.hdf5 import read_hdf5
from tfwsss.weights.formats.hdf5_layout import Layout
from tfwsss.weights.formats.source import Source


def by_library(path: Path) -> dict[str, np.ndarray]:
    """Returns every array of a file as the HDF5 library reads it."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def test_a_large_tree_equals_the_librarys(tmp_path):
    """Many groups and names: tables of several levels, headers in several blocks, every type of number."""
    random = np.random.default_rng(0)
    types = ["<f2", "<f4", "<f8", ">f4", "<i8", ">u2", "i1", "u1"]
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for index in range(1500):
            numbers = 100 * random.standard_normal((index % 5, 3))
            file[f"g{index % 7}/s{index % 300}/x{index}"] = np.abs(numbers).astype(types[index % len(types)])
        file["scalar"] = np.float32(3)
        for index in range(40):
            file.attrs[f"note {index}"] = "x" * index
    ours, theirs = read_hdf5(tmp_path / "x.h5"), by_library(tmp_path / "x.h5")
    assert sorted(ours) == sorted(theirs)
    for name, array in ours.items():
        assert array.dtype == theirs[name].dtype and array.shape == theirs[name].shape, name
        assert np.array_equal(array, theirs[name]), name


def test_compact_arrays_are_read(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((3,))
        h5py.h5d.create(file.id, b"w", h5py.h5t.IEEE_F32LE, space, made).write(space, space, np.arange(3, dtype="<f4"))
    assert read_hdf5(tmp_path / "x.h5")["w"].tolist() == [0, 1, 2]


def test_texts_of_both_kinds(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.attrs["name"], file.attrs["fixed"] = "conv \u00e9", np.bytes_(b"plain")
        file.attrs["number"] = 3
    layout = Layout(Source.open(tmp_path / "x.h5"))
    messages = layout.messages(layout.root, "root")
    assert layout.text(messages, b"name", "root") == "conv \u00e9"
    assert layout.text(messages, b"fixed", "root") == "plain"
    assert layout.text(messages, b"number", "root") is None and layout.text(messages, b"other", "root") is None


def test_the_newer_layout_is_refused_with_the_cure(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w", libver="latest") as file:
        file["w"] = np.ones(2)
    with pytest.raises(UserError, match="x.h5: header: is of HDF5's newer layout; .*libver='earliest'"):
        read_hdf5(tmp_path / "x.h5")


def test_the_recorded_file_is_read():
    assert len(read_hdf5(RECORDED / "keras_tiny.h5")) == len(by_library(RECORDED / "keras_tiny.h5")) == 6
