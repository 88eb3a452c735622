"""What is said of masks without truth: counted by hand on small masks."""

import numpy as np
import pytest
from PIL import Image

from tfwsss.artefacts.masks import write_mask
from tfwsss.data.image_set import ImageSet
from tfwsss.palette import voc_palette
from tfwsss.runs.without_truth import HONEST, describe_masks, in_words


@pytest.fixture
def images(tmp_path) -> ImageSet:
    names = ("a", "b", "c")
    for name in names:
        Image.new("RGB", (4, 2)).save(tmp_path / f"{name}.png")
    return ImageSet(names, tmp_path, ("background", "cat", "dog"), voc_palette(),
                    {name: tmp_path / f"{name}.png" for name in names}, {"a": (0,), "b": (0, 1), "c": ()}, {})


def write(folder, **masks):
    for name, mask in masks.items():
        write_mask(folder, name, np.array(mask, np.uint8), voc_palette())
    return folder


def test_counted_by_hand(images, tmp_path):
    """Of 16 pixels 5 have a class and 2 are open; of the tags a's and one of b's are shown."""
    masks = write(tmp_path / "masks", a=[[0, 0, 1, 1], [0, 0, 1, 255]], b=[[0, 2, 2, 0], [0, 0, 0, 255]])
    plain = write(tmp_path / "plain", a=[[0, 0, 1, 1], [0, 1, 1, 1]], b=[[0, 1, 2, 0], [0, 0, 0, 255]])
    found = describe_masks(masks, images, {"plain": plain, "none": tmp_path / "none"})
    # both known: background 3 + 5 = 8 in common of 9, cat 3 of 5, dog 1 of 2
    assert found == {"images": 2, "covered": 5 / 16, "undecided": 2 / 16, "tags_shown": pytest.approx(2 / 3),
                     "agreement": {"plain": pytest.approx((8 / 9 + 3 / 5 + 1 / 2) / 3)}}


def test_the_same_masks_agree_wholly(images, tmp_path):
    masks = write(tmp_path / "masks", a=[[0, 0, 1, 1], [0, 0, 1, 1]], c=[[0] * 4] * 2)
    found = describe_masks(masks, images, {"same": masks})
    assert found["agreement"] == {"same": 1.0} and found["tags_shown"] == 1.0 and found["covered"] == 4 / 16


def test_images_without_tags_show_none(images, tmp_path):
    assert describe_masks(write(tmp_path / "m", c=[[0] * 4] * 2), images, {})["tags_shown"] is None


def test_masks_that_cannot_be_read_do_not_count(images, tmp_path):
    masks = write(tmp_path / "masks", a=[[1] * 4] * 2)
    (masks / "b.png").write_bytes(b"torn")
    assert describe_masks(masks, images, {})["images"] == 1
    assert describe_masks(tmp_path / "none", images, {}) == {}


def test_other_sizes_are_not_compared(images, tmp_path):
    masks, other = write(tmp_path / "m", a=[[1] * 4] * 2), write(tmp_path / "o", a=[[1] * 3] * 2)
    assert describe_masks(masks, images, {"other": other})["agreement"] == {}


def test_the_line_says_what_it_is_worth():
    line = in_words({"covered": 0.312, "undecided": 0.05, "tags_shown": None, "agreement": {}})
    assert line == f"covers 31 % of the pixels, leaves 5 % open; {HONEST}" and "may be wrong" in line
