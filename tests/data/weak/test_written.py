import pytest

from tfwsss.data.weak.written import MAX_LABELS, MAX_POINTS, Shape, Written, check_count
from tfwsss.errors import ImageFault


def test_bounds_of_an_image():
    check_count("a.xml", MAX_LABELS, MAX_POINTS)
    for count in ((MAX_LABELS + 1, 1), (1, MAX_POINTS + 1)):
        with pytest.raises(ImageFault, match="a.xml: .* at most 10,000 of 200,000"):
            check_count("a.xml", *count)


def test_pixels_are_meant_unless_said():
    assert not Written((Shape("cat", ((1.0, 2.0),)),)).fractions and Written(()).size is None
