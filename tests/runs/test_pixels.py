import numpy as np
from PIL import Image

from tests.support.fake_run import SIZE, image_set
from tfwsss.runs.pixels import pixels_of


def test_pixels_are_those_of_the_headers(tmp_path):
    images = image_set(tmp_path, with_masks=False)
    Image.fromarray(np.zeros((7, 11, 3), np.uint8)).save(images.images["image 1"])
    images.images["image 2"].write_bytes(b"no image")
    names = ["image 2", "image 0", "image 1"]
    assert pixels_of(images, names) == {"image 2": 1.0, "image 0": float(SIZE[0] * SIZE[1]), "image 1": 77.0}
    assert pixels_of(images, []) == {}
