import numpy as np
import pytest

from tfwsss.ops.place_dropout import place_dropout

KEYS = np.array([[5, -7], [5, 123456789], [-2147483648, 0]])


def mixed(value: int) -> int:
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        value = (value ^ value >> shift) * factor % 2**32
    return value ^ value >> 16


def test_a_draw_by_hand():
    """The hash in plain integers: 16 bits each of two channels."""
    factors = np.asarray(place_dropout(KEYS, 3, 4, 5, 6, 0.3))
    first = mixed((5 + 3 * 0x9E3779B9) % 2**32)
    second = mixed((-7 % 2**32) ^ first)
    for row, column, channel in ((0, 0, 0), (2, 3, 1), (3, 4, 4), (3, 0, 5)):
        counter = row * 2**21 + column * 2**10 + channel // 2
        bits = mixed((mixed(counter ^ first) + second) % 2**32)
        own = bits >> 16 if channel % 2 else bits % 2**16
        assert factors[0, row, column, channel] == (np.float32(1 / 0.7) if own >= round(0.3 * 2**16) else 0)


def test_neither_the_grid_nor_the_batch_changes_what_is_drawn():
    large = np.asarray(place_dropout(KEYS, 2, 20, 33, 9))
    np.testing.assert_array_equal(place_dropout(KEYS[1:2], 2, 7, 12, 9)[0], large[1, :7, :12])
    np.testing.assert_array_equal(place_dropout(KEYS, 2, 20, 33, 4), large[..., :4])


@pytest.mark.parametrize("rate", [0.0, 0.25, 0.5, 0.9])
def test_the_share_of_zeros_is_the_rate_and_the_mean_stays(rate):
    factors = np.asarray(place_dropout(KEYS, 0, 40, 50, 32, rate))
    assert set(np.unique(factors)) <= {0, np.float32(1) / np.float32(1 - rate)}
    deviation = (rate * (1 - rate) / factors[0].size) ** 0.5
    assert np.all(np.abs((factors == 0).mean(axis=(1, 2, 3)) - rate) <= 5 * deviation)


def test_draws_of_epochs_keys_places_and_channels_are_unlike():
    """Correlations of independent draws of n values lie within 5 / sqrt(n)."""
    def signs(keys, epoch):
        return np.asarray(place_dropout(keys, epoch, 40, 50, 32))[0] - 1

    base = signs(KEYS[:1], 0)
    others = [signs(KEYS[:1], 1), signs(KEYS[1:2], 0), signs(KEYS[2:], 0), np.roll(base, 1, 0), np.roll(base, 1, 1),
              np.roll(base, 1, 2), np.roll(base, 2, 2), base[::-1], base[:, :, ::-1]]
    assert all(abs((base * other).mean()) < 5 / base.size**0.5 for other in others)
