import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support.fake_run import image_set
from tests.support.fits import ready
from tests.support.tiny_run import OAA as TINY
from tfwsss.artefacts.scores import Scores, write_scores
from tfwsss.batches.frames import in_frame
from tfwsss.errors import UserError
from tfwsss.methods.oaa import training
from tfwsss.methods.oaa.config import Config
from tfwsss.models.oaa import OAA, attention_network
from tfwsss.runs.stage import Context
from tfwsss.settings import reading
from tfwsss.settings.reading import merge
from tfwsss.steps.gathering import GatheringLogs
from tfwsss.training.attention_memory import AttentionMemory
from tfwsss.training.progress import TrainingProgress
from tfwsss.training.schedules import PolyDecay, StepDecay
from tfwsss.training.tensorboard import Panels, TensorBoardLogs


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return image_set(tmp_path_factory.mktemp("data"))


def built(**sections) -> Config:
    return reading.build(Config, merge({**TINY, "method": "oaa"}, sections), "test")


def build(images, **oaa) -> OAA:
    keras.utils.set_random_seed(0)
    return training.build(built(oaa=oaa), Context(), {}, images)


def fit(model, images, callbacks=(), first=0, eagerly=True, **oaa):
    """Trains as the stage does, but for the graph of so few steps; returns the memory."""
    settings = built(oaa=oaa)
    data = training.batches(settings, False, Context(), {}, images, first)
    steps = int(data.cardinality()) // (settings.oaa.epochs - first)
    model.run_eagerly = eagerly
    ready(model).fit(data, initial_epoch=first, epochs=settings.oaa.epochs, steps_per_epoch=steps, verbose=0,
                     shuffle=False, callbacks=list(callbacks))
    return model.watch.memory


@pytest.mark.parametrize(("settings", "start", "last"), [
    ({"square": True, "batch_size": 2}, 5, None),               # the fifth of five, with all of its step
    ({"square": True, "batch_size": 5}, 1, None), ({"square": False, "batch_size": 2}, 5, None),
    ({"rule": "mean", "square": True}, 1, None), ({"rule": "harmonic", "square": True}, 1, None),
    ({"program": "torch", "square": False, "batch_size": 2, "epochs": 4}, 6, 16),
    ({"program": "torch", "square": True, "batch_size": 2, "epochs": 4}, 5, 13)])   # four images an epoch
def test_which_visits_count(images, settings, start, last):
    """Caffe's program passes over as many as there are images, less one; PyTorch's over the first epoch."""
    watch = build(images, **settings).watch
    assert (watch.memory.start, watch._last_from) == (start, last)


def test_the_optimiser_of_images_that_are_seen_one_by_one(images):
    """Five gradients make one change; the rate falls by the images seen."""
    settings = {"square": False, "batch_size": 5, "optimizer": "sgd", "schedule": "epoch", "decay_epochs": [2],
                "nesterov": True, "rate_outside": True, "weight_decay": 0.25, "decay_all": True, "bias_factor": 2.0}
    optimizer = build(images, **settings).optimizer
    kept = optimizer.get_config()
    assert kept["gradient_accumulation_steps"] == 5 and kept["nesterov"] and kept["rate_outside"]
    assert kept["multipliers"]["fc8"] == 1.0 and kept["multipliers"]["bias"] == 2.0
    assert kept["decayed"] == ["*"] and kept["coupled_decay"] == 0.25
    rate = optimizer._learning_rate
    assert isinstance(rate, StepDecay) and (rate.epochs, rate.steps_per_epoch) == ((2,), 5)


def test_the_optimiser_of_squares(images):
    optimizer = build(images, square=True, batch_size=2, optimizer="sgd", decay_epochs=None).optimizer
    assert optimizer.gradient_accumulation_steps is None and isinstance(optimizer._learning_rate, PolyDecay)
    assert optimizer._learning_rate.steps_per_epoch == 2


def test_several_devices_need_squares(images, strategy):
    with strategy.scope(), pytest.raises(UserError, match="2 devices, but images that keep their shapes are seen one "
                                                          "by one; set oaa.square=true, or devices=1"):
        build(images, square=False)


def test_what_is_gathered_is_what_the_network_finds(images):
    """With a network that does not learn: the memory's rule on the maps of each image, whichever way it was seen."""
    settings = {"square": True, "batch_size": 5, "epochs": 3, "accept": "probable", "learning_rate": 1e-20}
    model = build(images, **settings)
    for layer in model.layers:
        layer.trainable = False
    memory, found = fit(model, images, **settings), attention_network(model)
    assert memory.seen == 15
    frame = built(oaa=settings).oaa.frame
    kept = 0
    for name in images.names:
        image = in_frame(images.read_image(name), frame).numpy()
        raw = np.asarray(found(np.stack([image, image[:, ::-1]]))["position_logits"])
        ways = [raw[0], raw[1][:, ::-1]]
        for label in images.labels[name]:
            gathered = memory.get(name, label)
            if gathered is None:
                continue
            kept += 1
            shares = [np.maximum(way[..., label], 0) for way in ways]
            shares = [(each - each.min()) / max(np.ptp(each), 1e-8) for each in shares]
            largest, least = np.maximum(*shares), np.minimum(*shares)
            away = gathered / 255
            assert (away <= largest + 0.02).all() and (away >= least - 0.02).all()
    assert kept > 2


@pytest.mark.parametrize("drop", [pytest.param(0.0, marks=pytest.mark.slow), 0.5])     # what is hidden is remembered
def test_a_training_that_was_cut_off_gathers_what_an_unbroken_one_does(images, tmp_path, drop):
    """Weights from the checkpoint's place, memory from its file: the same maps to the last byte."""
    settings = {"square": True, "batch_size": 2, "epochs": 4, "accept": "probable", "drop": drop}
    whole = build(images, **settings)
    kept = {}

    def keep(epoch, logs):
        if epoch == 1:
            whole.watch.memory.save(tmp_path / "memory.npz")
            kept["state"] = [np.asarray(each) for each in (*whole.variables, *whole.optimizer.variables)]

    memory = fit(whole, images, [keras.callbacks.LambdaCallback(on_epoch_end=keep)], **settings)
    again = build(images, **settings)
    again.optimizer.build(again.trainable_variables)
    for variable, value in zip((*again.variables, *again.optimizer.variables), kept["state"], strict=True):
        variable.assign(value)
    again.watch.memory.load(tmp_path / "memory.npz")
    rest = fit(again, images, first=2, **settings)
    assert rest.seen == memory.seen == 16 and len(rest) == len(memory) > 2
    for name in images.names:
        for label in images.labels[name]:
            if memory.get(name, label) is not None:
                np.testing.assert_array_equal(rest.get(name, label), memory.get(name, label))


def test_two_replicas_hide_what_was_found(images, strategy):
    """Each the images that it sees, by one memory."""
    settings = {"square": True, "batch_size": 4, "epochs": 3, "accept": "probable", "drop": 1.0}
    hidden = []
    with strategy.scope():
        model = build(images, **settings)
        veil = model.veil

        def watched(x):
            seen = veil(x)
            tf.numpy_function(lambda one, other: hidden.append(bool((one != other).any())), [seen, x["image"]], [])
            return seen

        model.veil = watched
        memory = fit(model, images, eagerly=False, **settings)
    assert memory.seen == 12 and len(memory) > 2 and memory.latest
    assert len(hidden) == 6 and any(hidden)                             # three steps, on each of two devices


def test_two_replicas_gather_what_one_does(images, strategy):
    """In each step both halves of the batch; a byte may fall on either side where sums are taken in another order."""
    settings = {"square": True, "batch_size": 4, "epochs": 3, "accept": "probable", "learning_rate": 1e-5}
    one = fit(build(images, **settings), images, eagerly=False, **settings)
    with strategy.scope():
        two = fit(build(images, **settings), images, eagerly=False, **settings)
    assert two.seen == one.seen == 12 and len(two) == len(one) > 2
    for name in images.names:
        for label in images.labels[name]:
            if one.get(name, label) is not None:
                away = np.abs(two.get(name, label).astype(int) - one.get(name, label))
                assert away.max() <= 2, name


def test_the_second_network_learns_what_is_kept(images, tmp_path):
    """Bytes as shares, 0 for classes that an image does not show; a bar in the program for PyTorch."""
    for name in images.names:
        labels = np.array(images.labels[name], np.int32)
        planes = np.stack([np.full((13, 13), 51 * (1 + label), np.float32) for label in labels])
        write_scores(tmp_path, name, Scores(labels, planes, (24, 32)))
    settings = built(oaa={"side": 49, "square": True}, oaa_plus={"batch_size": 5, "epochs": 1})
    (x, y), = training.batches(settings, True, Context(), {"accumulated": tmp_path}, images, 0)
    for place, index in enumerate(x["index"].numpy()):
        shown = images.labels[images.names[index]]
        expected = [0.2 * (1 + label) if label in shown else 0.0 for label in range(3)]
        np.testing.assert_allclose(y["attention"][place], np.broadcast_to(np.float32(expected), (13, 13, 3)))
    for program, bar in (("caffe", 0.0), ("torch", 0.001)):
        model = training.build_plus(built(oaa={"program": program}), Context(), {}, images)
        assert (model.get_config()["integral"], model.get_config()["threshold"]) == (True, bar)
    model.run_eagerly = True
    ready(model).fit(training.batches(settings, True, Context(), {"accumulated": tmp_path}, images, 0), verbose=0)


@pytest.mark.parametrize(("board", "kinds"), [
    ({"panels": 2}, [TrainingProgress, TensorBoardLogs, Panels]), ({"enabled": False}, [TrainingProgress])])
@pytest.mark.parametrize("plus", [False, True])
def test_who_watches(images, tmp_path, board, kinds, plus):
    settings = built(tensorboard=board)
    made = training.build_plus if plus else training.build
    model = made(settings, Context(), {}, images)
    found = training.callbacks(settings, plus, Context.of(settings), tmp_path, model, images)
    assert [type(one) for one in found] == [*([] if plus else [GatheringLogs]), *kinds]


@pytest.mark.usefixtures("eagerly")
def test_a_panel_shows_what_the_network_finds_and_what_was_gathered(images, tmp_path):
    settings = built()
    model = training.build(settings, Context(), {}, images)
    panels = training.callbacks(settings, False, Context.of(settings), tmp_path, model, images)[-1]
    maps, masks = panels._predict("image 0")
    assert set(maps) == {"CAM", "gathered"} and set(masks) == {"CAM mask", "gathered mask"}
    assert not maps["gathered"].any() and not masks["gathered mask"].any()           # nothing yet
    memory, (label, *_) = model.watch.memory, images.labels["image 0"]
    memory.start = 1
    scores = np.zeros((13, 13, 3), np.float32)
    scores[:, 9:, label] = 1.0
    memory.visit("image 0", scores, np.ones(3), [label])
    maps, masks = panels._predict("image 0")
    assert maps["gathered"].shape == (24, 32) and (maps["gathered"][:, :16] == 0).all()
    assert (masks["gathered mask"][:, -6:] == label + 1).all()
    plus = training.callbacks(settings, True, Context.of(settings), tmp_path,
                              training.build_plus(settings, Context(), {}, images), images)[-1]
    assert [set(found) for found in plus._predict("image 0")] == [{"OAA+"}, {"OAA+ mask"}]


def test_the_memory_is_the_released_one(images):
    assert isinstance(build(images).watch.memory, AttentionMemory) and build(images).watch.memory.quantised
    assert build(images).veil is None and build(images, drop=0.5).watch.memory.latest
