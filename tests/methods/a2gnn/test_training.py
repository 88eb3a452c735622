import keras
import numpy as np
import pytest

from tests.support.fake_run import image_set, write_pseudo
from tests.support.fits import ready
from tests.support.tiny_run import A2GNN as TINY
from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.models import write_model
from tfwsss.batches.seed_cells import seed_cells
from tfwsss.errors import UserError
from tfwsss.methods.a2gnn import training
from tfwsss.methods.a2gnn.config import WindowAffinitySettings
from tfwsss.models.window_affinity import WindowAffinityNet
from tfwsss.ops.offsets import half_window
from tfwsss.runs.stage import Context
from tfwsss.settings.reading import merge
from tfwsss.settings.sections import TensorBoardSettings
from tfwsss.training.progress import TrainingProgress
from tfwsss.training.tensorboard import TensorBoardLogs


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return image_set(tmp_path_factory.mktemp("data"))      # five of 24x32 pixels


@pytest.fixture
def inputs(images, tmp_path):
    return {"seeds": write_pseudo(tmp_path / "seeds", images)}


def settings(**values) -> WindowAffinitySettings:
    tiny = {**TINY["affinity"], "epochs": 3, "batch_size": 2, "crop": 32, "jitter": []}
    return WindowAffinitySettings(**merge(tiny, values))


def build(images, **values) -> WindowAffinityNet:
    keras.utils.set_random_seed(0)
    return training.build(settings(**values), Context(), {}, images)


def batches(images, inputs, first=0, seed=0, **values):
    return training.batches(settings(**values), Context(seed=seed), inputs, images, first)


@pytest.mark.parametrize(("backbone", "group_norm"), [("vgg16", True), ("resnet38", False), ("mobilenet_v2", False),
                                                      ("small", False)])
def test_the_network_is_compiled_as_the_settings_say(images, backbone, group_norm):
    width = 0.35 if backbone == "mobilenet_v2" else 1 / 16
    model = build(images, backbone={"name": backbone, "initial": None, "width": width}, optimizer="sgd", radius=4,
                  mask_border=True, crf_weight=2.0, head_factor=7.0, bias_factor=3.0, weight_decay=0.25)
    own, rule = model.get_config(), model.optimizer.get_config()
    assert (own["radius"], own["mask_border"], own["crf_weight"], own["group_norm"]) == (4, True, 2.0, group_norm)
    assert rule["coupled_decay"] == 0.25 and {rule["multipliers"][head] for head in training.HEADS} == {7.0}
    assert set(training.HEADS) <= {layer.name for layer in model.layers}


def test_batches_hold_images_and_the_first_seed_of_each_cell(images, inputs):
    """Without any change of images; below and beside them is white, which is no background."""
    how = {"mirror": False, "scatter": False, "crop": 40, "batch_size": 5, "epochs": 1}
    (x, y), = batches(images, inputs, **how).as_numpy_iterator()
    assert x["image"].shape == (5, 40, 40, 3) and y["mask"].shape == y["inside"].shape == (5, 10, 10)
    assert (x["image"][:, 24:] == 255).all() and (x["image"][:, :, 32:] == 255).all()
    assert (y["inside"][:, :6, :8] == 1).all() and y["inside"].sum() == 5 * 48
    assert (y["mask"][y["inside"] == 0] == 255).all()
    wanted = sorted(read_mask(inputs["seeds"], name)[::4, ::4].tobytes() for name in images.names)
    assert sorted(mask[:6, :8].astype(np.uint8).tobytes() for mask in y["mask"]) == wanted
    assert seed_cells(read_mask(inputs["seeds"], "image 0").astype("int32"), 4)["mask"].shape == (6, 8)


def test_batches_go_on_where_training_stopped(images, inputs):
    whole = list(batches(images, inputs).as_numpy_iterator())
    rest = list(batches(images, inputs, first=2).as_numpy_iterator())
    assert len(whole) == 6 and len(rest) == 2            # two whole batches of five images
    for (x, y), (other, seeds) in zip(whole[4:], rest, strict=True):
        np.testing.assert_array_equal(x["image"], other["image"])
        np.testing.assert_array_equal(y["mask"], seeds["mask"])


def test_images_without_seeds_are_refused(images, inputs):
    (inputs["seeds"] / "image 2.png").unlink()
    with pytest.raises(UserError):
        batches(images, inputs)


def test_it_learns(images, inputs):
    model = build(images, epochs=8, learning_rate=0.01)
    data = batches(images, inputs, epochs=8)
    history = ready(model).fit(data, epochs=8, steps_per_epoch=2, verbose=0, shuffle=False).history
    assert history["loss"][-1] < 0.8 * history["loss"][0]


def test_what_watches(images, tmp_path):
    model = build(images)
    watching = training.callbacks(settings(), Context(), tmp_path, model, images)
    assert [type(each) for each in watching] == [TrainingProgress, TensorBoardLogs]
    quiet = Context(tensorboard=TensorBoardSettings(enabled=False))
    assert [type(each) for each in training.callbacks(settings(), quiet, tmp_path, model, images)] == [TrainingProgress]


def test_a_trained_network_reads_graphs_of_any_radius(images, tmp_path):
    model = build(images, radius=3)
    write_model(tmp_path / "affinity", model)
    for radius in (2, 5):
        read = training.load_reader(tmp_path / "affinity", radius)
        nodes = read(images.read_image("image 0")[:22])
        assert read.stride == 4 and nodes.affinity.shape == (6, 8, len(half_window(radius)))
        assert nodes.features.min() >= 0
    with pytest.raises(UserError, match="model.keras: no such file"):
        training.load_reader(tmp_path / "no", 2)
