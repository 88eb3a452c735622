import numpy as np
import pytest

from tfwsss.refine.masks import as_they_are, review

MASK = np.array([[0, 1], [2, 1]], np.uint8)
CERTAINTY = np.array([[0.5, 1.0], [0.75, 0.75]])


def test_true_masks_stay_as_they_are():
    assert as_they_are(MASK) is MASK


@pytest.mark.parametrize(("labels", "coverage", "agreement"), [
    (None, 0.0, None), ([[255, 255], [255, 255]], 0.0, None), ([[0, 1], [2, 1]], 1.0, 1.0),
    ([[0, 255], [1, 1]], 0.75, 2 / 3), ([[1, 0], [0, 0]], 1.0, 0.0)])
def test_review(labels, coverage, agreement):
    """Open pixels count nowhere; without labels there is nothing to agree with."""
    found = review(MASK, None if labels is None else np.array(labels, np.uint8), CERTAINTY)
    assert found == {"confidence": 0.75, "coverage": coverage, "agreement": pytest.approx(agreement)}
