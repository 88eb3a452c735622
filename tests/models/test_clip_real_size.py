"""CLIP ViT-B/16 as large as it is, with weights drawn from their names: what PyTorch gave for pictures and texts."""

import keras
import numpy as np
import pytest

from tests.support import clip as recorded
from tfwsss.backbones.vit import attention_means
from tfwsss.models.clip import clip, text_tower
from tfwsss.weights.assign import assign

pytestmark = pytest.mark.large


@pytest.fixture(scope="module")
def data():
    return recorded.arrays("real_size_clip_vit_b16")


@pytest.fixture(scope="module")
def model(data):
    drawn = recorded.weights.__wrapped__("names_clip_vit_base_patch16")       # 600 MB, not to be kept
    for name, first, total in zip(data["check_names"], data["check_first"], data["check_sum"], strict=True):
        assert drawn[name].flat[0] == pytest.approx(first, abs=1e-7)
        assert drawn[name].sum(dtype=np.float64) == pytest.approx(total, abs=1e-3)
    made = clip()
    assign(made, drawn, "clip")
    return made


def near(found, expected):
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("picture", ["a", "b"])
def test_the_image_tower(model, data, picture):
    outputs = {"tokens": [model.get_layer(f"block{number}_sum2").output for number in range(12)],
               "attention": [mean for mean in attention_means(model) if mean.shape[1] is None],
               "output": model.get_layer("norm").output, "image": model.output["image"]}
    found = keras.tree.map_structure(lambda each: np.array(each[0]), keras.Model(model.input["image"], outputs)(
        data[f"image_{picture}"][None].astype("float32")))
    tokens = np.stack(found["tokens"])
    near(tokens[..., :4], data[f"tokens4_{picture}"])
    expected = data[f"statistics_{picture}"]                                  # mean, mean size, largest size
    np.testing.assert_allclose(tokens.mean((1, 2)), expected[:, 0], atol=1e-4)
    np.testing.assert_allclose(np.abs(tokens).mean((1, 2)), expected[:, 1], rtol=1e-3)
    np.testing.assert_allclose(np.abs(tokens).max((1, 2)), expected[:, 2], rtol=1e-3)
    near([attention[0] for attention in found["attention"]], data[f"class_attention_{picture}"])
    near(found["image"], data[f"class_embedding_{picture}"])
    projection = model.get_layer("image_projection")
    near(projection(found["output"][None, 1:].mean(1))[0], data[f"patch_mean_embedding_{picture}"])


def test_the_text_tower(model, data):
    near(text_tower(model)(data["ids"].astype("int32")), data["text_embedding"])
