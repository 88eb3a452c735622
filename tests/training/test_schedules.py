import numpy as np

from tfwsss.training.schedules import PolyDecay


def test_poly_decay_is_constant_within_an_epoch():
    rate = PolyDecay(1e-3, 20, 330)
    found = [float(rate(330 * e + s)) for e in range(20) for s in (0, 329)]
    np.testing.assert_allclose(found, np.repeat(1e-3 * (1 - np.arange(20) / 20) ** 0.9, 2), rtol=2e-6)
    assert float(rate(6600)) == 0 and float(rate(10_000)) == 0
    smooth = PolyDecay(1e-3, 20, 330, every_step=True)
    np.testing.assert_allclose(float(smooth(165)), 1e-3 * (1 - 0.5 / 20) ** 0.9, rtol=2e-6)
