import numpy as np
import pytest

from tests.support.oracles.icd import seeds_of_scores
from tests.support.oracles.seeds import decide_icd, icd_seeds
from tests.support.oracles.upsample import upsample
from tfwsss.artefacts.scores import Scores
from tfwsss.errors import ImageFault, UserError

RANDOM = np.random.default_rng(0)


def scores(values, size, covers=None, classes=(2,)) -> Scores:
    return Scores(np.array(classes, np.int32), np.array(values), size, covers)


STEP = scores([[[1.0, -1.0, -1.0]]], (1, 9))
"""Object at the left: grid positions on pixels 0, 4 and 8, or, as published, about pixels 1, 4 and 7."""


@pytest.mark.parametrize(("corners_aligned", "expected"), [
    (True, [3, 3, 255, 0, 0, 0, 0, 0, 0]), (False, [3, 3, 3, 0, 0, 0, 0, 0, 0])])
def test_where_the_border_falls(corners_aligned, expected):
    """Corners on corners the score is 0 on pixel 2, so it is neither side; as published between pixels 2 and 3."""
    assert seeds_of_scores(STEP, STEP, corners_aligned=corners_aligned).tolist() == [expected]


def random_pair(kinds: int, covers) -> tuple[Scores, Scores]:
    classes = (0, 3, 7)[:kinds]
    maps = RANDOM.normal(size=(2, kinds, 5, 6)).astype(np.float16)
    return tuple(Scores(np.array(classes, np.int32), each, (17, 23), covers) for each in maps)


@pytest.mark.parametrize("kinds", [0, 1, 2, 3])
@pytest.mark.parametrize("covers", [None, (33, 33)])
@pytest.mark.parametrize("saliency", [None, RANDOM.integers(0, 256, (17, 23)).astype(np.uint8)], ids=["", "saliency"])
def test_both_rules_equal_their_parts(kinds, covers, saliency):
    icd, cam = random_pair(kinds, covers)
    published = icd_seeds(icd.scores, cam.scores, icd.classes, (17, 23), covers or (17, 23), saliency)
    np.testing.assert_array_equal(seeds_of_scores(icd, cam, saliency), published)
    maps = [upsample(each.scores, (17, 23), covers) for each in (icd, cam)]
    aligned = seeds_of_scores(icd, cam, saliency, corners_aligned=True)
    np.testing.assert_array_equal(aligned, decide_icd(*maps, icd.classes, saliency))
    assert aligned.dtype == np.uint8 and aligned.shape == (17, 23)
    assert set(np.unique(aligned)) <= {0, 255, *(icd.classes + 1)}


@pytest.mark.parametrize("corners_aligned", [True, False])
def test_an_image_without_labels_is_background(corners_aligned):
    empty = Scores(np.zeros(0, np.int32), np.zeros((0, 5, 6), np.float16), (17, 23), (33, 33))
    assert not seeds_of_scores(empty, empty, corners_aligned=corners_aligned).any()


def test_what_lies_beyond_the_image_is_cut():
    """The canvas covers two images' widths; only its left half counts."""
    whole = scores([[[1.0, 1.0, -1.0, -1.0, -1.0]]], (1, 5), (1, 9))
    assert seeds_of_scores(whole, whole, corners_aligned=True).tolist() == [[3, 3, 3, 255, 0]]


def test_maps_may_cover_the_canvas_differently():
    """Each map is read by its own canvas where corners are aligned."""
    cam = scores([[[1.0, 1.0]]], (1, 9), (1, 17))
    assert seeds_of_scores(STEP, cam, corners_aligned=True).tolist() == [[3, 3, 255, 0, 0, 0, 0, 0, 0]]


@pytest.mark.parametrize("corners_aligned", [True, False])
def test_saliency_is_the_background(corners_aligned):
    saliency = np.array([[255, 255, 255, 255, 255, 0, 0, 0, 0]], np.uint8)
    found = seeds_of_scores(STEP, STEP, saliency, corners_aligned=corners_aligned)
    # salient without a claim is undecided, however sure the scores are
    assert found.tolist() == [[3, 3, 255 if corners_aligned else 3, 255, 255, 0, 0, 0, 0]]
    with pytest.raises(ImageFault, match=r"saliency map \(1, 8\)"):
        seeds_of_scores(STEP, STEP, saliency[:, 1:], corners_aligned=corners_aligned)


def test_a_canvas_smaller_than_the_image():
    small = scores([[[1.0, -1.0]]], (1, 9), (1, 5))
    with pytest.raises(UserError, match="does not fit into the canvas"):
        seeds_of_scores(small, small)
