import numpy as np
import pytest

from tests.support.blobs import blobs
from tfwsss.annotations.brush import decode_brush, encode_brush
from tfwsss.errors import ImageFault


@pytest.mark.parametrize("seed", range(20))
def test_round_trip(seed):
    rng = np.random.default_rng(seed)
    mask = rng.random(rng.integers(1, 30, 2)) < rng.random()
    np.testing.assert_array_equal(decode_brush("x", encode_brush(mask), *mask.shape), mask)


def test_runs_longer_than_a_count_are_split():
    mask = np.zeros((300, 300), bool)
    mask[100:] = True
    np.testing.assert_array_equal(decode_brush("x", encode_brush(mask), 300, 300), mask)


def test_literal_chunks_are_read():
    """By hand: 4 values, widths 3, 4, 8 and 16 bits; one chunk of four plain values, of which the last is opaque."""
    bits = f"{4:032b}" + f"{7:05b}" + "0010" "0011" "0111" "1111" + "0" + "00" + "011" + "".join(
        f"{value:08b}" for value in (7, 8, 9, 255))
    bits += "0" * (-len(bits) % 8)
    numbers = [int(bits[at:at + 8], 2) for at in range(0, len(bits), 8)]
    assert decode_brush("x", numbers, 1, 1).tolist() == [[True]]


def test_the_tools_own_functions_read_and_write_the_same_masks():
    theirs = pytest.importorskip("label_studio_converter.brush", reason="label-studio-converter is not installed")
    for seed in range(2):
        mask = blobs(seed, (30, 47), ignore=False) == 1
        read = theirs.decode_rle(encode_brush(mask)).reshape(*mask.shape, 4)
        np.testing.assert_array_equal(read[..., 3] > 0, mask)
        written = theirs.mask2rle(mask.astype(np.uint8) * 255)
        np.testing.assert_array_equal(decode_brush("x", written, *mask.shape), mask)


@pytest.mark.parametrize(("change", "expected"), [
    (lambda numbers: numbers[:-1], "ends early"), (lambda numbers: numbers[:3], "another size"),
    (lambda numbers: [], "another size"), (lambda numbers: [300, *numbers[1:]], "no list of numbers"),
    (lambda numbers: "text", "no list of numbers"), (lambda numbers: [255] * 4 + numbers[4:], "another size"),
    (lambda numbers: [*numbers[:4], 0, *numbers[5:]], "another size"), (lambda numbers: None, "no list of numbers"),
    (lambda numbers: 10**15, "no list of numbers")])
def test_broken_brushes(change, expected):
    numbers = encode_brush(np.eye(7, dtype=bool))
    with pytest.raises(ImageFault, match=f"task 1: .*{expected}"):
        decode_brush("task 1", change(numbers), 7, 7)


def test_a_brush_cannot_claim_more_than_its_image():
    with pytest.raises(ImageFault, match="at most"):
        decode_brush("task 1", encode_brush(np.eye(7, dtype=bool)), 10**6, 10**6)


def test_any_bytes_end_in_a_fault_or_a_mask():
    rng, whole = np.random.default_rng(0), encode_brush(np.eye(9, dtype=bool))
    for _ in range(300):
        numbers = list(whole)
        numbers[rng.integers(5, len(numbers))] = int(rng.integers(256))
        try:
            assert decode_brush("x", numbers, 9, 9).shape == (9, 9)
        except ImageFault:
            continue
