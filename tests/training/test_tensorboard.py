import io

import keras
import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.support.fake_run import SIZE, image_set
from tfwsss.errors import ImageFault
from tfwsss.training.tensorboard import Panels, TensorBoardLogs, markdown_table

BATCH, STEPS = 4, 5


def model_of_two_terms(optimizer=None):
    x = keras.Input((3,))
    outputs = {"classification": keras.layers.Dense(2)(x), "bottom_up": keras.layers.Dense(1)(x)}
    model = keras.Model(x, outputs)
    model.compile(optimizer or keras.optimizers.SGD(keras.optimizers.schedules.PolynomialDecay(0.1, 10)),
                  loss={name: "mse" for name in outputs}, jit_compile=False)
    return model


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH * STEPS, 3))
    return x, {"classification": rng.normal(size=(len(x), 2)), "bottom_up": rng.normal(size=(len(x), 1))}


def events(folder):
    accumulator = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    accumulator.Reload()
    return accumulator


def values(accumulator, tag):
    import tensorflow as tf

    return {event.step: float(tf.make_ndarray(event.tensor_proto)) for event in accumulator.Tensors(tag)}


def fit(callback, model=None, epochs=2, **settings):
    model = model or model_of_two_terms()
    return model.fit(*data(), batch_size=BATCH, epochs=epochs, verbose=0, shuffle=False, callbacks=[callback],
                     **settings)


def test_scalars_of_every_term_by_epoch_and_by_step(tmp_path):
    history = fit(TensorBoardLogs(tmp_path, BATCH, every=2)).history
    found = events(tmp_path / "train")
    for term in ("loss", "classification_loss", "bottom_up_loss"):
        assert values(found, f"epoch_{term}") == pytest.approx(dict(enumerate(history[term])))
        assert list(values(found, f"batch_{term}")) == [2, 4, 6, 8, 10]
    rates = values(found, "learning_rate/base")
    expected = {step: 0.1 * (1 - step / 10) + 0.0001 * step / 10 for step in (2, 4, 6, 8, 10)}
    assert rates == pytest.approx(expected, rel=1e-5)
    assert all(rate > 0 for rate in values(found, "images_per_second").values())
    assert list(values(found, "epoch_images_per_second")) == [0, 1]
    assert not any("histogram" in tag or "kernel" in tag for tag in found.Tags()["tensors"])


@pytest.mark.parametrize("scaled", [False, True])
def test_learning_rates_of_groups(tmp_path, scaled):
    optimizer = keras.optimizers.SGD(0.5)
    optimizer.multipliers = {"head/.*|fc8": 10.0, "bias": 2.0}
    wrapped = keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer
    fit(TensorBoardLogs(tmp_path, BATCH, every=5), model_of_two_terms(wrapped), epochs=1)
    found = events(tmp_path / "train")
    assert values(found, "learning_rate/base")[5] == 0.5
    assert values(found, "learning_rate/head_._fc8")[5] == 5.0
    assert values(found, "learning_rate/bias")[5] == 1.0


def test_configuration_is_text(tmp_path):
    fit(TensorBoardLogs(tmp_path, BATCH, config={"icd": {"epochs": 5, "note": "a|b\nc"}}), epochs=1)
    found = events(tmp_path / "train")
    text = found.Tensors("config")[0].tensor_proto.string_val[0].decode()
    assert "| icd.epochs | 5 |" in text and "a\\|b c" in text
    assert found.SummaryMetadata("config").plugin_data.plugin_name == "text"


@pytest.mark.parametrize("gathered", [None, 5])
def test_steps_go_on_after_an_interruption(tmp_path, gathered):
    """Every step counts, also where several gradients make one change."""
    model = model_of_two_terms(keras.optimizers.SGD(0.1, gradient_accumulation_steps=gathered))
    fit(TensorBoardLogs(tmp_path / "one", BATCH, every=5), model, epochs=1)
    fit(TensorBoardLogs(tmp_path / "two", BATCH, every=5), model, epochs=2, initial_epoch=1)
    assert list(values(events(tmp_path / "two" / "train"), "batch_loss")) == [10]
    assert list(values(events(tmp_path / "two" / "train"), "epoch_loss")) == [1]


def test_profile_of_some_steps(tmp_path):
    fit(TensorBoardLogs(tmp_path, BATCH, profile=(2, 4)), epochs=1)
    traces = list(tmp_path.glob("train/plugins/profile/*/*.xplane.pb"))
    assert len(traces) == 1 and traces[0].stat().st_size > 0


def test_no_profile_by_default(tmp_path):
    fit(TensorBoardLogs(tmp_path, BATCH), epochs=1)
    assert not list(tmp_path.rglob("*.xplane.pb"))


def test_two_replicas(tmp_path, strategy):
    with strategy.scope():
        model = model_of_two_terms()
    fit(TensorBoardLogs(tmp_path, BATCH, every=5), model)
    assert list(values(events(tmp_path / "train"), "batch_loss")) == [5, 10]


def predictor(images, wrong=0):
    """Returns maps and masks; the masks are the truth but for one column."""
    def predict(name):
        if name == "image 1":
            raise ImageFault("image 1: broken")
        mask = images.read_mask(name) if name in images.masks else np.zeros(SIZE, np.uint8)
        mask = np.where(mask == 255, 0, mask).astype(np.uint8)
        mask[:, :wrong] = 2
        return {"CAM": np.ones((3, 4)), "scores": np.ones((3, 4))}, {"pseudo label": mask}
    return predict


def test_panels_of_fixed_images_and_their_iou(tmp_path):
    images = image_set(tmp_path)
    fit(Panels(tmp_path / "logs", images, predictor(images), every=2), epochs=5)
    found = events(tmp_path / "logs" / "panels")
    shown = {tag for tag in found.Tags()["tensors"] if tag.startswith("panel/")}
    assert shown == {"panel/image 0", "panel/image 2", "panel/image 3", "panel/image 4"}   # image 1 is broken
    drawings = found.Tensors("panel/image 0")
    assert [event.step for event in drawings] == [1, 3]                                    # every second epoch
    width, height, png = drawings[0].tensor_proto.string_val
    assert Image.open(io.BytesIO(png)).size == (int(width), int(height))
    five = int(width)
    four = int(found.Tensors("panel/image 4")[0].tensor_proto.string_val[0])
    assert five - four == 240 + 8                                                          # no truth: a tile less
    assert values(found, "miou/pseudo label") == {1: 1.0, 3: 1.0}
    assert "miou/truth" not in found.Tags()["tensors"]


def test_iou_of_panels_falls_with_the_masks(tmp_path):
    images = image_set(tmp_path)
    fit(Panels(tmp_path / "logs", images, predictor(images, wrong=6)), epochs=1)
    assert 0 < values(events(tmp_path / "logs" / "panels"), "miou/pseudo label")[0] < 0.95


def test_without_masks_there_are_panels_but_no_iou(tmp_path):
    images = image_set(tmp_path, with_masks=False)
    fit(Panels(tmp_path / "logs", images, predictor(images)), epochs=1)
    tags = events(tmp_path / "logs" / "panels").Tags()["tensors"]
    assert "panel/image 0" in tags and not any(tag.startswith("miou") for tag in tags)


def test_table_keeps_empty_sections():
    assert markdown_table({"given": {}, "a": {"b": [1]}}).splitlines()[2:] == ["| given | {} |", "| a.b | [1] |"]
