"""What is measured without true masks: on maskers whose answers are known."""

from types import SimpleNamespace

import numpy as np
import pytest

from tests.support.whole_images import written
from tfwsss.errors import UserError
from tfwsss.inference.found import Found
from tfwsss.methods.steady import as_text, judge


class Bright:
    """Calls what is bright the first class; `shift` moves its masks to the right, which mirroring shows."""

    def __init__(self, shift: int = 0):
        self.shift = shift

    def of_pixels(self, image):
        mask = np.roll(image[..., 0] > 128, self.shift, axis=1).astype(np.uint8)
        likely = np.array([image[..., 0].mean() / 255, image[..., 1].mean() / 255], np.float32)
        return Found(mask, image, 0.0, None, likely)


def run_of(images, masker, val: str | None = None, asked: list | None = None):
    def opened(split):
        (asked if asked is not None else []).append(split)
        return images

    config = SimpleNamespace(data=SimpleNamespace(val_split=val))
    return SimpleNamespace(folder="run", config=config, images=opened, masker=lambda stage: (stage or "masks", masker))


@pytest.fixture
def images(tmp_path):
    """Halves, bright left or right, at whose border nothing is to be seen when they are made smaller."""
    shown = []
    for place in range(4):
        image = np.zeros((32, 64, 3), np.uint8)
        image[:, :8 * (place + 1), 0] = 255
        shown.append(image)
    return written(tmp_path, shown, [(1,), (), (0,), (0, 1)], classes=2)


def test_masks_that_follow_the_image_are_steady(images):
    found = judge(run_of(images, Bright()))
    assert (found["stage"], found["images"], found["held_out"]) == ("masks", 4, False)
    assert found["mirrored"] == 1.0 and found["scaled"] > 0.97 and "may be wrong" in found["note"]


def test_masks_that_do_not_follow_the_mirrored_image_are_not(images):
    """Each mask is moved 4 columns to the right, the mirrored one 4 to the left: of w columns both have w - 8."""
    found = judge(run_of(images, Bright(shift=4)))
    both, either = 8 * (0 + 1 + 2 + 3), 8 * (1 + 2 + 3 + 4) + 8 * 4        # columns of the four images
    background = (4 * 64 - either) / (4 * 64 - both)
    assert found["mirrored"] == pytest.approx((both / either + background) / 2)
    assert found["mirrored"] < found["scaled"]


def test_average_precision_of_what_the_tags_say(images):
    """Red grows from image to image, and the last two have the first tag; green is always 0: all equal, 2 of 4."""
    found = judge(run_of(images, Bright()))["average_precision"]
    first, second = list(found.values())[:2]
    assert first == 1.0 and second == pytest.approx(0.5)


def test_images_held_out_are_taken_where_there_are_some(images):
    asked: list = []
    assert judge(run_of(images, Bright(), "val", asked))["held_out"] and asked == ["val"]
    judge(run_of(images, Bright(), None, asked))
    assert asked == ["val", "training"]


def test_what_cannot_be_read_is_left_out(images):
    images.images["image 1"].write_bytes(b"no image")
    assert judge(run_of(images, Bright()))["images"] == 3
    for path in images.images.values():
        path.write_bytes(b"no image")
    with pytest.raises(UserError, match="none of its images can be read"):
        judge(run_of(images, Bright()))


def test_masks_that_leave_all_open_have_no_figure(images):
    class Open(Bright):
        def of_pixels(self, image):
            found = super().of_pixels(image)
            return found._replace(mask=np.full_like(found.mask, 255))

    found = judge(run_of(images, Open()))
    assert found["mirrored"] is None and as_text(found).splitlines()[1].split()[-1] == "absent"


def test_said_in_lines():
    found = {"stage": "masks", "images": 9, "held_out": False, "average_precision": {"cat": 0.5, "dog": None},
             "mirrored": 0.75, "scaled": 0.5, "note": "no truth"}
    lines = as_text(found).splitlines()
    assert lines[0].startswith("masks: 9 images, trained on") and lines[-1] == "no truth"
    assert [line.split()[-2] for line in lines[1:3]] == ["75.00", "50.00"] and lines[-2].split() == ["dog", "absent"]
