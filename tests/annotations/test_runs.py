import numpy as np
import pytest

from tests.support.blobs import blobs
from tfwsss.annotations.runs import (
    MAX_PIXELS,
    Runs,
    check_size,
    checked_runs,
    decode_runs,
    encode_runs,
    from_text,
    to_text,
)
from tfwsss.errors import ImageFault


@pytest.mark.parametrize("seed", range(20))
def test_round_trip_of_runs_and_text(seed):
    rng = np.random.default_rng(seed)
    mask = rng.random(rng.integers(1, 30, 2)) < rng.random()
    runs = encode_runs(mask)
    assert sum(runs.counts) == mask.size and 0 not in runs.counts[1:]
    np.testing.assert_array_equal(decode_runs(runs), mask)
    assert tuple(from_text("x", to_text(runs.counts))) == runs.counts


@pytest.mark.parametrize("counts", [[], [0], [0, 1, 0, 2**31], [2**31, 3, 2**31, 0, 5],
                                    [31, 32, 33, 1023, 1024, 15, 16]])
def test_text_holds_any_counts(counts):
    assert from_text("x", to_text(counts)) == counts


def test_runs_go_down_the_columns_and_begin_outside():
    mask = np.array([[1, 0, 0], [1, 0, 1]], bool)
    assert encode_runs(mask) == Runs((2, 3), (0, 2, 3, 1))


def test_the_tool_itself_reads_and_writes_the_same_text():
    coco = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed; pip install 'tfwsss[test]'")
    for seed in range(4):
        mask = blobs(seed, ignore=False) == 1
        theirs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
        text = to_text(encode_runs(mask).counts)
        assert text == theirs["counts"].decode()
        np.testing.assert_array_equal(coco.decode({"size": list(mask.shape), "counts": text}).astype(bool), mask)


@pytest.mark.parametrize(("rows", "columns", "counts", "expected"), [
    (2, 2, [1, 2], "sum up to 3"), (2, 2, [5, -1], "not all whole numbers"), (2, 2, [4.0], "not all whole numbers"),
    (2, 2, [True, 3], "not all whole numbers"), (0, 2, [], "expected whole pixels"),
    (2.0, 2, [4], "expected whole pixels"),
    (10**9, 10**9, [10**18], "at most"), (MAX_PIXELS, 2, [2 * MAX_PIXELS], "at most")])
def test_runs_that_do_not_fill_their_mask(rows, columns, counts, expected):
    with pytest.raises(ImageFault, match=f"a.json: .*{expected}"):
        checked_runs("a.json", rows, columns, counts)


@pytest.mark.parametrize("text", ["\x00", "é", "x" * 9, "1P"])
def test_text_that_is_none(text):
    with pytest.raises(ImageFault, match=r"a\.json: its run-length text"):
        from_text("a.json", text)


def test_a_size_that_fits():
    check_size("a", 1, MAX_PIXELS)
