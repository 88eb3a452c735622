import keras
import numpy as np
import pytest
from keras import ops

from tests.support.fits import compiled
from tests.support.replicas import assert_one_step_equals_that_of_two, of_one_step
from tfwsss.backbones.small import small
from tfwsss.backbones.vgg16 import vgg16
from tfwsss.losses.hybrid import HybridLoss
from tfwsss.losses.multilabel import MultilabelLoss
from tfwsss.models.oaa import OAA, attention_network
from tfwsss.training.optimizers import SGD


def batch(count=8, side=17, grid=5):
    """Images of one bright half, whose class is its colour, and the attention that tells the half."""
    random, classes = np.random.default_rng(0), np.arange(count) % 3
    labels = np.eye(3, dtype="float32")[classes]
    image = random.uniform(0, 60, (count, side, side, 3))
    attention = np.zeros((count, grid, grid, 3), "float32")
    for place, label in enumerate(classes):
        image[place, :, side // 2:, label] += 150
        attention[place, :, grid // 2 + 1:, label] = 0.9
    return {"image": image.astype("float32")}, {"labels": labels, "attention": attention}


def tiny(**settings):
    keras.utils.set_random_seed(1)
    return OAA(small(width=0.2), num_classes=3, **settings)


def fit(model, x, y, epochs, rate=0.1):
    compiled(model, SGD(rate), epochs)
    return model.fit(x, y, batch_size=8, epochs=epochs, shuffle=False, verbose=0).history["loss"]


def test_the_published_network():
    model = OAA(vgg16(form="oaa"), num_classes=20)
    assert model.count_params() == 21_804_372
    kernel = np.asarray(model.get_layer("fc8").kernel)
    np.testing.assert_allclose(kernel.std(), 0.01, rtol=0.05)
    assert not np.any(model.get_layer("fc8").bias)


def test_losses_are_those_of_labels_and_of_maps():
    x, y = batch()
    first, second = tiny(), tiny(integral=True, threshold=0.001)
    out = first(x)
    np.testing.assert_allclose(out["logits"], ops.mean(out["position_logits"], axis=(1, 2)), atol=1e-6)
    np.testing.assert_allclose(float(first.compute_loss(x, y, out)), float(MultilabelLoss(True)(y["labels"],
                                                                                              out["logits"])))
    np.testing.assert_allclose(float(second.compute_loss(x, y, out)),
                               float(HybridLoss(0.001)(y["attention"], out["position_logits"])))


def test_the_first_learns_its_labels():
    history = fit(tiny(), *batch(), epochs=60)
    assert history[-1] < 0.5 * history[0]


def test_the_second_learns_where():
    model, (x, y) = tiny(integral=True), batch()
    history = fit(model, x, y, epochs=60)
    assert history[-1] < 0.6 * history[0]
    maps = np.asarray(attention_network(model)(x["image"])["position_logits"])
    taught = y["attention"] > 0
    assert maps[taught].mean() > maps[~taught].mean() + 1


def test_saved_and_loaded(tmp_path):
    model, (x, y) = tiny(integral=True, threshold=0.001), batch()
    fit(model, x, y, epochs=1)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model(x)["position_logits"], again(x)["position_logits"])
    assert again.get_config()["integral"] and again.get_config()["threshold"] == 0.001


@pytest.mark.parametrize("integral", [False, True])
def test_one_replica_equals_two(strategy, integral):
    def make():
        model = of_one_step(tiny(integral=integral))
        model.get_layer("fc8").kernel.assign(model.get_layer("fc8").kernel * 30)     # so that all layers move
        return model

    image = np.random.default_rng(3).uniform(0, 255, (8, 9, 9, 3)).astype("float32")
    y = {"labels": batch()[1]["labels"], "attention": np.random.default_rng(1).choice([0.0, 0.4, 1.0], (8, 3, 3, 3))}
    assert_one_step_equals_that_of_two(strategy, make, {"image": image}, y)
