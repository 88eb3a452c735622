import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.models.test_byte_pairs import tokenizer
from tests.support import clip as recorded
from tfwsss.backbones.transformer import run_block
from tfwsss.inference.decide.clip import (
    WordRule,
    decide_by_spread_maps,
    decide_by_words,
    word_maps,
    words_shown,
)
from tfwsss.inference.see import see
from tfwsss.inference.views import Picture, WholeCells
from tfwsss.inference.whole_cells import in_whole_cells
from tfwsss.models.clip import text_tower
from tfwsss.ops.part_boxes import part_boxes
from tfwsss.steps.words import text_embeddings


@functools.cache
def made(case: str):
    """Returns recorded arrays, the model with their words, and everything that the rule finds."""
    data = recorded.arrays(case)
    tags, model = len(data["tags"]), recorded.clip_maps(data["text"])
    model.get_layer("similarity").logit_scale.assign(data["logit_scale"])
    rule = WordRule(model.last_block(), tags)
    seen = see(model.trunk(), 16, WholeCells(16), data["image"][None], tags + 1)
    seen = {key: maps[0] for key, maps in seen.items()}
    work = tf.function(lambda seen, classes: word_maps(rule, seen, classes)._asdict(), autograph=False)
    return data, model, rule, seen, {key: tf.nest.map_structure(np.array, value)
                                     for key, value in work(seen, tf.range(tags)).items()}


def near(found, expected, share):
    """Asserts that arrays agree to a share of the largest value, tag by tag."""
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=share * np.abs(theirs).max())


@pytest.mark.parametrize("case", recorded.MAPS)
def test_images_are_enlarged_as_pillow_does(case):
    data = recorded.arrays(case)
    np.testing.assert_array_equal(in_whole_cells(data["image"][None], 16)[0], data["resized"])


@pytest.mark.parametrize("case", recorded.MAPS)
def test_what_the_network_sees_is_that_of_pytorch(case):
    """Normalised image, patches before the last block and inside of it, the words, and the image's unit vector."""
    data, model, rule, seen, _ = made(case)
    image = data["resized"][None].astype("float32")
    np.testing.assert_allclose(np.moveaxis(model.get_layer("subtract_mean")(image)[0], -1, 0), data["x"], atol=1e-5)
    tokens = tokens_of(seen)
    np.testing.assert_allclose(tokens[0], data["z_before_last"], atol=1e-4)
    last = rule.last_block({"tokens": tokens, "shift": np.zeros((1, 64), "float32")})
    np.testing.assert_allclose(last["activations"][0], data["A"], atol=1e-4)
    words = text_embeddings(text_tower(recorded.reduced_clip()), tokenizer(recorded.arrays("tokenizer")),
                            ("{}",), [str(sentence) for sentence in data["words"]])
    np.testing.assert_allclose(words, data["text"], atol=1e-5)
    projected = np.array(model.get_layer("image_projection")(model.get_layer("norm")(after_last(model, tokens)[0])))
    mean = projected[0, 1:].mean(0)                                 # the projection is linear
    np.testing.assert_allclose(mean / np.linalg.norm(mean), data["u"], atol=1e-4)
    near([tf.nn.softmax(last["similarity"][0])], [data["probability"]], 1e-4)


def tokens_of(seen) -> np.ndarray:
    return np.concatenate([np.reshape(seen["class"], (1, 1, 64)), np.reshape(seen["patches"], (1, -1, 64))], 1)


def after_last(model, tokens, normalised=None):
    """Runs the last block layer by layer, from what its first normalisation gives."""
    last = f"block{recorded.CLIP_FORM.depth - 1}_"
    return run_block(lambda role: model.get_layer(last + role), recorded.CLIP_FORM.block, tokens, normalised)


@pytest.mark.parametrize("case", ["maps_two_tags", "maps_tiny_gradient"])
def test_the_weights_are_the_mean_of_the_recorded_gradients(case):
    """Patch by patch, where the rule has only their sum."""
    data, model, _, seen, found = made(case)
    tokens, tags = tokens_of(seen), len(data["tags"])
    inside = model.get_layer(f"block{recorded.CLIP_FORM.depth - 1}_norm1")(tokens)
    with tf.GradientTape() as tape:
        tape.watch(inside)
        x = tf.reduce_mean(model.get_layer("norm")(after_last(model, tokens, inside)[0])[:, 1:], axis=1)
        for name in ("image_projection", "similarity", "texts"):
            x = model.get_layer(name)(x)
        probability = tf.nn.softmax(x[0])[:tags]
    gradients = tape.jacobian(probability, inside)[:, 0, 1:].numpy()
    near(gradients, data["grad"], 1e-4)
    near(found["parts"]["weights"], gradients.mean(1), 1e-4)


@pytest.mark.parametrize("case", recorded.MAPS)
def test_class_maps_are_those_of_pytorch(case):
    data, _, _, _, found = made(case)
    rows, columns = data["grid"]
    near([found["parts"]["probability"]], [data["probability"][:len(data["tags"])]], 1e-4)
    near(found["parts"]["weights"], data["w"], 1e-4)
    near(np.moveaxis(found["parts"]["raw"], -1, 0), data["raw"].reshape(-1, rows * columns), 1e-4)
    np.testing.assert_allclose(np.moveaxis(found["plain"], -1, 0), data["M"].reshape(-1, rows, columns), atol=1e-4)


@pytest.mark.parametrize("case", recorded.MAPS)
def test_spread_maps_are_those_of_pytorch(case):
    data, _, _, _, found = made(case)
    rows, columns = data["grid"]
    near([found["parts"]["attention"]], [data["W"]], 1e-4)
    grey = np.floor(255 * np.moveaxis(found["plain"], -1, 0)).astype(int)
    assert np.abs(grey - data["box_q"].reshape(grey.shape)).max() <= 1
    assert [int(0.4 * plane.max()) for plane in grey] == data["box_threshold"].tolist()
    np.testing.assert_array_equal(np.moveaxis(found["parts"]["boxes"], -1, 0), data["B"].reshape(-1, rows, columns))
    smaller = part_boxes(found["plain"], 0.7)
    np.testing.assert_array_equal(np.moveaxis(smaller, -1, 0), data["B_coco"].reshape(grey.shape))
    np.testing.assert_allclose(np.moveaxis(found["parts"]["refined"], -1, 0), data["refined"].reshape(grey.shape),
                               atol=1e-5)
    np.testing.assert_allclose(np.moveaxis(found["spread"], -1, 0),
                               data["refined_scaled"].reshape(-1, rows, columns), atol=1e-4)


@pytest.mark.parametrize(("case", "power"), [(case, power) for case in recorded.MAPS for power in (1, 2)])
def test_labels_are_those_of_pytorch(case, power):
    data, _, rule, seen, found = made(case)
    size = data["image"].shape[:2]
    picture, places = Picture(size, size), np.arange(len(data["tags"]))
    decision = decide_by_spread_maps(float(power), {"cam": found["spread"]}, picture, places)
    np.testing.assert_allclose(np.moveaxis(decision.scores, -1, 0)[1:], data["full"], atol=1e-4)
    expected = data[f"label_b{power}"]
    ids = np.concatenate([[0], data["tags"] + 1])
    assert np.mean(ids[np.array(decision.ids)] == expected) >= 0.999
    whole = decide_by_words(rule, float(power), seen, picture, tf.constant(places, tf.int32))
    assert np.mean(ids[np.array(whole.ids)] == expected) >= 0.99          # but for the half precision of kept maps


def test_a_class_that_nothing_speaks_for_has_no_map():
    data, _, _, _, found = made("maps_one_empty")
    assert not found["plain"][..., 0].any() and not found["spread"][..., 0].any() and found["spread"][..., 1].any()


def test_fewer_classes_change_the_maps_of_the_others():
    """The softmax is over the words that count; one class alone is another question."""
    data, _, rule, seen, found = made("maps_three_tags")
    alone = word_maps(rule, seen, tf.constant([1]))
    assert alone.spread.shape[-1] == 1
    np.testing.assert_allclose(alone.shown, found["shown"], rtol=1e-4)
    similarity = rule.last_block({"tokens": tokens_of(seen), "shift": np.zeros((1, 64), "float32")})["similarity"][
        0].numpy()
    words = np.append(similarity[1], similarity[3:])
    expected = 1 / np.exp(words - words[0]).sum()
    np.testing.assert_allclose(alone.parts["probability"], [expected], rtol=1e-4)


@pytest.mark.parametrize("compiled", [False, True])
def test_without_classes_there_is_background_only(compiled):
    data, _, rule, seen, _ = made("maps_two_tags")
    size = data["image"].shape[:2]

    def work(seen, classes):
        return decide_by_words(rule, 1.0, seen, Picture(size, size), classes)

    if compiled:
        specs = {key: tf.TensorSpec((None, None, maps.shape[-1] if key != "attention" else None))
                 for key, maps in seen.items()}
        work = tf.function(work, autograph=False, input_signature=[specs, tf.TensorSpec((None,), tf.int32)])
    decision = work(seen, tf.zeros([0], tf.int32))
    assert decision.scores.shape == (*size, 1) and np.all(decision.scores == 1) and not np.any(decision.ids)


def test_what_is_shown_is_told_beside_the_backgrounds():
    _, model, rule, seen, found = made("maps_two_tags")
    likely, kept = words_shown(rule, seen, None)
    np.testing.assert_allclose(likely, found["shown"], rtol=1e-5)
    assert np.array(kept).any() and all(np.array(likely)[np.array(kept)] >= min(0.5, np.array(likely).max()))
