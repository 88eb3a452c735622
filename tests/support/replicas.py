"""One step of training from equal weights on one replica and on two, at a point where rounding decides nothing.

Losses with absolute differences, largest values, thresholds and ReLU have gradients that jump. Where a number lies
within rounding of such a place, the order of a sum decides on which side it falls, and that order is the machine's.
So a step is compared only where steps from places around, ten times as far away as rounding leads, are the same;
and only one step, since every step starts the next one somewhere else.
"""

import numpy as np

from tests.support.fits import compiled
from tfwsss.training.optimizers import SGD

NEAR = 1e-5        # how far around is looked, as a share of a weight's largest value; rounding leads to about 1e-6
CLOSE = 1e-3       # how far two steps may part, as a share of the largest change


def of_one_step(model, learning_rate: float = 1.0):
    """Compiles a model so that a step moves each weight by the rate times its gradient; returns it."""
    return compiled(model, SGD(learning_rate, momentum=0.0))


def _step(model, weights, x, y, shared: bool = False):
    """Trains one step on the whole batch from the given weights; returns the change of each and what was logged.

    Where replicas share the batch it comes as a data set; else as it is, in less time.
    """
    model.set_weights(weights)
    history = model.fit(x, y, batch_size=len(x["image"]), epochs=1, shuffle=False, verbose=0).history if shared else \
        model.train_on_batch(x, y, return_dict=True)
    return [np.float64(new) - old for new, old in zip(model.get_weights(), weights, strict=True)], history


def _as_fit_takes_them(arrays: dict | None) -> dict | None:
    """Returns floats in single precision."""
    return arrays and {key: np.asarray(value, "float32" if value.dtype == "float64" else None)
                       for key, value in arrays.items()}


def _away(weights, random):
    """Draws a small move for every weight of floats."""
    return [np.float32(NEAR * (np.abs(weight).max() or 1.0)) * random.choice((-1, 1), weight.shape).astype(weight.dtype)
            if weight.dtype == "float32" else np.zeros_like(weight) for weight in weights]


def _bend(model, weights, expected, x, y, random) -> list[float]:
    """Returns for each weight how far steps from both sides of a place are, in the mean, from the step at the place."""
    away = _away(weights, random)
    sides = [_step(model, [weight + sign * move for weight, move in zip(weights, away, strict=True)], x, y)[0]
             for sign in (1, -1)]
    return _apart([(one + other) / 2 for one, other in zip(*sides, strict=True)], expected)


def _apart(found, expected) -> list[float]:
    """Returns for each weight how far two changes part, as a share of the largest."""
    return [float(np.abs(one - other).max() / (np.abs(other).max() or 1.0))
            for one, other in zip(found, expected, strict=True)]


def assert_one_step_equals_that_of_two(strategy, make, x, y=None, fixed=()) -> None:
    """Asserts that one and two replicas take the same step and log the same.

    Args:
        strategy: of two replicas.
        make: function of nothing to a model of `of_one_step`, always of the same weights.
        x, y: inputs and supervision of `fit`, one batch.
        fixed: paths of weights that a step leaves as they are; every other one must move.
    """
    x, y = _as_fit_takes_them(x), _as_fit_takes_them(y)
    one = make()
    one.run_eagerly = True                                     # its nine steps take less time than to trace them
    start, paths = [np.array(weight) for weight in one.get_weights()], [weight.path for weight in one.weights]
    expected, history = _step(one, start, x, y)
    still = [path for path, change in zip(paths, expected, strict=True) if np.abs(change).max() < 1e-4]
    assert still == list(fixed), still
    random = np.random.default_rng(0)
    for _ in range(4):
        bend = _bend(one, start, expected, x, y, random)
        assert max(bend) < CLOSE / 4, f"rounding would decide: {dict(zip(paths, bend, strict=True))}"
    with strategy.scope():
        two = make()
        found, same = _step(two, start, x, y, shared=True)
    apart = _apart(found, expected)
    assert max(apart) < CLOSE, dict(zip(paths, apart, strict=True))
    for key, values in history.items():
        np.testing.assert_allclose(same[key], values, rtol=1e-4, err_msg=key)
