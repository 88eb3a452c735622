import numpy as np
import pytest

from tests.support import clip as recorded
from tfwsss.models.clip import TextForm, clip, text_tower


@pytest.fixture(scope="module")
def data():
    return recorded.arrays("text_tower")


def test_texts_are_those_of_pytorch(data):
    import keras

    model = recorded.reduced_clip()
    layers = [model.get_layer(f"text_block{number}_sum2").output for number in range(3)]
    tokens = keras.Model(model.input["ids"], layers)(data["ids"].astype("int32"))
    for number, found in enumerate(tokens):
        np.testing.assert_allclose(found, data["tokens"][number], atol=1e-4)
    np.testing.assert_allclose(text_tower(model)(data["ids"].astype("int32")), data["embedding"], atol=1e-5)


def test_what_stands_behind_the_end_mark_does_not_count(data):
    tower = text_tower(recorded.reduced_clip())
    np.testing.assert_allclose(tower(data["ids_end_padded"].astype("int32")), data["embedding"], atol=1e-5)


def test_words_fit_each_other_by_their_cosine(data):
    model = recorded.reduced_clip()
    found = model({"image": np.zeros((1, 32, 32, 3), "float32"), "ids": data["word_ids"].astype("int32")})
    unit = np.array(found["text"]) / np.linalg.norm(found["text"], axis=1, keepdims=True)
    np.testing.assert_allclose(unit, data["word_embedding"], atol=1e-5)
    picture = np.array(found["image"][0]) / np.linalg.norm(found["image"][0])
    np.testing.assert_allclose(found["similarity"][0], 10.0 * unit @ picture, atol=1e-4)       # exp(ln 10)


def test_published_size():
    listed = recorded.names("names_clip_vit_base_patch16")
    model = clip()
    assert sum(int(np.prod(weight.shape)) for weight in model.weights) == 149_620_737 == \
        sum(int(np.prod(shape)) for shape in listed.values())


def test_a_narrow_form_has_as_many_heads():
    assert TextForm().narrowed(1 / 16).block.width == 32 and TextForm().narrowed(1 / 16).block.heads == 8
