from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support.fits import compiled
from tfwsss.backbones.small import small
from tfwsss.data.image_set import ImageSet
from tfwsss.models.oaa import OAA, attention_network
from tfwsss.palette import voc_palette
from tfwsss.steps.gathering import AttentionDrop, Gatherer, GatheringLogs
from tfwsss.training.attention_memory import AttentionMemory
from tfwsss.training.optimizers import SGD

LABELS = {"a": (0,), "b": (0, 1), "c": (1, 2), "d": (2,), "e": (), "f": (1,)}
IMAGES = ImageSet(tuple(LABELS), Path("none"), ("background", "cat", "dog", "cow"), voc_palette(),
                  images={name: Path(name) for name in LABELS}, labels=LABELS, masks={})


def batches(epochs=1):
    random = np.random.default_rng(0)
    x = {"image": random.uniform(0, 255, (6, 17, 21, 3)).astype("float32"), "index": np.int32([3, 1, 0, 5, 2, 4]),
         "mirrored": np.int32([0, 1, 0, 1, 0, 0])}
    labels = np.stack([IMAGES.multi_hot(IMAGES.names[index]) for index in x["index"]])
    return x, tf.data.Dataset.from_tensor_slices((x, {"labels": labels})).repeat(epochs).batch(2)


def network():
    keras.utils.set_random_seed(4)
    model = OAA(small(width=0.2), num_classes=3)
    model.get_layer("fc8").kernel.assign(model.get_layer("fc8").kernel * 100)
    return model


def gathered(model, data, rate=0.0):
    memory = AttentionMemory(accept="probable")
    model.watch = Gatherer(memory, IMAGES)
    compiled(model, SGD(rate))
    model.fit(data, verbose=0)
    return memory


def test_every_image_of_every_batch_is_one_visit():
    model, (x, data) = network(), batches()
    for layer in model.layers:                                 # so that the maps of a step are those of inference
        layer.trainable = False
    memory, expected = gathered(model, data), AttentionMemory(accept="probable")
    maps = np.asarray(attention_network(model)(x["image"])["position_logits"])
    for place, index in enumerate(x["index"]):
        name, logits = IMAGES.names[index], maps[place].mean(axis=(0, 1))
        expected.visit(name, maps[place], 1 / (1 + np.exp(-logits)), LABELS[name], bool(x["mirrored"][place]))
    assert memory.seen == 6 and len(memory) == len(expected) > 3
    for name, labels in LABELS.items():
        for label in labels:
            if expected.get(name, label) is not None:
                away = np.abs(memory.get(name, label).astype(int) - expected.get(name, label))
                assert away.max() <= 1, name                   # the last bit of a float may fall on either side


def test_watching_changes_no_training_and_evaluation_is_not_watched():
    models = [network(), network()]
    memory = gathered(models[0], batches(2)[1], rate=0.01)
    compiled(models[1], SGD(0.01))
    models[1].fit(batches(2)[1], verbose=0)
    for one, other in zip(models[0].weights, models[1].weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert memory.seen == 12
    models[0].evaluate(batches()[1], verbose=0)
    assert memory.seen == 12


def test_replicas_gather_into_one_memory(strategy):
    with strategy.scope():
        memory = gathered(network(), batches()[1])
    assert memory.seen == 6 and len(memory) > 3


def test_a_broken_index_stops_the_training():
    model, (x, _) = network(), batches()
    wrong = tf.data.Dataset.from_tensors(({**x, "index": x["index"] + 6}, {"labels": np.zeros((6, 3), "float32")}))
    with pytest.raises(Exception, match="IndexError|out of range"):
        gathered(model, wrong)


def test_the_last_epoch_takes_what_no_visit_before_has_left():
    """Of a class whose maps are never accepted: from the given visit on, once."""
    model, data = network(), batches(3)[1]
    memory = AttentionMemory("plain_max", "top", start=7)
    model.watch = Gatherer(memory, IMAGES, last_from=13)
    compiled(model, SGD(0.0))
    model.fit(data, verbose=0)
    assert memory.seen == 18 and len(memory) == sum(map(len, LABELS.values()))


def veiled(memory, above=0.6):
    """Returns what a network sees of the batch in place of its images."""
    x, _ = batches()
    x = {key: tf.constant(value) for key, value in {**x, "dropped": np.int32([1, 1, 1, 0, 1, 1])}.items()}
    return x, tf.function(AttentionDrop(memory, IMAGES, above, (9.0, 8.0, 7.0)))(x).numpy()


def test_what_was_found_last_is_hidden():
    """Of maps whose left half is bright: it becomes the colour, in images whose coin fell so, turned as they are."""
    memory = AttentionMemory("plain_max", "probable", latest=True)
    for name in ("b", "f"):                                     # "b" is mirrored, of "f" the coin did not fall
        scores = np.zeros((5, 6, 3), np.float32)
        scores[:, :3, 1] = 2.0                                  # the left half is of a dog
        memory.visit(name, scores, np.ones(3), LABELS[name])
    x, seen = veiled(memory)
    places = {IMAGES.names[index]: place for place, index in enumerate(x["index"].numpy())}
    image = x["image"].numpy()
    for name, place in places.items():
        if name == "b":
            hidden = (seen[place] == np.float32((9, 8, 7))).all(axis=-1)
            assert hidden[:, -8:].all() and not hidden[:, :8].any()
            np.testing.assert_array_equal(seen[place][~hidden], image[place][~hidden])
        else:
            np.testing.assert_array_equal(seen[place], image[place])


def test_nothing_is_hidden_before_anything_was_found():
    x, seen = veiled(AttentionMemory(latest=True))
    np.testing.assert_array_equal(seen, x["image"])


def test_a_veiled_training_sees_the_veil_and_inference_does_not():
    model, (x, data) = network(), batches()
    model.veil = lambda inputs: tf.zeros_like(inputs["image"])
    compiled(model, SGD(0.0))
    seen = []
    model.watch = lambda inputs, maps, logits: tf.numpy_function(lambda z: seen.append(z), [logits], [])
    model.fit(data, verbose=0)
    dark = np.asarray(model({"image": np.zeros((2, 17, 21, 3), "float32")}, training=True)["logits"])
    away = np.ptp([each for batch in seen for each in batch], axis=0).max()
    assert len(seen) == 3 and away < 1e-3 * np.abs(dark).max()
    assert np.ptp(np.asarray(model(x)["logits"]), axis=0).max() > 0


def test_logs_tell_what_is_gathered():
    model, data = network(), batches(2)[1]
    memory = AttentionMemory(accept="probable", start=1)
    model.watch = Gatherer(memory, IMAGES)
    compiled(model, SGD(0.0))
    history = model.fit(data, verbose=0, callbacks=[GatheringLogs(memory, IMAGES)]).history
    assert len(memory) > 0 and history["gathered_maps"] == [float(len(memory))]
    assert history["gathered_mebibytes"] == [memory.num_bytes / 2**20]
