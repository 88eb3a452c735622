import json
import unittest.mock

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support.fake_run import image_set
from tfwsss.artefacts import models
from tfwsss.runs.stage import Context, train
from tfwsss.settings.sections import Settings


@pytest.fixture
def images(tmp_path):
    return image_set(tmp_path / "data")


@pytest.fixture
def output(tmp_path):
    (tmp_path / "run" / "net").mkdir(parents=True)
    return tmp_path / "run" / "net"


class Killed(keras.callbacks.Callback):
    """Ends the training after an epoch."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


def training(images, *, epochs=3, usable=None, callbacks=lambda context, folder, model, images: [], seen=None):
    def build(context, inputs, images):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)])
        model.compile("adam", "mse", jit_compile=False)
        return model

    def batches(context, inputs, images, first):
        if seen is not None:
            seen.append((images.names, first))
        means = [images.read_image(name).mean((0, 1)) / 255 for name in images.names]
        data = tf.data.Dataset.from_tensor_slices((np.float32(means), np.ones((len(means), 1), np.float32)))
        return data.batch(1).repeat(epochs - first)

    return train("net", images, settings=Settings(), epochs=epochs, needs=("regions",), build=build,
                 batches=batches, usable=usable, callbacks=callbacks)


def weights(folder) -> list[np.ndarray]:
    return keras.saving.load_model(folder / "model.keras").get_weights()


def test_train_leaves_a_model_and_its_history(images, output):
    heard = []
    stage = training(images, callbacks=lambda context, run, model, usable: heard.append((run, usable.names)) or [])
    assert (stage.kind, stage.needs) == ("model", ("regions",))
    assert stage.work(Context(), {}, output) == {}
    history = json.loads((output / "history.json").read_text())
    assert [set(logs) for logs in history] == [{"loss"}] * 3 and heard == [(output.parent, images.names)]
    assert sorted(path.name for path in output.iterdir()) == ["history.json", "model.keras"]


def test_train_goes_on_after_a_kill_with_the_same_weights(images, output, tmp_path):
    training(images).work(Context(), {}, tmp_path / "unbroken")
    with pytest.raises(KeyboardInterrupt):
        training(images, callbacks=lambda *_: [Killed()]).work(Context(), {}, output)
    assert not (output / "model.keras").exists()
    seen = []
    training(images, seen=seen).work(Context(), {}, output)
    assert seen == [(images.names, 2)]
    for one, other in zip(weights(output), weights(tmp_path / "unbroken"), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (output / "history.json").read_text() == (tmp_path / "unbroken" / "history.json").read_text()


def test_train_killed_while_it_saves_its_model_does_not_train_again(images, output, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(models, "write_model", unittest.mock.Mock(side_effect=KeyboardInterrupt))
        training(images).work(Context(), {}, output)
    seen = []
    training(images, seen=seen).work(Context(), {}, output)
    assert seen == [] and len(json.loads((output / "history.json").read_text())) == 3


def test_train_sees_only_usable_images(images, output):
    seen = []
    training(images, seen=seen, usable=lambda inputs: {"image 4", "image 1", "elsewhere"}).work(Context(), {}, output)
    assert seen == [(("image 1", "image 4"), 0)]
