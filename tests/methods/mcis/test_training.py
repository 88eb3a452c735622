import keras
import numpy as np
import pytest

from tests.support.fake_run import image_set
from tests.support.tiny_run import MCIS as TINY
from tfwsss.methods.mcis import training
from tfwsss.methods.mcis.config import Config
from tfwsss.models.mcis import MCIS, TERMS
from tfwsss.runs.stage import Context
from tfwsss.settings import reading
from tfwsss.settings.reading import merge
from tfwsss.training.progress import TrainingProgress
from tfwsss.training.tensorboard import Panels, TensorBoardLogs

VGG = {"name": "vgg16", "initial": None, "width": 0.02}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return image_set(tmp_path_factory.mktemp("data"))


def built(**sections) -> Config:
    return reading.build(Config, merge({**TINY, "method": "mcis"}, sections), "test")


def build(images, **mcis) -> MCIS:
    keras.utils.set_random_seed(0)
    return training.build(built(mcis=mcis).mcis, Context(), {}, images)


def batches(images, first=0, seed=0, **mcis):
    return training.batches(built(mcis=mcis).mcis, Context(seed=seed), {}, images, first)


def test_the_network_is_compiled_as_the_settings_say(images):
    model = build(images, optimizer="sgd", learning_rate=0.5, weight_decay=0.25, head_factor=7.0, bias_factor=3.0,
                  self_views=False, contrastive_from_epoch=4, decay_epochs=[1, 3], epochs=5)
    own, rule = model.get_config(), model.optimizer.get_config()
    assert isinstance(model, MCIS) and (own["num_classes"], own["self_views"]) == (3, False)
    assert own["contrastive_from_step"] == 8                                # 4 epochs of 5 pairs, in batches of 3 and 2
    assert (rule["coupled_decay"], rule["decayed"], rule["nesterov"], rule["rate_outside"]) == (0.25, ["*"], True, True)
    assert rule["multipliers"] == {"fc8": 7.0, "co_attention": 7.0, "bias": 3.0, "beta": 3.0}
    rates = [float(model.optimizer._learning_rate(step)) for step in (0, 1, 2, 5, 6)]
    np.testing.assert_allclose(rates, [0.5, 0.5, 0.05, 0.05, 0.005], rtol=1e-6)
    assert build(images, contrastive_from_epoch=None).get_config()["contrastive_from_step"] is None
    assert type(build(images).optimizer).__name__ == "Adam"


def test_new_layers_of_vgg16_learn_faster(images):
    """Its further convolutions are among them, as published."""
    model = build(images, backbone=VGG, optimizer="sgd", head_factor=10.0, bias_factor=2.0)
    assert model.backbone.name == "vgg16_mcis"
    model.optimizer.build(model.trainable_variables)
    factors = dict(zip([variable.path for variable in model.trainable_variables],
                       model.optimizer._factors, strict=True))
    assert not model.get_config()["alike"] and np.std(model.get_layer("fc8").kernel) > 0.3     # published: sqrt(2 / 3)
    wanted = {"conv1_1/kernel": 1, "conv5_3/bias": 2, "extra2/kernel": 10, "extra2/bias": 20, "similarity/kernel": 10}
    for path, factor in wanted.items():
        assert {value for key, value in factors.items() if key.endswith(path)} == {factor}, path


def test_other_networks_start_near_zero_and_with_likeness(images):
    """Drawn as for the 512 channels of VGG-16's own head, class maps of MobileNetV2 stay noise of 100 and more."""
    model = build(images)
    assert model.get_config()["alike"] and np.abs(model.get_layer("fc8").kernel).max() < 0.06
    kernel = np.asarray(model.get_layer("co_attention").similarity.kernel)
    np.testing.assert_allclose(kernel, np.eye(len(kernel)) / np.sqrt(len(kernel)), rtol=1e-6)


def test_likeness_may_stay_as_it_starts(images):
    learnt, kept = (build(images, learn_similarity=value) for value in (True, False))
    assert len(learnt.trainable_variables) == len(kept.trainable_variables) + 1
    assert not any("similarity" in variable.path for variable in kept.trainable_variables)


def test_a_rate_that_falls_by_a_power(images):
    model = build(images, decay_epochs=None, schedule="step", epochs=2, learning_rate=1.0)
    assert float(model.optimizer._learning_rate(3)) == pytest.approx(0.25**0.9)          # of 4 steps


@pytest.fixture(scope="module")
def whole(images) -> list:
    """All batches of three epochs."""
    return list(batches(images, epochs=3).as_numpy_iterator())


def test_batches_go_on_where_training_stopped(images, whole):
    """Every image comes first once an epoch; the last batch is a small one."""
    rest = batches(images, first=1, epochs=3)
    assert len(whole) == 6 and int(rest.cardinality()) == 4
    assert [len(x["image"]) for x, _ in whole] == [3, 2] * 3
    for (x, y), (later, _) in zip(whole[2:], rest.as_numpy_iterator(), strict=True):
        assert x["image"].shape[1:] == (2, 32, 32, 3) and x["larger"].shape[1:] == (64, 64, 3)
        assert y["labels"].shape[1:] == (2, 3)
        for key in x:
            np.testing.assert_array_equal(x[key], later[key])


def test_batches_follow_the_settings(images, whole):
    other = next(iter(batches(images, seed=1, epochs=3)))[0]["image"].numpy()
    assert other.shape == whole[0][0]["image"].shape and not np.array_equal(whole[0][0]["image"], other)
    plain = next(iter(batches(images, self_views=False, side=20, jitter=[])))[0]
    assert set(plain) == {"image"} and plain["image"].shape == (3, 2, 20, 20, 3)


@pytest.mark.slow                           # of a whole run: test_tensorboard of tests/test_journeys_mcis.py
def test_every_term_of_the_loss_is_logged(images):
    model = build(images)
    history = model.fit(batches(images), epochs=2, steps_per_epoch=2, verbose=0).history
    assert set(history) == {"loss", *TERMS} and np.isfinite(list(history.values())).all()
    np.testing.assert_allclose(history["loss"], np.sum([history[term] for term in TERMS], axis=0), rtol=1e-4)


@pytest.mark.parametrize(("board", "kinds"), [
    ({"panels": 2}, [TrainingProgress, TensorBoardLogs, Panels]), ({"panels": 0}, [TrainingProgress, TensorBoardLogs]),
    ({"enabled": False, "panels": 2}, [TrainingProgress])])
def test_who_watches(images, tmp_path, board, kinds):
    settings = built(tensorboard=board)
    found = training.callbacks(settings, Context.of(settings), tmp_path, build(images), images)
    assert [type(one) for one in found] == kinds


@pytest.mark.parametrize("references", [0, 2])
@pytest.mark.usefixtures("eagerly")
def test_a_panel_shows_maps_alone_by_each_reference_and_merged(images, tmp_path, references):
    """Of the network as it is: what references showed before is forgotten."""
    settings, model = built(maps={"references": references}), build(images)
    found = training.callbacks(settings, Context.of(settings), tmp_path, model, images)
    panels = next(callback for callback in found if isinstance(callback, Panels))
    maps, masks = panels._predict("image 0")
    assert list(maps) == ["CAM", *(f"by reference {place + 1}" for place in range(references)), "merged"]
    assert set(masks) == {"CAM mask", "merged mask"}
    allowed = {0, *(label + 1 for label in images.labels["image 0"])}
    assert all(plane.shape == (24, 32) and 0 <= plane.min() <= plane.max() <= 1 for plane in maps.values())
    assert all(mask.shape == (24, 32) and set(np.unique(mask)) <= allowed for mask in masks.values())
    for variable in model.backbone.trainable_variables:
        variable.assign(variable * 0.0)
    after, _ = panels._predict("image 0")
    assert all(len(np.unique(plane)) == 1 for title, plane in after.items() if title != "CAM")
