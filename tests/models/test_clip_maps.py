import keras
import numpy as np
import pytest

from tests.support import clip as recorded
from tfwsss.backbones.vit import FORMS
from tfwsss.models.clip_maps import ClipMaps

FORM = FORMS["clip_b16"].narrowed(1 / 64)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return ClipMaps(FORM.get_config(), ["cat", "dog", "grass"], 2, channels=4)


def test_the_parts_are_the_whole(model):
    image = np.random.default_rng(0).uniform(0, 255, (2, 48, 64, 3)).astype("float32")
    seen = model.trunk(averaged=3)(image)
    width = FORM.block.width
    tokens = np.concatenate([np.reshape(seen["class"], (2, 1, width)), np.reshape(seen["patches"], (2, 12, width))], 1)
    found = model.last_block()({"tokens": tokens, "shift": np.zeros((2, width), "float32")})
    np.testing.assert_allclose(found["similarity"], model(image), atol=1e-5)
    own = [keras.Model(model.input, model.get_layer(f"block{number}_attention").output[1])(image)[:, 1:, 1:]
           for number in (9, 10, 11)]
    np.testing.assert_allclose(np.reshape(seen["attention"], (2, 12, 12)), own[0] + own[1], atol=1e-6)
    np.testing.assert_allclose(found["attention"], own[2], atol=1e-6)


def test_only_patches_are_shifted(model):
    width = FORM.block.width
    tokens = np.random.default_rng(0).normal(size=(1, 5, width)).astype("float32")
    last = model.last_block()
    plain = last({"tokens": tokens, "shift": np.zeros((1, width), "float32")})
    moved = last({"tokens": tokens, "shift": np.ones((1, width), "float32")})
    np.testing.assert_array_equal(moved["activations"], plain["activations"])
    assert np.abs(moved["similarity"] - plain["similarity"]).max() > 0


@pytest.mark.parametrize("averaged", [1, 2, 99])
def test_how_many_blocks_are_averaged(averaged):
    one = ClipMaps(FORM.get_config(), ["cat"], 1, channels=4)
    seen = one.trunk(averaged)(np.zeros((1, 32, 32, 3), "float32"))["attention"]
    each = [keras.Model(one.input, one.get_layer(f"block{number}_attention").output[1])(np.zeros((1, 32, 32, 3)))
            for number in range(max(0, 12 - averaged), 11)]
    expected = sum((np.array(attention)[0, 1:, 1:] for attention in each), np.zeros((4, 4)))
    np.testing.assert_allclose(np.reshape(seen, (4, 4)), expected, atol=1e-5)


def test_shown_is_clips_own_similarity():
    text = recorded.arrays("text_tower")["word_embedding"][:2]
    model = recorded.clip_maps(text)
    data = recorded.arrays("vit_clip_native")
    seen = model.trunk()(data["image"][None].astype("float32"))
    tokens = np.concatenate([np.reshape(seen["class"], (1, 1, 64)), np.reshape(seen["patches"], (1, -1, 64))], 1)
    shown = model.last_block()({"tokens": tokens, "shift": np.zeros((1, 64), "float32")})["shown"][0]
    picture = np.squeeze(data["class_embedding_projected"])
    np.testing.assert_allclose(shown, 10 * text @ (picture / np.linalg.norm(picture)), atol=1e-4)


@pytest.mark.parametrize("case", ["vit_clip_native", "vit_clip_resized", "vit_clip_smaller"])
def test_the_mean_of_the_patches_is_projected_as_in_pytorch(case):
    data, text = recorded.arrays(case), recorded.arrays("text_tower")["word_embedding"]
    model = recorded.clip_maps(text)
    image = data["image"][None].astype("float32")
    projected = keras.Model(model.input, model.get_layer("image_projection").output)(image)[0]
    np.testing.assert_allclose(projected, np.squeeze(data["patch_mean_projected"]), atol=1e-4)
    unit = np.squeeze(data["patch_mean_projected"]) / np.linalg.norm(data["patch_mean_projected"])
    np.testing.assert_allclose(model(image)[0], 10 * text @ unit, atol=1e-3)
