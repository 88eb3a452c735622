import numpy as np

from tfwsss.refine.saliency import saliency


def test_a_bright_square_on_plain_ground_is_found():
    image = np.full((60, 80, 3), 50, np.uint8)
    image[20:40, 30:50] = (220, 180, 40)
    found = saliency(image)
    assert found.dtype == np.uint8 and found.shape == (60, 80)
    assert found[25:35, 35:45].min() > 200 and found[:10].max() < 50
