import keras
import numpy as np
from keras import ops

from tests.support.arrays import gradient, recorded
from tfwsss.losses.multilabel import MultilabelLoss
from tfwsss.losses.per_image import PerImageLoss


def test_as_recorded():
    data = recorded("icd_cls_loss")
    logits = keras.Variable(data["data"])
    found = gradient(lambda: ops.sum(MultilabelLoss().call(data["label"], logits.value)), [logits])[0]
    np.testing.assert_allclose(ops.sigmoid(data["data"]), data["sigmoid"], atol=1e-6)
    np.testing.assert_allclose(found, data["grad"], atol=1e-6)


def test_against_a_loop_and_its_mean():
    random = np.random.default_rng(0)
    logits, label = random.normal(size=(4, 3)), random.integers(0, 2, (4, 3))
    chance = 1 / (1 + np.exp(-logits))
    expected = [-sum(np.log(p if y else 1 - p) for p, y in zip(*row, strict=True))
                for row in zip(chance, label, strict=True)]
    np.testing.assert_allclose(MultilabelLoss().call(label, logits), expected, rtol=1e-5)
    np.testing.assert_allclose(MultilabelLoss(mean_over_classes=True).call(label, logits), np.divide(expected, 3),
                               rtol=1e-5)


def test_huge_logits_stay_finite():
    assert np.isfinite(MultilabelLoss().call(np.array([[1.0, 0.0]]), np.array([[-1e4, 1e4]]))).all()


def test_per_image_is_the_mean_of_the_batch():
    values = ops.array([1.0, 5.0, 3.0])
    assert float(PerImageLoss()(values, values)) == 3.0
