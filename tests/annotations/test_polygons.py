import numpy as np
import pytest

from tfwsss.annotations import polygons
from tfwsss.annotations.polygons import fill


def by_point(points, size) -> np.ndarray:
    """Counts, for the middle of each pixel, the edges that a ray to the left crosses."""
    found = np.zeros(size, bool)
    for row, column in np.ndindex(*size):
        x, y = column + 0.5, row + 0.5
        for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]], strict=True):
            if (y0 <= y) != (y1 <= y):
                found[row, column] ^= x0 + (y - y0) / (y1 - y0) * (x1 - x0) <= x
    return found


@pytest.mark.parametrize("seed", range(5))
def test_a_pixel_belongs_to_the_polygon_that_holds_its_middle(seed):
    points = np.random.default_rng(seed).uniform(-4, 24, (9, 2))
    np.testing.assert_array_equal(fill(points, (17, 19)), by_point(points.tolist(), (17, 19)))


def test_far_points_and_flat_polygons():
    assert fill(np.array([[-1e7, -1e7], [1e7, -1e7], [1e7, 1e7], [-1e7, 1e7]]), (3, 4)).all()
    assert not fill(np.array([[1, 1], [3, 1], [2, 1]]), (3, 4)).any()
    assert not fill(np.array([[0, 1e-300], [5, 0], [3, 2e-300]]), (3, 4)).any()


def test_edges_are_worked_through_in_parts(monkeypatch):
    points = np.random.default_rng(3).uniform(0, 40, (50, 2))
    whole = fill(points, (40, 40))
    monkeypatch.setattr(polygons, "_AT_ONCE", 7)
    np.testing.assert_array_equal(fill(points, (40, 40)), whole)
