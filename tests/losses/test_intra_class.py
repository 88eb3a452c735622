import keras
import numpy as np
from keras import ops

from tests.support.arrays import channels_last, gradient, recorded
from tfwsss.losses.intra_class import BottomUpLoss, TopDownLoss


def top_down_gradient(scores, refined, weight=1.0):
    variable = keras.Variable(scores)
    return gradient(lambda: weight * ops.sum(TopDownLoss().call(refined, variable.value)), [variable])[0]


def test_top_down_by_hand():
    scores = np.array([[[[0], [1]], [[-1], [2]]]], "float32")
    refined = np.array([[[[2], [.3]], [[-1], [-.1]]]], "float32")
    scores, refined = (np.concatenate([x, y], -1) for x, y in ((scores, scores), (refined, 0 * refined)))
    found = top_down_gradient(scores, refined)
    np.testing.assert_allclose(found[0, ..., 0], [[-0.125, 0], [0.067235, 0]], atol=1e-6)
    assert not found[..., 1].any()


def test_top_down_as_recorded():
    data = recorded("icd_top_down")
    scores = channels_last(data["data"])
    refined = channels_last(data["score"]) * data["label"][:, None, None, :]
    np.testing.assert_allclose(ops.sigmoid(scores), channels_last(data["sigmoid"]), atol=1e-6)
    steps = int(data["warmup"])
    for step, (weight, expected) in enumerate(zip(data["warmup_scales"], data["grad_steps"], strict=True)):
        ours = np.exp(-10 * max(steps - step, 0) / steps)
        np.testing.assert_allclose(ours, weight, rtol=1e-6)
        np.testing.assert_allclose(top_down_gradient(scores, refined, float(weight)), channels_last(expected),
                                   rtol=1e-5, atol=1e-8)


def test_top_down_against_a_loop():
    random = np.random.default_rng(0)
    refined, scores = random.normal(size=(2, 3, 2, 4, 2)).astype("float32")
    expected = np.zeros(3)
    for i in range(3):
        for c in range(2):
            r = refined[i, ..., c]
            for p in np.ndindex(2, 4):
                t = max(r[p], 0) / max(r.max(), 1e-5) + min(r[p], 0) / -min(r.min(), -1e-5)
                if abs(t) > 0.2:
                    chance = 1 / (1 + np.exp(-float(scores[(i, *p, c)])))
                    expected[i] -= np.log(chance if t > 0 else 1 - chance) / 8
    np.testing.assert_allclose(TopDownLoss().call(refined, scores), expected, rtol=1e-5)


def test_bottom_up_against_a_loop():
    random = np.random.default_rng(1)
    scores = random.normal(size=(3, 2, 4, 2)).astype("float32")
    label = np.array([[1, 0], [0, 1], [1, 1]], "float32")
    expected = [-5 / 8 * (scores[0, ..., 0] ** 2).sum(), -5 / 8 * (scores[1, ..., 1] ** 2).sum(), 0]
    np.testing.assert_allclose(BottomUpLoss().call(label, scores), expected, rtol=1e-5)


def test_nothing_to_learn_gives_zero_and_finite_gradients():
    zeros = np.zeros((2, 3, 3, 2), "float32")
    assert not np.any(TopDownLoss().call(zeros, zeros + 5))
    found = top_down_gradient(zeros + 1000, zeros)
    assert np.isfinite(found).all() and not found.any()
    assert not np.any(BottomUpLoss().call(np.zeros((2, 2)), zeros + 1))
