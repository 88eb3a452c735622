import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support.fake_run import image_set, write_pseudo
from tests.support.oracles.affinity_labels import affinity_labels
from tests.support.shared import shared_file
from tests.support.tiny_run import AFFINITYNET
from tfwsss.artefacts.masks import read_mask
from tfwsss.batches.augment import DRAWS, augment
from tfwsss.data.images import reduce_ids
from tfwsss.errors import UserError
from tfwsss.methods.affinitynet.stages import Config
from tfwsss.methods.affinitynet.training import AffinitySettings, batches, build, callbacks
from tfwsss.models.affinity import AffinityNet
from tfwsss.settings import reading
from tfwsss.settings.reading import merge
from tfwsss.training.fitting import having
from tfwsss.training.progress import TrainingProgress
from tfwsss.training.tensorboard import TensorBoardLogs


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return image_set(tmp_path_factory.mktemp("data"))      # five of 24x32 pixels


@pytest.fixture
def inputs(images, tmp_path):
    """Labels of every image, as the stage before leaves them."""
    write_pseudo(tmp_path / "labels", images)
    return {"labels": tmp_path / "labels"}


def built(**sections) -> Config:
    tiny = {**AFFINITYNET, "method": "affinitynet"}
    tiny["affinity"] = {**tiny["affinity"], "epochs": 3, "batch_size": 2, "crop": 32, "jitter": []}
    return reading.build(Config, merge(tiny, sections), "test")


@pytest.mark.parametrize(("backbone", "group_norm", "trainable"), [
    ("vgg16", True, 32), ("resnet38", False, 39), ("mobilenet_v2", False, None), ("small", False, None),
    ("resnet50", False, None), ("resnet101_keras", False, None)])
def test_the_network_is_compiled_as_the_settings_say(images, backbone, group_norm, trainable):
    """Of every backbone; only VGG-16's maps are normalised, and as many tensors learn as in the released networks."""
    width = 0.35 if backbone == "mobilenet_v2" else 1 / 16
    model = build(built(affinity={
        "backbone": {"name": backbone, "width": width}, "widths": [8, 16, 24], "radius": 3, "border": "full",
        "optimizer": "sgd", "momentum": 0.5, "learning_rate": 0.5, "head_factor": 7.0, "weight_decay": 0.25}), {},
        images)
    own, optimizer = model.get_config(), model.optimizer.get_config()
    assert isinstance(model, AffinityNet) and own["widths"] == [8, 16, 24]
    assert (own["group_norm"], own["radius"], own["border"]) == (group_norm, 3, "full")
    assert (optimizer["momentum"], optimizer["coupled_decay"]) == (0.5, 0.25)
    assert trainable in (None, len(model.trainable_variables))
    model.optimizer.build(model.trainable_variables)
    for variable, factor in zip(model.trainable_variables, model.optimizer._factors, strict=True):
        expected = 7.0 if variable.path.startswith(("f8_", "f9/")) else 1.0
        expected *= 2.0 if variable.path.endswith(("/bias", "/beta")) else 1.0
        assert factor == expected, variable.path
    for variable, decay in zip(model.trainable_variables, model.optimizer._decays, strict=True):
        decays = "kernel" in variable.path or variable.path.startswith("gn8_") and variable.path.endswith("/gamma")
        assert decay == (0.25 if decays else 0.0), variable.path
    assert sum(variable.path.startswith("gn8_") for variable in model.trainable_variables) == (6 if group_norm else 0)
    rates = [float(model.optimizer._learning_rate(step)) for step in range(6)]          # 3 epochs of 2 steps
    np.testing.assert_allclose(rates, 0.5 * (1 - np.arange(6) / 6) ** 0.9, rtol=1e-6)


def test_vgg16_sees_further_here_than_as_a_classifier(images):
    model = build(built(affinity={"backbone": {"name": "vgg16", "width": 1 / 16}, "border": "full"}), {}, images)
    assert model.get_layer("fc6").dilation_rate == (4, 4)


@pytest.mark.parametrize(("values", "grid", "least"), [
    ({"crop": 16, "radius": 3}, 4, 17), ({"crop": 32, "radius": 5}, 8, 33),
    ({"crop": 64, "radius": 5, "backbone": {"name": "vgg16", "width": 1 / 16}}, 8, 65),
    ({"crop": 40, "radius": 3, "backbone": {"name": "resnet50", "width": 1 / 64}}, 3, 65)])
def test_crops_without_any_pair_are_refused(images, values, grid, least):
    """One pixel more than the message asks for less of leaves pairs; so does the other border."""
    with pytest.raises(UserError, match=f"makes {grid} x {grid} positions of .* set affinity.border=full, or "
                                        f"affinity.crop={least} or more"):
        build(built(affinity=values), {}, images)
    for cure in ({"crop": least}, {"border": "full"}):
        model = build(built(affinity={**values, **cure}), {}, images)
        side = cure.get("crop", values["crop"])
        assert np.any(model({"image": np.ones((1, side, side, 3), "float32")})["affinity"])
    with pytest.raises(UserError, match=f"affinity.crop={least} or more"):
        build(built(affinity={**values, "crop": least - 1}), {}, images)


def test_only_images_with_labels_are_used(images, inputs):
    usable = having("labels", "masks", images)
    assert usable(inputs) == set(images.names)
    (inputs["labels"] / "image 2.png").unlink()
    assert usable(inputs) == set(images.names) - {"image 2"}


def arrays(*args) -> list:
    return list(batches(*args).as_numpy_iterator())


@pytest.mark.parametrize(("backbone", "crop", "grid"), [
    ({}, 32, 8), ({}, 33, 9), ({"name": "vgg16"}, 33, 5), ({"name": "resnet38"}, 40, 5),
    ({"name": "mobilenet_v2"}, 40, 3), ({"name": "mobilenet_v2", "output_stride": 8}, 40, 5),
    ({"name": "resnet50", "output_stride": 8}, 33, 5), ({"name": "resnet50_keras"}, 40, 3)])
def test_labels_lie_on_the_networks_grid(images, inputs, backbone, crop, grid):
    width = 0.35 if backbone.get("name") == "mobilenet_v2" else 1 / 16
    settings = built(affinity={"crop": crop, "backbone": {**backbone, "width": width}, "border": "full"})
    x, y = arrays(settings, inputs, images, 0)[0]
    assert set(x) == {"image"} and x["image"].shape == (2, crop, crop, 3)
    assert set(y) == {"mask"} and y["mask"].shape == (2, grid, grid) and y["mask"].dtype == np.int32
    output = build(settings, {}, images).compute_output_shape({"image": (2, crop, crop, 3)})
    assert output["affinity"][1:3] == (grid, grid)


def test_labels_go_with_their_image_and_the_rest_is_black_and_unknown(images, inputs):
    """Scattered, mirrored, then reduced: 255 wherever a cell lies outside of the image for the most part."""
    x, y = arrays(built(affinity={"crop": 48}), inputs, images, 0)[0]
    for image, found in zip(x["image"], y["mask"], strict=True):
        inside = image.any(axis=-1)
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        part = image[rows[0]:rows[0] + 24, columns[0]:columns[0] + 32]
        assert inside.sum() == 24 * 32
        name, step = next((name, step) for name in images.names for step in (1, -1)
                          if np.array_equal(images.read_image(name)[:, ::step], part))
        whole = np.full((48, 48), 255, np.int32)
        mask = read_mask(inputs["labels"], name)
        whole[rows[0]:rows[0] + 24, columns[0]:columns[0] + 32] = mask[:, ::step]
        np.testing.assert_array_equal(found, reduce_ids(whole[None], 4, 4)[0])
        assert {0, 255} < set(np.unique(found))


def test_batches_go_on_where_training_stopped(images, inputs):
    whole, rest = arrays(built(), inputs, images, 0), arrays(built(), inputs, images, 1)
    assert len(whole) == 6 and len(rest) == 4
    for (x, y), (later, labels) in zip(whole[2:], rest, strict=True):
        np.testing.assert_array_equal(x["image"], later["image"])
        np.testing.assert_array_equal(y["mask"], labels["mask"])
    other = arrays(built(seed=1), inputs, images, 0)
    assert not np.array_equal(whole[0][0]["image"], other[0][0]["image"])


def test_labels_that_are_missing_are_told(images, inputs):
    (inputs["labels"] / "image 2.png").unlink()
    with pytest.raises(UserError, match="masks of 1 images are missing, such as 'image 2'"):
        batches(built(), inputs, images, 0)


def test_a_published_element():
    """Crop of an image with its labels. The original reduces marginals, we labels: one cell in a hundred differs."""
    data = np.load(shared_file("fixtures/psa/affdataset_vgg16_aff_80_seed2.npz"), allow_pickle=False)
    draws = np.full(DRAWS, 0.75, np.float32)                                          # not mirrored
    (width, column), (height, row), _ = data["draws"]
    draws[2:4] = (row + 0.5) / height, (column + 0.5) / width
    labels = affinity_labels(data["la"], data["ha"], [0, 1], block=1)
    how = AffinitySettings(crop=80, jitter=()).augmentation(0.0)
    found = augment({"image": tf.constant(data["image"]), "mask": tf.constant(labels, tf.int32)}, tf.constant(draws),
                    how)
    normalised = (found["image"] - (122.675, 116.669, 104.008))[..., ::-1]
    np.testing.assert_allclose(np.moveaxis(normalised, -1, 0), data["out_image"], atol=1e-5)
    assert (reduce_ids(found["mask"][None], 8, 3)[0].numpy() != data["label_map"]).sum() == 1


@pytest.mark.parametrize(("board", "kinds"), [
    ({"panels": 2}, [TrainingProgress, TensorBoardLogs]), ({"enabled": False}, [TrainingProgress])])
def test_who_watches(images, tmp_path, board, kinds):
    settings = built(tensorboard=board)
    assert [type(one) for one in callbacks(settings, tmp_path, build(settings, {}, images), images)] == kinds


def test_learns_from_labels(images, inputs):
    keras.utils.set_random_seed(0)
    settings = built(affinity={"epochs": 15, "batch_size": 5, "border": "full", "learning_rate": 0.01})
    model = build(settings, inputs, images)
    data = batches(settings, inputs, images, 0)
    history = model.fit(data, epochs=15, steps_per_epoch=1, shuffle=False, verbose=0).history
    assert history["loss"][-1] < 0.9 * history["loss"][0] and {"background", "foreground", "negative"} < set(history)
