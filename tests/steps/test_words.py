import json

import numpy as np
import pytest

from tests.models.test_byte_pairs import tokenizer
from tests.support import clip as recorded
from tests.support.clip import CHANNELS, CLIP_FORM, TEXT_FORM, listed_merges
from tfwsss.backbones.vit import FORMS
from tfwsss.errors import UserError
from tfwsss.models.clip import TextForm, clip, text_tower
from tfwsss.runs.stage import Context
from tfwsss.steps.words import (
    BACKGROUNDS,
    ClipSettings,
    clip_stage,
    load_clip,
    text_embeddings,
    tokenizer_of,
    words_of,
)

NARROW = {"name": "clip_b16", "initial": None, "width": 1 / 64}


def test_embeddings_of_one_sentence_are_those_of_pytorch():
    data = recorded.arrays("text_tower")
    own = tokenizer(recorded.arrays("tokenizer"))
    words = [str(text).removeprefix("a clean origami ").removesuffix(".") for text in data["word_texts"]]
    found = text_embeddings(text_tower(recorded.reduced_clip()), own, ("a clean origami {}.",), words)
    np.testing.assert_allclose(found, data["word_embedding"], atol=1e-5)


def test_several_sentences_are_averaged():
    """The recorded numbers say which two sentences were meant."""
    data = recorded.arrays("text_tower")
    own, templates = tokenizer(recorded.arrays("tokenizer")), ("a clean origami {}.", "a photo of a {}.")
    words = ["cat", "dog", "bird avian"]
    for word, expected in zip(words, data["two_template_ids"], strict=True):
        np.testing.assert_array_equal(own.tokens([template.replace("{}", word) for template in templates]), expected)
    found = text_embeddings(text_tower(recorded.reduced_clip()), own, templates, words)
    np.testing.assert_allclose(found, data["two_template_embedding"], atol=1e-5)


def test_words_of_classes():
    words, others = words_of(ClipSettings(words={"cat": "kitten, cat"}), ["Person", "cat", "dog"])
    assert words == ["person with clothes,people,human", "kitten, cat", "dog"] and others == list(BACKGROUNDS)


@pytest.mark.parametrize(("classes", "words"), [(["cat", "grass"], {}), (["cat", "KEYBOARD "], {}),
                                                (["lawn"], {"lawn": "Grass"})])
def test_a_background_that_is_a_class_is_left_out(classes, words):
    _, others = words_of(ClipSettings(words=words), classes)
    assert len(others) == len(BACKGROUNDS) - 1


@pytest.mark.parametrize(("settings", "message"), [
    ({"words": {"cow": "cattle"}}, "clip.words: 'cow' is no class; the classes are cat, dog"),
    ({"words": {"cat": " "}}, "those of 'cat' are empty"),
    ({"backgrounds": ("Cat", "dog")}, "all of them are classes")])
def test_words_that_lead_nowhere(settings, message):
    with pytest.raises(UserError, match=message):
        words_of(ClipSettings(**settings), ["cat", "dog"])


@pytest.mark.parametrize("template", ["a photo", "{} and {}"])
def test_sentences_have_one_place(template):
    with pytest.raises(ValueError, match="places for words"):
        ClipSettings(templates=(template,))


@pytest.mark.parametrize("name", ["merges.txt", "bpe_simple_vocab_16e6.txt.gz"])
def test_merges_lie_beside_the_weights_or_are_named(tmp_path, name):
    import gzip

    text = "\n".join(["#version: 0.2", *listed_merges()]).encode()
    settings = ClipSettings(backbone={**NARROW, "initial": tmp_path / "clip.weights.h5"})
    with pytest.raises(UserError, match="no merges.txt, bpe_simple_vocab_16e6.txt.gz or tokenizer.json beside .*clip"):
        tokenizer_of(settings)
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    assert tokenizer_of(settings).size == tokenizer_of(ClipSettings(merges=tmp_path / name)).size == 49408


def test_the_stage_leaves_a_network_that_knows_the_words(tmp_path):
    """It holds the weights of the file, the words' embeddings, and no text tower."""
    whole = clip(FORMS["clip_b16"].narrowed(1 / 64), TextForm().narrowed(1 / 64), 8)
    whole.save_weights(tmp_path / "clip.weights.h5")
    (tmp_path / "merges.txt").write_text("\n".join(["#", *listed_merges()]), "utf-8")
    settings = ClipSettings(backbone={**NARROW, "initial": tmp_path / "clip.weights.h5"}, words={"cat": "猫 😀"})
    stage = clip_stage("clip", ("cat", "grass"), settings)
    assert stage.settings["classes"] == ["cat", "grass"] and stage.kind == "model" and stage.needs == ()
    assert stage.work(Context(), {}, tmp_path / "clip") == {}
    model = load_clip(tmp_path / "clip")
    assert model.texts[:2] == ("猫 😀", "grass") and len(model.texts) == 26 and model.num_classes == 2
    for layer in ("block3_query", "similarity", "image_projection"):
        both = (network.get_layer(layer).get_weights() for network in (model, whole))
        for ours, theirs in zip(*both, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    own = tokenizer_of(settings)
    expected = text_embeddings(text_tower(whole), own, settings.templates, model.texts)
    np.testing.assert_allclose(model.get_layer("texts").get_weights()[0], expected.T, atol=1e-6)
    told = json.loads((tmp_path / "clip" / "words.json").read_text("utf-8"))
    assert told["classes"] == {"cat": "猫 😀", "grass": "grass"} and "grass" not in told["backgrounds"]


@pytest.mark.parametrize(("change", "message"), [
    ({"backbone": {**NARROW, "initial": "no.weights.h5"}, "merges": "merges.txt"}, "no.weights.h5: no such weight"),
    ({"words": {"cat": "word " * 80}}, r"has \d+ tokens; CLIP reads 75 at most"),
    ({"merges": "no.txt"}, "no.txt: the list of merges cannot be read")])
def test_what_the_stage_refuses(tmp_path, monkeypatch, change, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "merges.txt").write_text("\n".join(["#", *listed_merges()]), "utf-8")
    stage = clip_stage("clip", ("cat",), ClipSettings(**{"backbone": NARROW, **change}))
    with pytest.raises(UserError, match=message):
        stage.work(Context(), {}, tmp_path / "clip")
    assert not (tmp_path / "clip").exists()


def test_weights_of_another_size_are_told(tmp_path):
    clip(CLIP_FORM, TEXT_FORM, CHANNELS).save_weights(tmp_path / "clip.weights.h5")
    settings = ClipSettings(backbone={**NARROW, "initial": tmp_path / "clip.weights.h5"},
                            merges=tmp_path / "merges.txt")
    (tmp_path / "merges.txt").write_text("\n".join(["#", *listed_merges()]), "utf-8")
    with pytest.raises(UserError, match="of clip; expected shape .*; use weights of the same network and width"):
        clip_stage("clip", ("cat",), settings).work(Context(), {}, tmp_path / "out")
