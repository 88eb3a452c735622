"""Augmentation: the published resizing, colours as torchvision's, small images anywhere."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance

from tests.support.arrays import recorded
from tests.support.shared import shared_file
from tfwsss.batches.augment import DRAWS, Augmentation, augment, jitter
from tfwsss.batches.shrink import shrink_ids
from tfwsss.data.pillow_resize import resize_as_pillow

PHOTO = np.random.default_rng(0).integers(0, 256, (30, 44, 3)).astype(np.uint8)
STILL = (0.5, 0.5, 0.5, 0.5)
NONE = (0.0, 0.0, 0.0, 0.0)


def draws(**places):
    """Returns draws of one half, but for those named by place."""
    values = np.full(DRAWS, 0.5, np.float32)
    for place, value in places.items():
        values[int(place[1:])] = value
    return tf.constant(values)


@pytest.mark.parametrize(("draw", "side"), [(0.0, 20), (0.999999, 29), (0.5, 25)])
def test_longer_side_falls_on_every_length(draw, side):
    how = Augmentation(64, 64, longer_side=(20, 29), pad_value=0, mirror=False)
    whole = augment({"image": tf.constant(PHOTO // 2 + 100)}, draws(_0=draw), how)["image"].numpy()
    rows, columns = np.flatnonzero(whole.any(axis=(1, 2))), np.flatnonzero(whole.any(axis=(0, 2)))
    assert (len(columns), len(rows)) == (side, round(side * 30 / 44))
    assert rows[0] == columns[0] == 0


def test_small_images_lie_anywhere_where_scattered():
    how = Augmentation(33, 46, pad_value=(1.0, 2.0, 3.0), mirror=False, scatter=True)
    for draw, corner in ((0.0, (0, 0)), (0.999, (3, 2)), (0.4, (1, 1))):
        x = {"image": tf.constant(PHOTO), "mask": tf.ones((30, 44), tf.int32)}
        moved = augment(x, draws(_4=draw, _5=draw), how)
        inside = (slice(corner[0], corner[0] + 30), slice(corner[1], corner[1] + 44))
        np.testing.assert_array_equal(moved["image"][inside], PHOTO)
        mask = moved["mask"].numpy()
        assert (mask[inside] == 1).all() and (mask == 255).sum() == 33 * 46 - 30 * 44
        assert (moved["image"].numpy()[mask == 255] == (1, 2, 3)).all()


@pytest.mark.parametrize(("place", "kind"), [(0, ImageEnhance.Brightness), (1, ImageEnhance.Contrast),
                                             (2, ImageEnhance.Color)])
@pytest.mark.parametrize("amount", [0.0, 0.25, 0.9])
def test_colours_change_as_pillow_changes_them(place, kind, amount):
    amounts = [0.5, 0.5, 0.5, 0.5]
    amounts[place] = amount
    ours = jitter(tf.cast(PHOTO, tf.float32), amounts, [0.1, 0.2, 0.3, 0.4], (0.3, 0.3, 0.3, 0.0)).numpy()
    theirs = np.array(kind(Image.fromarray(PHOTO)).enhance(1 + 0.3 * (2 * amount - 1)))
    assert np.abs(ours - theirs).max() <= 1


def test_hue_turns_and_order_counts():
    red = tf.constant([[[200.0, 0.0, 0.0]]])
    turned = jitter(red, (0.5, 0.5, 0.5, 1.0), (0.1, 0.2, 0.3, 0.4), (0.0, 0.0, 0.0, 1 / 3))
    np.testing.assert_allclose(turned[0, 0], (0, 200, 0), atol=1)
    strong = (1.0, 0.0, 0.5, 0.5)
    first = jitter(tf.cast(PHOTO, tf.float32), strong, (0.1, 0.2, 0.3, 0.4), (0.5, 0.5, 0.0, 0.0))
    last = jitter(tf.cast(PHOTO, tf.float32), strong, (0.2, 0.1, 0.3, 0.4), (0.5, 0.5, 0.0, 0.0))
    assert not np.array_equal(first, last)


def test_no_change_changes_nothing():
    image = tf.cast(PHOTO, tf.float32)
    np.testing.assert_allclose(jitter(image, (0.1, 0.9, 0.3, 0.7), STILL, NONE), PHOTO, atol=1)


def published() -> dict:
    """Returns what the released program did to a photograph, with the draws it did it by."""
    return dict(np.load(shared_file("fixtures/psa/augment.npz"), allow_pickle=False))


@pytest.mark.parametrize("longer_side", [(256, 512), (60, 60), (200, 200)])
def test_the_published_longer_side(longer_side):
    data = published()
    key = next(name for name in data if name.startswith(f"resize_long_{longer_side[0]}_{longer_side[1]}_"))
    target = int(data[key.replace("long", "long_target")])
    how = Augmentation(*data[key].shape[:2], longer_side=longer_side, mirror=False)
    drawn = (target - longer_side[0] + 0.5) / (longer_side[1] - longer_side[0] + 1)
    ours = augment({"image": tf.constant(data["image"])}, draws(_0=drawn, _2=0.0, _3=0.0), how)["image"].numpy()
    np.testing.assert_array_equal(ours, data[key])


@pytest.mark.parametrize("factor", ["0.5", "1", "1.5", "2.0"])
def test_the_published_scales(factor):
    data = published()
    expected = data[f"msf_{factor}"]
    ours = resize_as_pillow(data["image"], expected.shape[:2], "cubic").numpy()
    np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("side", [64, 110, 150])
def test_the_published_crop(side):
    """Of 97x121 pixels: cut on both axes, on one, on none; the rest lies anywhere on zeros."""
    data = published()
    (width, column), (height, row) = data[f"crop{side}_draws_w_then_h"]
    across, down = (column + 0.5) / width, (row + 0.5) / height
    how = Augmentation(side, side, mirror=False, pad_value=0.0, scatter=True)
    drawn = draws(_2=down, _3=across, _4=down, _5=across)
    ours = augment({"image": tf.constant(data["image"])}, drawn, how)["image"]
    np.testing.assert_array_equal(ours, data[f"crop{side}"])


@pytest.mark.parametrize("case", range(5))
def test_the_loader_of_cian(case):
    """Flipped before it is scaled, black and background beyond the border, labels shrunk as numbers."""
    data = recorded("cian_loader")
    factor, mirrored, anywhere, side, stride, seed = (float(value) for value in data[f"cfg{case}"])
    side, random = int(side), np.random.RandomState(int(seed))
    rows, columns = (max(int(length * factor + 0.5), side) for length in data["seg"].shape)
    offsets = [random.randint(0, length - side + 1) if anywhere else (length - side) // 2 for length in (rows, columns)]
    down, across = ((offset + 0.5) / (length - side + 1) for offset, length in zip(offsets, (rows, columns),
                                                                                    strict=True))
    how = Augmentation(side, side, (factor,), pad_value=0.0, mirror_first=True, pad_id=0)
    found = augment({"image": tf.constant(data["image_bgr"]), "mask": tf.constant(data["seg"], tf.int32)},
                    draws(_1=1 - mirrored, _2=down, _3=across), how)
    assert np.abs(found["image"].numpy() - data[f"img{case}"]).max() <= (factor != 1)   # OpenCV's weights are rounded
    mask = shrink_ids(found["mask"], int(stride), "bilinear_ids") if stride else found["mask"]
    np.testing.assert_array_equal(mask, data[f"seg{case}"])
