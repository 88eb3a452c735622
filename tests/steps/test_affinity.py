import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support.fake_run import image_set, write_pseudo
from tests.support.fits import ready
from tests.support.oracles.affinity_labels import affinity_labels
from tests.support.shared import shared_file
from tests.support.tiny_run import AFFINITYNET
from tfwsss.artefacts.marginals import read_marginals, write_marginals
from tfwsss.artefacts.masks import read_mask
from tfwsss.batches.augment import DRAWS, augment
from tfwsss.batches.shrink import reduce_ids
from tfwsss.batches.sure_cells import sure_cells
from tfwsss.errors import UserError
from tfwsss.models.affinity import AffinityNet
from tfwsss.runs.stage import Context
from tfwsss.settings.reading import merge
from tfwsss.settings.sections import TensorBoardSettings
from tfwsss.steps import affinity as training
from tfwsss.steps.affinity import AffinitySettings
from tfwsss.training.progress import TrainingProgress
from tfwsss.training.tensorboard import TensorBoardLogs


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return image_set(tmp_path_factory.mktemp("data"))      # five of 24x32 pixels


@pytest.fixture
def inputs(images, tmp_path):
    """Marginals and labels of every image, as the stages before leave them."""
    write_pseudo(tmp_path / "labels", images)
    random = np.random.default_rng(5)
    for name in images.names:
        planes = random.random((2, 1 + len(images.labels[name]), 6, 8)).repeat(4, 2).repeat(4, 3) ** 2
        write_marginals(tmp_path / "marginals", name, planes / planes.sum(axis=1, keepdims=True))
    return {"labels": tmp_path / "labels", "marginals": tmp_path / "marginals"}


def settings(**values) -> AffinitySettings:
    tiny = {**AFFINITYNET["affinity"], "epochs": 3, "batch_size": 2, "crop": 32, "jitter": []}
    return AffinitySettings(**merge(tiny, values))


def build(images, **values) -> AffinityNet:
    return training.build(settings(**values), Context(), {}, images)


def batches(images, inputs, source="marginals", first=0, seed=0, **values):
    return training.batches(settings(**values), source, Context(seed=seed), inputs, images, first)


@pytest.mark.parametrize(("backbone", "group_norm", "trainable"), [
    ("vgg16", True, 32), ("resnet38", False, 39), ("mobilenet_v2", False, None), ("small", False, None),
    ("resnet50", False, None), ("resnet101_keras", False, None)])
def test_the_network_is_compiled_as_the_settings_say(images, backbone, group_norm, trainable):
    """Of every backbone; only VGG-16's maps are normalised, and as many tensors learn as in the released networks."""
    width = 0.35 if backbone == "mobilenet_v2" else 1 / 16
    model = build(images, backbone={"name": backbone, "width": width}, widths=[8, 16, 24], radius=3, border="full",
                  optimizer="sgd", momentum=0.5, learning_rate=0.5, head_factor=7.0, weight_decay=0.25)
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
    model = build(images, backbone={"name": "vgg16", "width": 1 / 16}, border="full")
    assert model.get_layer("fc6").dilation_rate == (4, 4)


@pytest.mark.parametrize(("values", "grid", "least"), [
    ({"crop": 16, "radius": 3}, 4, 17), ({"crop": 32, "radius": 5}, 8, 33),
    ({"crop": 64, "radius": 5, "backbone": {"name": "vgg16", "width": 1 / 16}}, 8, 65),
    ({"crop": 40, "radius": 3, "backbone": {"name": "resnet50", "width": 1 / 64}}, 3, 65)])
def test_crops_without_any_pair_are_refused(images, values, grid, least):
    """One pixel more than the message asks for less of leaves pairs; so does the other border."""
    with pytest.raises(UserError, match=f"makes {grid} x {grid} positions of .* set affinity.border=full, or "
                                        f"affinity.crop={least} or more"):
        build(images, **values)
    for cure in ({"crop": least}, {"border": "full"}):
        model = build(images, **{**values, **cure})
        side = cure.get("crop", values["crop"])
        assert np.any(model({"image": np.ones((1, side, side, 3), "float32")})["affinity"])
    with pytest.raises(UserError, match=f"affinity.crop={least} or more"):
        build(images, **{**values, "crop": least - 1})


@pytest.mark.parametrize(("source", "file"), [("marginals", "image 2.png"), ("labels", "image 2.png")])
def test_only_images_with_labels_are_used(images, inputs, source, file):
    usable = training.usable(source, images)
    assert usable(inputs) == set(images.names)
    (inputs[source] / file).unlink()
    assert usable(inputs) == set(images.names) - {"image 2"}
    kind = "marginals" if source == "marginals" else "masks"
    with pytest.raises(UserError, match=f"{kind} of 1 images are missing, such as 'image 2'"):
        batches(images, inputs, source)


def arrays(*args, **more) -> list:
    return list(batches(*args, **more).as_numpy_iterator())


SOURCES = pytest.mark.parametrize("source", ["marginals", "labels"])


@SOURCES
@pytest.mark.parametrize(("backbone", "crop", "grid"), [
    ({}, 32, 8), ({}, 33, 9), ({"name": "vgg16"}, 33, 5), ({"name": "resnet38"}, 40, 5),
    ({"name": "mobilenet_v2"}, 40, 3), ({"name": "mobilenet_v2", "output_stride": 8}, 40, 5),
    ({"name": "resnet50", "output_stride": 8}, 33, 5), ({"name": "resnet50_keras"}, 40, 3)])
def test_labels_lie_on_the_networks_grid(images, inputs, source, backbone, crop, grid):
    width = 0.35 if backbone.get("name") == "mobilenet_v2" else 1 / 16
    own = {"crop": crop, "backbone": {**backbone, "width": width}, "border": "full"}
    x, y = arrays(images, inputs, source, **own)[0]
    assert set(x) == {"image"} and x["image"].shape == (2, crop, crop, 3)
    assert set(y) == {"mask"} and y["mask"].shape == (2, grid, grid) and y["mask"].dtype == np.int32
    output = build(images, **own).compute_output_shape({"image": (2, crop, crop, 3)})
    assert output["affinity"][1:3] == (grid, grid)


@SOURCES
def test_labels_go_with_their_image_and_the_rest_is_black_and_unknown(images, inputs, source):
    """Scattered, mirrored, then reduced over the cells of the crop: marginals by their means, masks by majority."""
    x, y = arrays(images, inputs, source, crop=48, epochs=6)[-1]
    for image, found in zip(x["image"], y["mask"], strict=True):
        inside = image.any(axis=-1)
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        place = (slice(rows[0], rows[0] + 24), slice(columns[0], columns[0] + 32))
        assert inside.sum() == 24 * 32
        name, step = next((name, step) for name in images.names for step in (1, -1)
                          if np.array_equal(images.read_image(name)[:, ::step], image[place]))
        if source == "labels":
            whole = np.full((48, 48), 255, np.int32)
            whole[place] = read_mask(inputs["labels"], name)[:, ::step]
            expected = reduce_ids(whole[None], 4, 4)[0]
        else:
            classes = images.labels[name]
            whole = np.zeros((2, 1 + len(classes), 48, 48), np.float32)
            whole[:, :, place[0], place[1]] = read_marginals(inputs["marginals"], name, 1 + len(classes))[..., ::step]
            expected = affinity_labels(*whole, classes, block=4)
        np.testing.assert_array_equal(found, expected)
        assert {0, 255} < set(np.unique(found))


@SOURCES
def test_batches_go_on_where_training_stopped(images, inputs, source):
    whole, rest = arrays(images, inputs, source), arrays(images, inputs, source, first=1)
    assert len(whole) == 6 and len(rest) == 4
    for (x, y), (later, labels) in zip(whole[2:], rest, strict=True):
        np.testing.assert_array_equal(x["image"], later["image"])
        np.testing.assert_array_equal(y["mask"], labels["mask"])
    other = arrays(images, inputs, source, seed=1)
    assert not np.array_equal(whole[0][0]["image"], other[0][0]["image"])


def test_a_published_element():
    """Crop of an image with its marginals, then their means over cells, then labels: as the released program has it."""
    data = np.load(shared_file("fixtures/psa/affdataset_vgg16_aff_80_seed2.npz"), allow_pickle=False)
    draws = np.full(DRAWS, 0.75, np.float32)                                          # not mirrored
    (width, column), (height, row), _ = data["draws"]
    draws[2:4] = (row + 0.5) / height, (column + 0.5) / width
    marginals = np.moveaxis(np.concatenate([data["la"], data["ha"]]), 0, -1)
    how = AffinitySettings(crop=80, jitter=()).augmentation(0.0)
    found = augment({"image": tf.constant(data["image"]), "marginals": tf.constant(marginals, tf.float32)},
                    tf.constant(draws), how)
    normalised = (found["image"] - (122.675, 116.669, 104.008))[..., ::-1]
    np.testing.assert_allclose(np.moveaxis(normalised, -1, 0), data["out_image"], atol=1e-5)
    np.testing.assert_array_equal(sure_cells(found["marginals"], [1.0, 1.0], 8), data["label_map"])


@pytest.mark.parametrize(("board", "kinds"), [
    ({"panels": 2}, [TrainingProgress, TensorBoardLogs]), ({"enabled": False}, [TrainingProgress])])
def test_who_watches(images, tmp_path, board, kinds):
    context = Context(tensorboard=TensorBoardSettings(**board))
    found = training.callbacks("affinity", settings(), context, tmp_path, build(images), images)
    assert [type(one) for one in found] == kinds


@SOURCES
def test_learns_from_labels(images, inputs, source):
    keras.utils.set_random_seed(0)
    own = {"epochs": 15, "batch_size": 5, "border": "full", "learning_rate": 0.01}
    data = batches(images, inputs, source, **own)
    history = ready(build(images, **own)).fit(data, epochs=15, steps_per_epoch=1, shuffle=False, verbose=0).history
    assert history["loss"][-1] < 0.9 * history["loss"][0] and {"background", "foreground", "negative"} < set(history)
