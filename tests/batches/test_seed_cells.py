"""Recorded: `a2gnn_affinity_dataset.npz`, a whole copy of A2GNN's shared file."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.support.arrays import channels_last, recorded
from tfwsss.artefacts.masks import write_mask
from tfwsss.batches.augment import DRAWS, Augmentation, augment
from tfwsss.batches.seed_cells import PADDING, WHITE, seed_batches, seed_cells
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import UserError
from tfwsss.ops.colours import standardised
from tfwsss.palette import voc_palette


def test_a_small_image_as_recorded():
    data = recorded("a2gnn_affinity_dataset")
    side, (rows, columns) = int(data["crop"]), data["label"].shape
    # the recorded program pasted at (9, 0), then flipped: the flipped image lies at the right end
    draws = np.zeros(DRAWS, "float32")
    draws[4:6] = (data["paste_top"] + 0.5) / (side - rows + 1), (side - columns + 0.5) / (side - columns + 1)
    how = Augmentation(side, side, pad_value=WHITE, scatter=True, pad_id=PADDING)
    x = augment({"image": tf.constant(data["image"]), "mask": tf.constant(data["label"].astype("int32"))}, draws, how)
    np.testing.assert_allclose(standardised(x["image"]), channels_last(data["out_image"][None])[0], atol=1e-5)
    cells = seed_cells(x["mask"], 8)
    np.testing.assert_array_equal(cells["mask"], data["out_label"])
    np.testing.assert_array_equal(cells["inside"], data["out_cropping"])
    assert (data["out_label"] == 255).sum() > (data["out_cropping"] == 0).sum()      # unknown seeds of the image too


def test_cells_have_the_seed_of_their_first_pixel():
    numbered = np.arange(64).reshape(1, 8, 8)
    assert seed_cells(tf.constant(numbered, tf.int32), 4)["mask"].numpy().tolist() == [[[0, 4], [32, 36]]]


@pytest.fixture
def images(tmp_path):
    """Two images smaller than the crop, the second without a seed."""
    names = ("one", "two")
    for number, name in enumerate(names):
        Image.fromarray(np.full((20, 12, 3), 50 * number, np.uint8)).save(tmp_path / f"{name}.png")
        write_mask(tmp_path / "seeds", name, np.full((20, 12), (2, 255)[number], np.uint8), voc_palette())
    return ImageSet(names, tmp_path, ("background", "cat", "dog"), voc_palette(), masks={},
                    labels=dict.fromkeys(names, ()), images={name: tmp_path / f"{name}.png" for name in names})


def test_batches_tell_unknown_seeds_from_what_is_no_image(images):
    how = Augmentation(32, 24, pad_value=WHITE)
    batches = list(seed_batches(images, images.root / "seeds", 4, how, batch_size=2, seed=1, epochs=2))
    assert len(batches) == 2 and batches[0][0].keys() == {"image"} and batches[0][1].keys() == {"mask", "inside"}
    for x, y in batches:
        assert x["image"].shape == (2, 32, 24, 3)
        assert np.all(x["image"][:, 20:] == 255) and np.all(x["image"][:, :, 12:] == 255)
        for image, mask, inside in zip(x["image"], y["mask"], y["inside"], strict=True):
            expected = np.pad(np.ones((5, 3)), ((0, 3), (0, 3)))
            np.testing.assert_array_equal(inside, expected)
            np.testing.assert_array_equal(mask, np.where(expected > 0, 2 if float(image[0, 0, 0]) == 0 else 255, 255))


def test_missing_seeds_are_named(images):
    (images.root / "seeds" / "two.png").unlink()
    with pytest.raises(UserError, match="masks of 1 images are missing, such as 'two'"):
        seed_batches(images, images.root / "seeds", 4, Augmentation(32, 24), batch_size=2)
