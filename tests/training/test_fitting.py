import keras
import numpy as np
import pytest

from tests.support.fake_run import image_set
from tfwsss.artefacts.masks import write_mask
from tfwsss.backbones.facts import GREY
from tfwsss.runs.stage import Context
from tfwsss.settings.sections import TensorBoardSettings
from tfwsss.training.fitting import FitSettings, finished_names, fit_callbacks, make_optimizer
from tfwsss.training.progress import TrainingProgress
from tfwsss.training.schedules import StepDecay
from tfwsss.training.tensorboard import Panels, TensorBoardLogs


@pytest.mark.parametrize(("values", "words"), [
    ({"scales": ()}, "at least 1 item"), ({"scales": (1.0, -1.0)}, "greater than 0"), ({"epochs": 0}, "greater than 0"),
    ({"momentum": 1.0}, "less than 1"), ({"jitter": (0.1,)}, "field required|at most 0|Field required")])
def test_settings_that_make_no_sense(values, words):
    with pytest.raises(ValueError, match=words):
        FitSettings(**values)


@pytest.mark.parametrize("pad_value", [GREY, (1.0, 2.0, 3.0)])
def test_images_change_as_the_settings_say(pad_value):
    settings = FitSettings(crop=33, scales=(0.5, 2.0), longer_side=(20, 40), mirror=False, jitter=(0.1, 0.2, 0.3, 0.4),
                           scatter=True)
    how = settings.augmentation(pad_value)
    assert (how.rows, how.columns, how.scales, how.longer_side) == (33, 33, (0.5, 2.0), (20, 40))
    assert (how.mirror, how.jitter, how.pad_value, how.scatter) == (False, (0.1, 0.2, 0.3, 0.4), pad_value, True)


def network(**layer) -> keras.Model:
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(2, 1, name="new", **layer)(image)
    return keras.Model(image, keras.layers.Conv2D(2, 1, use_bias=False, name="fc8")(x))


def test_no_bias_to_hasten():
    """ResNet-38 has none; offsets of a normalisation that learns count as biases."""
    settings = FitSettings(bias_factor=2.0)
    bare, frozen = network(use_bias=False), network()
    frozen.get_layer("new").trainable = False
    for model in (bare, frozen):
        found = make_optimizer(settings, model, 5, ("fc8",))
        found.build(model.trainable_variables)
        assert found.get_config()["multipliers"] == {"fc8": 10.0}
    normed = keras.Model(bare.input, keras.layers.GroupNormalization(2)(bare.output))
    assert make_optimizer(settings, normed, 5, ("fc8",)).get_config()["multipliers"] == {"fc8": 10.0, "beta": 2.0}


def test_another_schedule_and_another_rule_of_momentum():
    """The latter of stochastic gradient descent alone."""
    rate, own = StepDecay(0.5, (1,), 3), {"nesterov": True, "rate_outside": True}
    found = make_optimizer(FitSettings(momentum=0.8), network(), 3, ("fc8",), decayed=("*",), rate=rate, **own)
    assert found._learning_rate is rate and {key: found.get_config()[key] for key in own} == own
    assert found.get_config()["decayed"] == ["*"]
    other = make_optimizer(FitSettings(optimizer="adam"), network(), 3, ("fc8",), rate=rate, **own)
    assert other._learning_rate is rate and type(other).__name__ == "Adam"


@pytest.mark.parametrize("kind", ["sgd", "adam"])
@pytest.mark.parametrize(("bias_factor", "multipliers"), [
    (1.0, {"fc8": 7.0, "new": 7.0}), (2.0, {"fc8": 7.0, "new": 7.0, "bias": 2.0})])
def test_the_optimizer(kind, bias_factor, multipliers):
    settings = FitSettings(optimizer=kind, learning_rate=0.5, epochs=4, schedule="step", head_factor=7.0, momentum=0.8,
                           bias_factor=bias_factor, weight_decay=0.25)
    found = make_optimizer(settings, network(), 5, ("fc8", "new"))
    own = found.get_config()
    assert (own["name"].lower(), own["multipliers"], own["coupled_decay"]) == (kind, multipliers, 0.25)
    assert own.get("momentum", 0.8) == 0.8
    rates = [float(found._learning_rate(step)) for step in (0, 10, 20)]
    np.testing.assert_allclose(rates, [0.5, 0.5 * 0.5 ** 0.9, 0.0], rtol=1e-6)       # 4 epochs of 5 steps


@pytest.mark.parametrize(("steps", "expected"), [(4, 0.5), (5, 0.5 * 0.75 ** 0.9)])
def test_the_rate_may_fall_at_epochs_only(steps, expected):
    settings = FitSettings(learning_rate=0.5, epochs=4, schedule="epoch")
    assert float(make_optimizer(settings, network(), 5, ())._learning_rate(steps)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("board", "with_panel", "kinds"), [
    ({"panels": 2}, True, [TrainingProgress, TensorBoardLogs, Panels]),
    ({"panels": 2}, False, [TrainingProgress, TensorBoardLogs]),
    ({"panels": 0}, True, [TrainingProgress, TensorBoardLogs]), ({"enabled": False}, True, [TrainingProgress])])
def test_progress_is_shown_always_and_panels_where_there_are_any(tmp_path, board, with_panel, kinds):
    context, images = Context(tensorboard=TensorBoardSettings(**board)), image_set(tmp_path)
    panel = (lambda fixed, name: ({}, {})) if with_panel else None
    found = fit_callbacks("net", context, FitSettings(), tmp_path / "run", images, panel)
    assert [type(one) for one in found] == kinds


@pytest.mark.parametrize(("panels", "expected"), [(1, [0]), (2, [0, 2]), (5, [0, 1, 2, 3, 4]), (99, [0, 1, 2, 3, 4])])
def test_panels_are_spread_over_the_images(tmp_path, panels, expected):
    """The same images in every run, and no more than there are."""
    seen, images = [], image_set(tmp_path)
    context = Context(tensorboard=TensorBoardSettings(panels=panels))
    found = fit_callbacks("net", context, FitSettings(), tmp_path / "run", images,
                          lambda fixed, name: seen.append((fixed.names, name)) or ({}, {}))[-1]
    found.on_epoch_end(0)
    assert [name for _, name in seen] == [f"image {place}" for place in expected]
    assert {names for names, _ in seen} == {tuple(f"image {place}" for place in expected)}


def test_images_with_a_file_of_an_earlier_stage_can_be_trained_on(tmp_path):
    images = image_set(tmp_path)
    write_mask(tmp_path / "labels", "image 3", np.zeros((2, 2), np.uint8), images.palette)
    write_mask(tmp_path / "labels", "elsewhere", np.zeros((2, 2), np.uint8), images.palette)
    assert finished_names("labels", "masks", images)({"labels": tmp_path / "labels"}) == {"image 3"}


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_gradients_of_several_steps_make_one_change(optimizer):
    """Four images one by one, gathered: the change that their batch makes, decay and all."""
    settings = FitSettings(optimizer=optimizer, learning_rate=0.1, weight_decay=0.3, head_factor=2.0, bias_factor=3.0)
    random = np.random.default_rng(0)
    x, y = (random.normal(size=(8, 1, 1, channels)).astype("float32") for channels in (3, 2))
    weights = []
    for at_once, gathered in ((4, 1), (1, 4)):
        keras.utils.set_random_seed(1)
        model = network()
        made = make_optimizer(settings, model, 2 * gathered, ("fc8",), accumulated=gathered)
        model.compile(made, "mse", jit_compile=False)
        model.fit(x, y, batch_size=at_once, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)
