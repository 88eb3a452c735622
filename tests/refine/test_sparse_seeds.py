import numpy as np
import pytest

from tfwsss.refine.sparse_seeds import draw_points, draw_scribbles, segments_of, sparse_seeds, spread
from tfwsss.refine.superpixels import slic


def test_clicks_are_the_pixels_they_lie_in():
    points = [(1, 0, 0), (2, 2.99, 1.5), (3, 2.1, 1.0), (4, 3.0, 0.0), (5, 0.5, 2.0), (6, -0.01, 1.0), (0, 1.5, 0.5)]
    assert draw_points(points, (2, 3)).tolist() == [[1, 0, 255], [255, 255, 3]]
    assert (draw_points([], (2, 3)) == 255).all()


def test_scribbles_are_open_lines_one_over_the_other():
    scribbles = [(2, ((0, 0), (4, 0), (4, 2))), (1, ((4, 1), (2, 1))), (0, ((0.9, 2.2),)), (3, ((3, 0), (3, 0)))]
    assert draw_scribbles(scribbles, (3, 5)).tolist() == [
        [2, 2, 2, 3, 2], [255, 255, 1, 1, 1], [0, 255, 255, 255, 2]]


def test_lines_that_leave_the_image_are_cut_off():
    assert draw_scribbles([(5, ((-3, 1), (1, 1)))], (2, 3)).tolist() == [[255] * 3, [5, 5, 255]]
    assert (draw_scribbles([(5, ((7, 7),)), (5, ((-2, -3), (-1, 8)))], (2, 3)) == 255).all()


def test_slanted_lines_have_one_pixel_in_each_column():
    drawn = draw_scribbles([(1, ((0, 0), (9, 4)))], (5, 10)) == 1
    rows = drawn.argmax(axis=0)
    assert (drawn.sum(axis=0) == 1).all() and np.abs(rows - np.arange(10) * 4 / 9).max() <= 0.5


def test_superpixels_take_the_class_that_is_alone_in_them():
    regions = np.array([[0, 0, 1, 1], [2, 2, 3, 3]])
    drawn = np.uint8([[7, 7, 0, 255], [1, 2, 255, 255]])
    assert spread(drawn, regions).tolist() == [[7, 7, 0, 0], [255, 255, 255, 255]]


@pytest.mark.parametrize(("size", "count"), [((375, 500), 400), ((500, 375), 400), ((100, 100), 21), ((1, 1), 1)])
def test_superpixels_are_everywhere_equally_large(size, count):
    assert segments_of(size) == count


def test_superpixels_of_a_picture_keep_a_click_on_its_side():
    image = np.full((60, 80, 3), 60, np.uint8)
    image[:, 40:] = 190
    regions = slic(image, segments_of(image.shape, segments=2000))
    over = spread(draw_points([(2, 20.0, 30.0), (1, 60.0, 30.0)], (60, 80)), regions)
    assert (over[:, :40] == 2).any() and not (over[:, :40] == 1).any() and not (over[:, 40:] == 2).any()
    assert (over == 2).sum() < 60 * 40 / 4


def test_superpixels_lie_over_what_class_maps_are_sure_of():
    regions = np.array([[0, 0, 1, 1, 2, 2, 3]])
    drawn = np.uint8([[1, 255, 255, 3, 1, 3, 255]])
    confident = np.uint8([[0, 3, 255, 0, 0, 2, 3]])          # 2 is not drawn
    assert sparse_seeds(drawn, regions, confident).tolist() == [[1, 1, 3, 3, 0, 255, 3]]
