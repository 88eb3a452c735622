"""What is said of one image, where nothing more was asked for than its mask."""

import numpy as np

from tfwsss.inference.found import Answer, Found


def test_what_nobody_asked_for_is_none():
    found = Found(np.zeros((2, 3), np.uint8), np.zeros((2, 3, 3), np.uint8), 0.5)
    assert (found.certainty, found.likely, found.scores) == (None, None, None)


def test_the_order_that_callers_unpack():
    assert Answer._fields == ("mask", "scores", "likely")
    assert Found._fields == ("mask", "image", "seconds", "certainty", "likely", "scores")
