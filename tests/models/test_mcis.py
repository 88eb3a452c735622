import keras
import numpy as np
import pytest
from keras import ops

from tests.support.arrays import gradient
from tests.support.fits import compiled
from tests.support.replicas import assert_one_step_equals_that_of_two, of_one_step
from tfwsss.backbones.small import small
from tfwsss.losses.multilabel import MultilabelLoss
from tfwsss.models.mcis import (
    HEADS,
    MCIS,
    TERMS,
    class_map_network,
    feature_network,
    pair_network,
    view_network,
)
from tfwsss.training.optimizers import SGD

SMOOTH = 14     # seed of images whose step no rounding decides


def batch(pairs=4, seed=0):
    """Pairs of classes 0 and 1, 0 alone, 1 and 2, 2 alone: the first half has classes that are not shared."""
    random = np.random.default_rng(seed)
    labels = np.array([[[1, 1, 0], [1, 0, 0]], [[1, 0, 0], [1, 0, 0]], [[0, 1, 1], [0, 1, 1]], [[0, 0, 1], [0, 0, 1]]])
    image = random.uniform(0, 60, (pairs, 2, 24, 32, 3))
    for pair, member, label in np.argwhere(labels[:pairs]):
        image[pair, member, 8 * label:8 * label + 8, :, label] += 150
    first = image[:, 0]
    views = {"mirrored": first[:, :, ::-1], "smaller": first[:, ::2, ::2], "larger": first.repeat(2, 1).repeat(2, 2)}
    x = {"image": image, **views}
    return {key: np.ascontiguousarray(value, "float32") for key, value in x.items()}, \
        {"labels": labels[:pairs].astype("float32")}


def tiny(**settings):
    keras.utils.set_random_seed(1)
    model = MCIS(small(width=0.2), **{"num_classes": 3, **settings})
    for kernel in model.get_layer("co_attention").trainable_variables:
        kernel.assign(kernel * 4)                              # so that pairs and gates differ
    return model


def as_released(model, x, y, contrastive=True):
    """The sum of the release: four pairs, each image through the trunk in every pair, rows behind each other."""
    def trunk(image):
        return model.backbone(image)["classifier"]

    def pair(one, other):
        features = [trunk(one), trunk(other)]
        scores = [ops.mean(model.get_layer("fc8")(each), axis=(1, 2)) for each in features]
        maps = model.get_layer("co_attention")(*features)
        return ops.concatenate(scores, axis=0), [ops.mean(each, axis=(1, 2)) for each in maps]

    def cost(logits, *labels):
        labels = np.concatenate(labels)
        return ops.mean(ops.softplus(logits) - labels * logits)

    y1, y2 = y["labels"][:, 0], y["labels"][:, 1]
    shared = y1 * y2
    own, found = pair(x["image"][:, 0], x["image"][:, 1])
    total = cost(own, y1, y2) + cost(ops.concatenate(found[:2], axis=0), shared, shared)
    for view in ("mirrored", "smaller", "larger"):
        own, again = pair(x["image"][:, 0], x[view])
        total = total + cost(own, y1, y1) + cost(ops.concatenate(again[:2], axis=0), y1, y1)
    for score, labels in ((found[2], y1), (found[3], y2)):
        if contrastive and (labels - shared).any():
            total = total + cost(score, labels - shared)
    return total


@pytest.mark.parametrize("contrastive", [True, False])
def test_loss_and_gradients_are_those_of_the_release_written_out(contrastive):
    model, (x, y) = tiny(contrastive_from_step=0 if contrastive else None), batch()
    expected = float(as_released(model, x, y, contrastive))
    np.testing.assert_allclose(float(model.compute_loss(x, y, model(x), training=False)), expected, rtol=1e-5)
    ours = gradient(lambda: model.compute_loss(x, y, model(x), training=False), model.trainable_variables)
    theirs = gradient(lambda: as_released(model, x, y, contrastive), model.trainable_variables)
    for found, wanted, weight in zip(ours, theirs, model.trainable_variables, strict=True):
        if wanted is None:                                     # the gate, where nothing reads it
            assert weight.path == "co_attention/gate/kernel" and (found is None or not np.any(found))
            continue
        np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=2e-5 * np.abs(wanted).max(), err_msg=weight.path)


def test_switch_of_the_batch_is_one_for_each_image_and_over_all_pairs():
    """Only first images have classes that are not shared; then all first images count, those without any too."""
    model, (x, y) = tiny(), batch()
    out = model(x)
    by_hand = np.asarray(MultilabelLoss(True).call(y["labels"][:, 0] * (1 - y["labels"][:, 1]), out["rest"][:, 0]))
    off = float(tiny(contrastive_from_step=None).compute_loss(x, y, out, training=False))
    np.testing.assert_allclose(float(model.compute_loss(x, y, out, training=False)) - off, by_hand.mean(), rtol=1e-4)
    alike = {"labels": np.repeat(y["labels"][:, :1], 2, axis=1)}
    off = float(tiny(contrastive_from_step=None).compute_loss(x, alike, out, training=False))
    np.testing.assert_allclose(float(model.compute_loss(x, alike, out, training=False)), off, rtol=1e-6)


def fit(model, x, y, epochs, rate=0.01):
    optimiser = SGD(rate, coupled_decay=5e-4, multipliers=dict.fromkeys(HEADS[1:], 10.0), decayed=("*",),
                    rate_outside=True, nesterov=True)
    compiled(model, optimiser, epochs)
    return model.fit(x, y, batch_size=len(y["labels"]), epochs=epochs, shuffle=False, verbose=0).history


@pytest.mark.slow
def test_contrastive_term_begins_at_its_step_and_the_gate_decays_before():
    model, (x, y) = tiny(contrastive_from_step=3), batch()
    gate = np.asarray(model.get_layer("co_attention").gate.kernel)
    history = fit(model, x, y, epochs=3, rate=1e-3)
    assert history["contrastive"] == [0, 0, 0]
    factor = 1.0
    velocity = 0.0
    for _ in range(3):
        d = 5e-4 * factor
        velocity = 0.9 * velocity + d
        factor -= 1e-2 * (d + 0.9 * velocity)
    np.testing.assert_allclose(model.get_layer("co_attention").gate.kernel, factor * gate, rtol=1e-6)
    assert fit(model, x, y, epochs=1)["contrastive"][0] > 0.1
    assert int(model.step) == 3                                # and stays there


@pytest.mark.slow
def test_learns_its_classes_and_the_shared_ones():
    model, (x, y) = tiny(), batch()
    history = fit(model, x, y, epochs=60)
    for term in TERMS[:3]:
        assert history[term][-1] < 0.35 * history[term][0], (term, history[term][0], history[term][-1])
    assert history["contrastive"][-1] < 0.7 * history["contrastive"][0]


def test_every_image_passes_the_backbone_once():
    import tensorflow as tf

    model, (x, _) = tiny(), batch()
    graph = tf.function(lambda **images: model(images, training=True), autograph=False).get_concrete_function(**x)
    firsts = [node.outputs[0].shape[0] for node in graph.graph.get_operations()
              if node.type == "Conv2D" and "conv1" in node.name]
    assert sorted(firsts) == [4, 4, 12]                        # smaller, larger; the pair and its mirrored view


def test_only_pairs_without_other_views():
    model, (x, y) = tiny(self_views=False), batch()
    whole = tiny()
    assert [weight.path for weight in model.weights] == [weight.path for weight in whole.weights]
    out, more = model({"image": x["image"]}), whole(x)
    np.testing.assert_allclose(out["logits"], more["logits"][:, :2], atol=1e-5)
    np.testing.assert_allclose(out["common"], more["common"][:, :1], atol=1e-5)
    expected = MultilabelLoss(True)
    shared = y["labels"][:, :1] * y["labels"][:, 1:]
    terms = [expected.call(y["labels"], out["logits"]), expected.call(np.repeat(shared, 2, 1), out["common"][:, 0])]
    by_hand = sum(float(ops.mean(term)) for term in terms)
    off = tiny(self_views=False, contrastive_from_step=None)
    np.testing.assert_allclose(float(off.compute_loss(x, y, out, training=False)), by_hand, rtol=1e-5)


def test_kept_features_give_the_maps_of_the_whole_pair():
    model, (x, _) = tiny(), batch()
    features, pairs = feature_network(model), pair_network(model)
    first, references = (features(x["image"][:, place])["features"] for place in (0, 1))
    one = pairs({"features": first[:1], "reference": references})["cam"]         # an image with many references
    each = [pairs({"features": first[:1], "reference": references[i:i + 1]})["cam"] for i in range(4)]
    np.testing.assert_allclose(one, np.concatenate(each), atol=1e-5)
    scores = np.asarray(pairs({"features": first, "reference": references})["reference_cam"]).mean(axis=(1, 2))
    np.testing.assert_allclose(scores, model(x)["common"][:, 0, 1], atol=1e-5)
    other = features(x["smaller"])["features"]                                   # of another size
    assert pairs({"features": first, "reference": other})["reference_cam"].shape[1:3] == other.shape[1:3]


def test_saved_and_loaded_with_its_steps(tmp_path):
    model, (x, y) = tiny(contrastive_from_step=5), batch()
    fit(model, x, y, epochs=2)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert int(again.step) == 2 and again.get_config()["contrastive_from_step"] == 5
    for key, value in model(x).items():
        np.testing.assert_array_equal(value, again(x)[key])


def test_one_replica_equals_two(strategy):
    """Pairs with classes that are not shared lie on the first replica only; the switch is that of the whole batch."""
    random, (_, y) = np.random.default_rng(SMOOTH), batch()
    x = {key: random.uniform(0, 255, (4, *shape, 3)).astype("float32") for key, shape in
         (("image", (2, 9, 9)), ("mirrored", (9, 9)), ("smaller", (5, 5)), ("larger", (13, 13)))}
    assert_one_step_equals_that_of_two(strategy, lambda: of_one_step(tiny()), x, y, fixed=("mcis/step",))


def test_outputs_are_float32_and_finite_under_mixed_precision():
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    model, (x, y) = tiny(), batch()
    assert np.isfinite(fit(model, x, y, epochs=1)["loss"]).all()
    assert {str(value.dtype) for value in map(ops.convert_to_numpy, model(x).values())} == {"float32"}


def test_plain_class_maps_are_those_whose_mean_is_an_images_logit():
    model, (x, _) = tiny(), batch()
    maps = class_map_network(model)(x["image"][:, 0])["cam"]
    np.testing.assert_allclose(np.mean(maps, axis=(1, 2)), model(x)["logits"][:, 0], rtol=1e-4, atol=1e-5)


def test_views_of_one_size_are_seen_in_one_call():
    model, (x, _) = tiny(), batch()
    image, features = x["image"][:, 0], feature_network(model)
    found = view_network(model)(image)
    assert set(found) == {"cam", "features", "mirrored"}
    assert set(view_network(model, False).output) == {"cam", "features"}
    np.testing.assert_allclose(found["features"], features(image)["features"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found["mirrored"], features(image[:, :, ::-1])["features"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found["cam"], class_map_network(model)(image)["cam"], rtol=1e-4, atol=1e-4)
    named = feature_network(model, "larger")
    assert list(named.output) == ["larger"]
