import numpy as np

from tfwsss.training.schedules import PolyDecay, StepDecay


def test_poly_decay_is_constant_within_an_epoch():
    rate = PolyDecay(1e-3, 20, 330)
    found = [float(rate(330 * e + s)) for e in range(20) for s in (0, 329)]
    np.testing.assert_allclose(found, np.repeat(1e-3 * (1 - np.arange(20) / 20) ** 0.9, 2), rtol=2e-6)
    assert float(rate(6600)) == 0 and float(rate(10_000)) == 0
    smooth = PolyDecay(1e-3, 20, 330, every_step=True)
    np.testing.assert_allclose(float(smooth(165)), 1e-3 * (1 - 0.5 / 20) ** 0.9, rtol=2e-6)


def test_steps_fall_at_the_start_of_their_epochs():
    rate = StepDecay(1e-3, (5, 10), 2117)
    found = [float(rate(2117 * e + s)) for e in range(15) for s in (0, 2116)]
    np.testing.assert_allclose(found, np.repeat([1e-3] * 5 + [1e-4] * 5 + [1e-5] * 5, 2), rtol=1e-6)
    np.testing.assert_allclose(float(StepDecay(0.5, (), 3)(100)), 0.5)
