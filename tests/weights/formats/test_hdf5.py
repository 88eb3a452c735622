import io
import zipfile

import h5py
import numpy as np
import pytest

from tests.support.shared import shared_file
from tfwsss.errors import UserError
from tfwsss.weights.formats.hdf5 import read_hdf5, read_layers


@pytest.fixture
def made(tmp_path):
    def maker(fill, name="x.weights.h5"):
        with h5py.File(tmp_path / name, "w") as file:
            fill(file)
        return tmp_path / name
    return maker


def test_what_keras_saves_is_read(tmp_path):
    import keras

    inputs = keras.Input((8, 8, 3))
    x = keras.layers.BatchNormalization(name="bn")(keras.layers.Conv2D(4, 3, name="conv")(inputs))
    model = keras.Model(inputs, x)
    model.save_weights(tmp_path / "x.weights.h5")
    model.save(tmp_path / "x.keras")
    wanted = {f"{layer.name}/vars/{i}": np.asarray(w) for layer in model.layers for i, w in enumerate(layer.weights)}
    for name in ("x.weights.h5", "x.keras"):
        arrays = read_hdf5(tmp_path / name)
        assert set(arrays) == set(wanted), name
        assert all(np.array_equal(arrays[key], wanted[key]) for key in wanted), name


def test_released_mobilenet_weights():
    arrays = read_hdf5(shared_file("data/weights/mobilenet_v2_1.0_224_no_top.weights.h5"))
    assert arrays["Conv1/vars/0"].shape == (3, 3, 3, 32) and len(arrays) == 260


def test_two_layers_of_one_name_are_both_kept(made):
    def fill(file):
        for place in ("a", "b"):
            file.create_dataset(f"{place}/vars/0", data=np.ones(2))
            file[f"{place}/vars"].attrs["name"] = "same"
    assert sorted(read_hdf5(made(fill))) == ["b/vars/0", "same/vars/0"]


@pytest.mark.parametrize(("fill", "message"), [
    (lambda f: f.update({"w": h5py.ExternalLink("other.h5", "/w")}), "root: links to other files"),
    (lambda f: f.update({"w": h5py.SoftLink("/v")}), "root/w: is a link to another place"),
    (lambda f: f.create_dataset("w", (4,), "f4", external=[("other", 0, 16)]), "w: keeps its numbers in another file"),
    (lambda f: f.create_dataset("w", (10**6, 10**6), "f4", chunks=(10, 10)), "w: is stored in chunks"),
    (lambda f: f.create_dataset("w", (10**6, 10**6), "f4"), "w: claims 1000000x1000000 float32, .* 0 are left"),
    (lambda f: f.create_dataset("w", data="text"), "w: its elements are of class 9"),
    (lambda f: f.create_dataset("w", data=np.zeros(2, [("a", "f4")])), "w: its elements are of class 6"),
    (lambda f: f.create_dataset("w", data=h5py.Empty("f4")), "w: has no shape"),
    (lambda f: f.create_group("a").update({"again": f["a"]}), "a/again: is reached twice"),
])
def test_what_leads_elsewhere_is_refused(made, fill, message):
    with pytest.raises(UserError, match=f"x.weights.h5: {message}"):
        read_hdf5(made(fill))


def test_virtual_arrays_are_refused(made):
    def fill(file):
        layout = h5py.VirtualLayout((4,), "f4")
        layout[:] = h5py.VirtualSource("other.h5", "w", (4,))
        file.create_virtual_dataset("w", layout)
    with pytest.raises(UserError, match="w: is stored in chunks, compressed, or elsewhere|w: .*newer layout"):
        read_hdf5(made(fill))


def test_truncated_and_foreign_files_are_refused(made, tmp_path):
    data = made(lambda f: f.create_dataset("w", data=np.arange(1000.0))).read_bytes()
    for length in (9, 100, 600, 2000, len(data) - 1):
        (tmp_path / "cut.h5").write_bytes(data[:length])
        with pytest.raises(UserError, match="cut.h5: header: (points|claims)"):
            read_hdf5(tmp_path / "cut.h5")
    (tmp_path / "cut.h5").write_bytes(b"no hdf5")
    with pytest.raises(UserError, match="not that of HDF5"):
        read_hdf5(tmp_path / "cut.h5")


def test_archives_without_weights_are_refused(tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("config.json", "{}")
    (tmp_path / "x.keras").write_bytes(stream.getvalue())
    with pytest.raises(UserError, match="holds no model.weights.h5"):
        read_hdf5(tmp_path / "x.keras")


def test_layers_of_what_keras_saves(tmp_path):
    """More than ten arrays of one layer stay in their order."""
    import keras

    class Many(keras.layers.Layer):
        def build(self, shape):
            self.all = [self.add_weight(shape=(k + 1,), initializer="ones") for k in range(12)]

        def call(self, x):
            return x

    model = keras.Sequential([keras.Input((3,)), Many(name="many"), keras.layers.Dense(2, name="end")])
    for name in ("x.weights.h5", "x.keras"):
        (model.save_weights if name.endswith("h5") else model.save)(tmp_path / name)
        found = read_layers(tmp_path / name)
        assert [array.shape for array in found["many"]] == [(k + 1,) for k in range(12)]
        assert [array.shape for array in found["end"]] == [(3, 2), (2,)]


@pytest.mark.parametrize("kind", [bytes, str])
def test_layers_of_the_older_layout(made, kind):
    """Names come as bytes of equal length or as texts of any; long lists in parts; paths of several levels."""
    def fill(file):
        names = [f"layer {k}" for k in range(5)]
        for part in (0, 1):
            file.attrs[f"layer_names{part}"] = [kind(name, "utf-8") if kind is bytes else name
                                                for name in names[3 * part:3 * part + 3]]
        for k, name in enumerate(names):
            weights = [f"{name}/kernel:0", f"{name}/bias:0"][:k]
            file.create_group(name).attrs["weight_names"] = np.array([weight.encode() for weight in weights], "S30")
            for weight in weights:
                file[name][weight] = np.full((k, len(weight)), k)
    found = read_layers(made(fill))
    assert list(found) == [f"layer {k}" for k in range(5)]
    assert [[array.shape for array in arrays] for arrays in found.values()] == [
        [], [(1, 16)], [(2, 16), (2, 14)], [(3, 16), (3, 14)], [(4, 16), (4, 14)]]
    assert all((array == k).all() for k, arrays in enumerate(found.values()) for array in arrays)


def test_layers_that_are_named_but_not_there(made):
    def fill(file):
        file.attrs["layer_names"] = [b"a"]
        file.create_group("a").attrs["weight_names"] = [b"a/kernel:0"]
    with pytest.raises(UserError, match="x.weights.h5: a/a/kernel:0: is named, but not there"):
        read_layers(made(fill))
    assert read_layers(made(lambda file: file.create_dataset("w", data=np.ones(2)))) == {}
