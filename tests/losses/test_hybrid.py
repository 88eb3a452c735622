import keras
import numpy as np
from keras import ops

from tests.support.arrays import channels_last, gradient, recorded
from tfwsss.losses.hybrid import HybridLoss


def test_loss_and_gradient_as_recorded():
    data = recorded("mcis_oaa_hybrid_loss")
    logits, targets = (channels_last(data[key]) for key in ("logits", "target"))
    np.testing.assert_allclose(float(HybridLoss()(targets, logits)), data["loss_SigmoidSplitpnProbLossLayer"][0],
                               rtol=1e-6)
    variable = keras.Variable(logits)
    found = gradient(lambda: HybridLoss()(targets, variable.value), [variable])[0]
    np.testing.assert_allclose(found, channels_last(data["grad_SigmoidSplitpnProbLossLayer"]), rtol=1e-5, atol=1e-7)


def slow(targets, logits, threshold):
    """The equation, one entry at a time."""
    found = []
    for one, scores in zip(targets, logits, strict=True):
        rising = [-t * np.log(1 / (1 + np.exp(-z))) for t, z in zip(one.ravel(), scores.ravel(), strict=True)
                  if t > threshold]
        falling = [-np.log(1 - 1 / (1 + np.exp(-z))) for t, z in zip(one.ravel(), scores.ravel(), strict=True)
                   if t <= threshold]
        found.append(sum(np.mean(part) for part in (rising, falling) if part))
    return found


def test_equals_the_equation_at_both_thresholds():
    random = np.random.default_rng(0)
    logits = random.normal(size=(3, 4, 5, 6))
    targets = random.choice([0.0, 0.0005, 0.3, 1.0], size=logits.shape)
    for threshold in (0.0, 0.001):
        found = HybridLoss(threshold).call(targets, logits)
        np.testing.assert_allclose(found, slow(targets, logits, threshold), rtol=1e-5)


def test_images_without_targets_and_full_of_them():
    logits = np.random.default_rng(1).normal(size=(1, 4, 5, 6)).astype("float32")
    nothing, everything = (float(HybridLoss()(np.full(logits.shape, value, "float32"), logits)) for value in (0, 1))
    np.testing.assert_allclose(nothing, float(ops.mean(ops.softplus(logits))), rtol=1e-5)
    np.testing.assert_allclose(everything, float(ops.mean(ops.softplus(-logits))), rtol=1e-5)


def test_attention_is_never_pulled_down():
    variable = keras.Variable(np.full((1, 1, 1, 2), 8.0, "float32"))
    found = gradient(lambda: HybridLoss()(np.array([[[[0.1, 0.0]]]]), variable.value), [variable])[0]
    assert found[0, 0, 0, 0] < 0 < found[0, 0, 0, 1]
