import types

import keras
import numpy as np
import pytest

from tfwsss.backbones.initial import load_initial
from tfwsss.backbones.resnet_v2 import resnet_v2
from tfwsss.backbones.small import small
from tfwsss.backbones.vgg16 import vgg16
from tfwsss.errors import UserError
from tfwsss.models.icd import ICD

pytestmark = pytest.mark.large


def same(one, other):
    for ours, theirs in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["a.weights.h5", "a.keras"])
def test_files_of_keras(tmp_path, name):
    source, target = small(width=0.1), small(width=0.1)
    (source.save_weights if name.endswith("h5") else source.save)(tmp_path / name)
    assert load_initial(target, tmp_path / name) == ()
    same(source, target)


def test_file_of_a_larger_model(tmp_path):
    source, target = small(width=0.1), small(width=0.1)
    ICD(source, num_classes=2, head_width=2).save(tmp_path / "model.keras")
    load_initial(target, str(tmp_path / "model.keras"))
    same(source, target)


def test_older_layout(tmp_path):
    import h5py

    source, target = small(width=0.1), small(width=0.1)
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in source.layers]
        for layer in source.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{i}:0" for i in range(len(layer.weights))]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, weight in zip(names, layer.weights, strict=True):
                group[name] = np.asarray(weight)
    assert load_initial(target, tmp_path / "old.h5") == ()
    same(source, target)


@pytest.fixture(scope="module")
def keras_vgg16(tmp_path_factory):
    """Keras' own VGG-16 with its dense layers, for 96 pixels: a function to arrays of a layer, its file."""
    model = keras.applications.VGG16(include_top=True, weights=None, input_shape=(96, 96, 3), classes=2)
    path = tmp_path_factory.mktemp("keras") / "vgg16.weights.h5"
    model.save_weights(path)
    np.savez(path.with_suffix(".npz"), **{f"{layer.name}/{i}": value for layer in model.layers
                                          for i, value in enumerate(layer.get_weights())})
    counts = {layer.name: len(layer.weights) for layer in model.layers}

    def arrays_of(name: str) -> list[np.ndarray]:
        with np.load(path.with_suffix(".npz")) as kept:
            return [kept[f"{name}/{i}"] for i in range(counts[name])]

    return arrays_of, tuple(counts), path


@pytest.mark.parametrize("form", ["mcis", "oaa"])
def test_keras_vgg16_fills_the_trunk_where_there_is_no_fc6(keras_vgg16, form):
    theirs, _, path = keras_vgg16
    ours = vgg16(form=form)
    assert {left.split("/")[0] for left in load_initial(ours, path)} == {"extra1", "extra2", "extra3"}
    first = theirs("block1_conv1")[0]
    np.testing.assert_array_equal(ours.get_layer("conv1_1").kernel, first[:, :, ::-1] if form == "mcis" else first)
    np.testing.assert_array_equal(ours.get_layer("conv5_3").kernel, theirs("block5_conv3")[0])


def test_a_file_of_the_whole_form_fills_its_own_layers_too(tmp_path):
    source, target = vgg16(width=1 / 64, form="mcis"), vgg16(width=1 / 64, form="mcis")
    source.save_weights(tmp_path / "a.weights.h5")
    assert load_initial(target, tmp_path / "a.weights.h5") == ()
    same(source, target)


@pytest.mark.parametrize("form", ["icd", "affinitynet"])
def test_keras_vgg16_fills_ours_with_its_dense_layers_thinned(keras_vgg16, form):
    theirs, _, path = keras_vgg16
    ours = vgg16(form=form)
    assert load_initial(ours, path) == ()
    ours = {layer.name: layer for layer in ours.layers}
    for name, other in (("conv1_1", "block1_conv1"), ("conv4_2", "block4_conv2"), ("conv5_3", "block5_conv3")):
        kernel = theirs(other)[0]
        turned = name == "conv1_1" and form == "icd"           # which sees red first
        np.testing.assert_array_equal(ours[name].kernel, kernel[:, :, ::-1] if turned else kernel)
    np.testing.assert_array_equal(ours["fc6"].kernel, theirs("fc1")[0].reshape(3, 3, 512, 4096)[..., :4093:4])
    np.testing.assert_array_equal(np.asarray(ours["fc7"].kernel)[0, 0], theirs("fc2")[0][:4093:4, :4093:4])
    for name, other in (("fc6", "fc1"), ("fc7", "fc2")):
        np.testing.assert_array_equal(ours[name].bias, theirs(other)[1][:4093:4])


def test_imagenet_asks_keras_for_the_dense_layers_too(keras_vgg16, monkeypatch):
    theirs, names, _ = keras_vgg16
    layers = [types.SimpleNamespace(name=name, get_weights=lambda name=name: theirs(name)) for name in names]
    asked = []
    monkeypatch.setattr(keras.applications, "VGG16",
                        lambda **settings: asked.append(settings) or types.SimpleNamespace(layers=layers))
    ours = vgg16(head_channels=8)
    assert load_initial(ours, "imagenet") == ()
    assert asked == [{"include_top": True, "weights": "imagenet", "input_shape": (224, 224, 3)}]
    np.testing.assert_array_equal(ours.get_layer("fc7").get_weights()[1], theirs("fc2")[1][:4096:585])


@pytest.mark.parametrize("depth", [50, 101])
def test_imagenet_of_keras_resnets_is_that_of_the_depth(monkeypatch, depth):
    source, ours = (resnet_v2(depth, form="keras", width=1 / 64) for _ in range(2))
    asked = []
    monkeypatch.setattr(keras.applications, f"ResNet{depth}V2", lambda **settings: asked.append(settings) or source)
    assert load_initial(ours, "imagenet") == ()
    assert asked == [{"include_top": False, "weights": "imagenet", "input_shape": (224, 224, 3)}]
    same(source, ours)


def test_keras_vgg16_without_dense_layers_fills_the_trunk(tmp_path):
    theirs, ours = keras.applications.VGG16(include_top=False, weights=None), vgg16(head_channels=4)
    theirs.save_weights(tmp_path / "vgg.weights.h5")
    left = load_initial(ours, tmp_path / "vgg.weights.h5")
    assert left == ("fc6/kernel", "fc6/bias", "fc7/kernel", "fc7/bias")
    np.testing.assert_array_equal(ours.get_layer("conv1_1").get_weights()[0],
                                  theirs.get_layer("block1_conv1").get_weights()[0][:, :, ::-1])


def test_vgg19_is_no_vgg16(tmp_path):
    keras.applications.VGG19(include_top=False, weights=None).save_weights(tmp_path / "vgg.weights.h5")
    with pytest.raises(UserError, match="conv3_4 has no place in vgg16; is the file that of VGG-19"):
        load_initial(vgg16(head_channels=4), tmp_path / "vgg.weights.h5")


def test_nothing_changes_nothing():
    model = small(width=0.1)
    assert len(load_initial(model, None)) == len(model.weights)


def test_a_wrong_shape_names_both_and_changes_nothing(tmp_path):
    small(width=0.2).save_weights(tmp_path / "wide.weights.h5")
    model = small(width=0.1)
    before = model.get_weights()
    with pytest.raises(UserError, match=r"wide.weights.h5: shape \(3, 3, 3, 6\) for conv1/kernel .*\(3, 3, 3, 3\)"):
        load_initial(model, tmp_path / "wide.weights.h5")
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_mistakes_name_the_file_and_the_cure(tmp_path):
    model = small(width=0.1)
    with pytest.raises(UserError, match="no such weight file"):
        load_initial(model, tmp_path / "missing.weights.h5")
    (tmp_path / "text.weights.h5").write_text("not weights")
    with pytest.raises(UserError, match=r"text.weights.h5: not a weight file"):
        load_initial(model, tmp_path / "text.weights.h5")
    (tmp_path / "cut.keras").write_bytes(b"PK\x03\x04")
    with pytest.raises(UserError, match=r"cut.keras: not a weight file"):
        load_initial(model, tmp_path / "cut.keras")
    with pytest.raises(UserError, match=r"nothing for conv1/kernel of small"):
        load_initial(model, {})
    with pytest.raises(UserError, match="'imagenet': none exist for backbone 'small'"):
        load_initial(model, "imagenet")
    vgg16(width=1 / 16, head_channels=2).save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(UserError, match="conv1"):
        load_initial(model, tmp_path / "other.weights.h5")


def spoiled(path, spoil):
    """A file of a small network's weights with something done to it."""
    import h5py

    small(width=0.1).save_weights(path)
    with h5py.File(path, "r+") as file:
        spoil(file, h5py)
    return path


def bomb(file, h5py):
    """Ten thousand million numbers in a kilobyte."""
    place = "layers/conv2d/vars/0"
    del file[place]
    file.create_dataset(place, (10**5, 10**5), "f4", chunks=(1000, 1000), compression="gzip")


def elsewhere(file, h5py):
    file["layers"]["other"] = h5py.ExternalLink(str(file.filename) + ".secret", "/w")


def loop(file, h5py):
    file["layers"]["again"] = h5py.SoftLink("/layers")


def older_elsewhere(file, h5py):
    file.attrs["layer_names"] = [b"conv1"]
    group = file.create_group("conv1")
    group.attrs["weight_names"] = [b"kernel:0", b"bias:0"]
    group["kernel:0"] = h5py.ExternalLink(str(file.filename) + ".secret", "/w")
    group["bias:0"] = h5py.SoftLink("/conv1/bias:0")


@pytest.mark.parametrize("spoil", [bomb, elsewhere, loop, older_elsewhere])
def test_files_that_lead_elsewhere_or_claim_too_much_are_refused(tmp_path, spoil):
    """By the reader that never asks the HDF5 library: no other file is opened, nothing is allocated."""
    path, model = spoiled(tmp_path / "a.weights.h5", spoil), small(width=0.1)
    before = model.get_weights()
    with pytest.raises(UserError, match="a.weights.h5: not a weight file of Keras .*(stored in chunks|link)"):
        load_initial(model, path)
    assert all(np.array_equal(one, other) for one, other in zip(before, model.get_weights(), strict=True))


def test_the_newer_layout_is_told_with_its_cure(tmp_path):
    import h5py

    with h5py.File(tmp_path / "a.weights.h5", "w", libver="latest") as file:
        file["layers/conv2d/vars/0"] = np.ones(3)
    with pytest.raises(UserError, match="HDF5's newer layout; .*libver='earliest'"):
        load_initial(small(width=0.1), tmp_path / "a.weights.h5")
