"""Offsets, paths and pairs.

Recorded: `psa_irn_indexing.npz` (path lists of the released IRN code), `psa_affinity_labels.npz` (index pairs and pair
labels of the released AffinityNet code); both are whole copies of the shared files of those names.
"""

from pathlib import Path

import numpy as np
import pytest

from tfwsss.ops import offsets as sets

RECORDED = Path(__file__).parents[1] / "recorded"


@pytest.fixture(scope="module")
def labels():
    return dict(np.load(RECORDED / "psa_affinity_labels.npz", allow_pickle=False))


@pytest.fixture(scope="module")
def irn():
    return dict(np.load(RECORDED / "psa_irn_indexing.npz", allow_pickle=False))


def index_pairs(rows, columns, radius):
    """Flat positions of the released pair set, in the layout of the original: offset major."""
    offsets = sets.half_disc(radius)
    mask = np.asarray(sets.pair_mask(rows, columns, offsets, border="released"))
    begin = np.flatnonzero(mask[..., 0])
    assert all(np.array_equal(begin, np.flatnonzero(mask[..., k])) for k in range(len(offsets)))
    return begin, np.concatenate([begin + dy * columns + dx for dy, dx in offsets])


@pytest.mark.parametrize(("radius", "count"), [(1, 0), (2, 4), (3, 12), (4, 22), (5, 34), (6, 54), (7, 72), (8, 96),
                                               (9, 124), (10, 152)])
def test_half_disc_has_the_published_counts(radius, count):
    offsets = sets.half_disc(radius)
    assert len(offsets) == len(set(offsets)) == count
    both = set(offsets) | {(-dy, -dx) for dy, dx in offsets}
    span = range(-radius, radius + 1)
    assert both == {(dy, dx) for dy in span for dx in span if 0 < dy * dy + dx * dx < radius * radius}


@pytest.mark.parametrize(("rows", "columns", "radius", "name"), [
    (5, 9, 5, "5x9"), (6, 10, 5, "6x10"), (13, 16, 5, "13x16"), (56, 56, 5, "56x56"), (47, 63, 5, "47x63"),
    (8, 12, 2, "r2_8x12"), (8, 12, 3, "r3_8x12"), (8, 12, 4, "r4_8x12"), (8, 12, 5, "r5_8x12")])
def test_released_pairs_are_the_originals(labels, rows, columns, radius, name):
    begin, end = index_pairs(rows, columns, radius)
    np.testing.assert_array_equal(begin, labels[f"from_{name}"])
    np.testing.assert_array_equal(end, labels[f"to_{name}"])


def test_released_pairs_of_a_small_grid_are_none():
    assert len(index_pairs(4, 4, 5)[0]) == 0
    np.testing.assert_array_equal(index_pairs(4, 4, 2)[0], [1, 2, 5, 6, 9, 10])


@pytest.mark.parametrize("size", [9, 12, 16, 56])
def test_pair_labels_from_neighbours_are_the_originals(labels, size):
    offsets = sets.half_disc(5)
    own = labels[f"label{size}"].astype("int32")
    other = np.asarray(sets.neighbours(own[None], offsets, fill=255))[0]
    begins = np.asarray(sets.pair_mask(size, size, offsets, border="released"))[..., 0] > 0
    first, second = own[begins][:, None], other[begins]
    valid = (first < 255) & (second < 255)
    for name, kind in (("bg", valid & (first == second) & (first == 0)),
                       ("fg", valid & (first == second) & (first > 0)), ("neg", valid & (first != second))):
        np.testing.assert_array_equal(kind.T, labels[f"{name}{size}"].astype(bool))


@pytest.mark.parametrize("radius", [5, 10])
def test_paths_and_their_order_are_irns(irn, radius):
    offsets = sets.half_disc_by_path(radius)
    np.testing.assert_array_equal(offsets, irn[f"r{radius}_search_dst"])
    groups = [irn[name] for name in sorted((name for name in irn if name.startswith(f"r{radius}_paths_")),
                                           key=lambda name: int(name.rsplit("_", 1)[1]))]
    theirs = [frozenset(map(tuple, one)) for group in groups for one in group.tolist()]
    assert [frozenset(sets.path(offset)) for offset in offsets] == theirs
    assert all(sets.path(offset)[0] == (0, 0) and sets.path(offset)[-1] == offset for offset in offsets)


def test_irn_pairs_in_a_map_are_the_originals(irn):
    # the original names pairs inside the region where every offset of the half disc fits
    for radius, rows, columns in ((5, 12, 16), (10, 24, 32)):
        offsets = sets.half_disc_by_path(radius)
        begin = np.flatnonzero(np.asarray(sets.pair_mask(rows, columns, offsets, border="released"))[..., 0])
        np.testing.assert_array_equal(begin, irn[f"r{radius}_src"])
        np.testing.assert_array_equal([begin + dy * columns + dx for dy, dx in offsets], irn[f"r{radius}_dst"])


@pytest.mark.parametrize("radius", [0, 1, 3, 4])
def test_window_is_a_square_and_halves_about_its_centre(radius):
    whole, half = sets.window(radius), sets.half_window(radius)
    assert len(whole) == len(set(whole)) == (2 * radius + 1) ** 2
    assert len(half) == 2 * radius * (radius + 1)
    assert set(whole) == set(half) | {(0, 0)} | {(-dy, -dx) for dy, dx in half}


def test_full_mask_marks_the_pairs_inside():
    offsets = sets.window(2)
    mask = np.asarray(sets.pair_mask(3, 4, offsets))
    for y in range(3):
        for x in range(4):
            for k, (dy, dx) in enumerate(offsets):
                assert mask[y, x, k] == (0 <= y + dy < 3 and 0 <= x + dx < 4)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32"])
def test_neighbours_reads_with_fill(dtype):
    values = np.arange(24).reshape(2, 3, 4).astype(dtype)
    offsets = ((0, 1), (2, -1), (-1, 0), (5, 5))
    read = np.asarray(sets.neighbours(values, offsets, fill=255))
    assert read.dtype == np.dtype(dtype)
    for place in np.ndindex(2, 3, 4):
        for k, (dy, dx) in enumerate(offsets):
            y, x = place[1] + dy, place[2] + dx
            inside = 0 <= y < 3 and 0 <= x < 4
            assert read[place][k] == (values[place[0], y, x] if inside else 255)


@pytest.mark.parametrize("call", [lambda: sets.half_disc(0), lambda: sets.window(-1), lambda: sets.path((0, 0)),
                                  lambda: sets.pair_mask(3, 3, ((0, 1),), border="open")])
def test_wrong_arguments_are_named(call):
    with pytest.raises(ValueError, match="received"):
        call()
