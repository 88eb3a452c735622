"""What every registered class must do: be rebuilt, saved, traced, halved in precision, trained, replicated."""

import importlib
import inspect
import pkgutil

import keras
import numpy as np
import pytest
from keras import ops, tree

import tfwsss
from tests.support.goldens import GOLDENS
from tests.support.sources import ROOT

ROOMS = ("layers", "losses", "metrics", "models", "backbones", "training.optimizers", "training.schedules")


def registered() -> dict:
    """Imports every module of the rooms and returns the classes registered under "tfwsss"."""
    for room in ROOMS:
        module = importlib.import_module(f"{tfwsss.__name__}.{room}")
        for found in pkgutil.iter_modules(getattr(module, "__path__", [])):
            importlib.import_module(f"{module.__name__}.{found.name}")
    known = keras.saving.get_custom_objects()
    return {name.removeprefix("tfwsss>"): value for name, value in known.items() if name.startswith("tfwsss>")}


def of_kind(*kinds) -> list[str]:
    return [name for name, value in registered().items() if name in GOLDENS and issubclass(value, kinds)]


CALLED = of_kind(keras.layers.Layer)          # layers and models
LOSSES = of_kind(keras.losses.Loss)
METRICS = of_kind(keras.metrics.Metric)


def arrays(structure):
    return [ops.convert_to_numpy(value) for value in tree.flatten(structure)]


def call(thing, inputs, training: bool):
    """Calls a layer or model, telling it whether it is training where it asks."""
    if "training" in inspect.signature(thing.call).parameters:
        return thing(*inputs, training=training)
    return thing(*inputs)


def seeded(name):
    keras.utils.set_random_seed(0)
    return GOLDENS[name].build()


def symbols(inputs, known: bool):
    """Makes symbolic inputs like the given ones, of known or unknown batch and size."""
    def one(array):
        fixed = {2: (1,), 4: (3,), 5: (1, 4)}.get(array.ndim, ())      # labels; channels; group and channels
        shape = [size if known or axis in fixed else None for axis, size in enumerate(array.shape)]
        return keras.Input(batch_shape=shape, dtype=str(array.dtype))
    return tree.map_structure(one, inputs)


def as_model(name, known: bool = False) -> keras.Model:
    """Returns the model itself, or a model of the one layer."""
    thing, inputs = seeded(name), GOLDENS[name].inputs
    if isinstance(thing, keras.Model):
        return thing
    entries = symbols(inputs, known)
    return keras.Model(list(entries), thing(*entries))


def run(model, inputs):
    return model(inputs[0] if isinstance(inputs[0], dict) else list(inputs), training=False)


def test_every_registered_class_has_a_golden():
    assert set(registered()) == set(GOLDENS)


@pytest.mark.parametrize("name", sorted(GOLDENS))
def test_config_makes_an_equal_one(name):
    one = GOLDENS[name].build()
    config = one.get_config()
    assert keras.saving.serialize_keras_object(type(one).from_config(config))["config"] == \
        keras.saving.serialize_keras_object(one)["config"]
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(one))
    assert type(again) is type(one) is registered()[name]
    arguments = inspect.signature(type(one).__init__).parameters.values()
    missing = {p.name for p in arguments if p.kind == p.POSITIONAL_OR_KEYWORD and p.name != "self"} - set(config)
    assert not missing, f"get_config leaves out {missing}"


@pytest.mark.parametrize("name", CALLED)
def test_keras_file_gives_the_same_numbers(name, tmp_path):
    model, inputs = as_model(name), GOLDENS[name].inputs
    for weight in model.weights:
        weight.assign(weight + 0.25 if "float" in str(weight.dtype) else weight + 1)
    model.save(tmp_path / "one.keras")
    again = keras.models.load_model(tmp_path / "one.keras")
    for one, other in zip(arrays(run(model, inputs)), arrays(run(again, inputs)), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=one.path)


@pytest.mark.parametrize("name", CALLED)
def test_symbolic_shapes_and_dtypes_are_the_real_ones(name):
    thing, inputs = seeded(name), GOLDENS[name].inputs
    expected = thing(*inputs)
    found = thing(*symbols(inputs, known=True))
    tree.map_structure(lambda one, other: np.testing.assert_array_equal(one.shape, other.shape), found, expected)
    tree.map_structure(lambda one, other: np.testing.assert_equal(one.dtype, str(ops.dtype(other))), found, expected)


@pytest.mark.parametrize("name", CALLED)
def test_unknown_sizes_give_the_same_numbers(name):
    import tensorflow as tf

    thing, inputs = seeded(name), GOLDENS[name].inputs
    expected = arrays(call(thing, inputs, training=False))
    signature = tree.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), symbols(inputs, known=False))
    graph = tf.function(lambda *x: call(thing, x, training=False), input_signature=signature, autograph=False)
    for one, other in zip(arrays(graph(*inputs)), expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("name", CALLED)
def test_half_precision_stays_near(name):
    inputs = GOLDENS[name].inputs
    one = seeded(name)
    expected = call(one, inputs, training=False)
    weights = one.get_weights()
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    half = seeded(name)
    call(half, inputs, training=False)
    half.set_weights(weights)
    for ours, theirs in zip(arrays(call(half, inputs, training=False)), arrays(expected), strict=True):
        assert np.isfinite(ours).all()
        away = np.abs(ours.astype("float32") - theirs).mean()
        assert away <= GOLDENS[name].half_precision * np.abs(theirs).mean() + 1e-6


@pytest.mark.parametrize("name", CALLED)
def test_gradients_are_finite(name):
    import tensorflow as tf

    thing, inputs = seeded(name), tree.map_structure(tf.convert_to_tensor, GOLDENS[name].inputs)
    floats = [x for x in tree.flatten(inputs) if x.dtype.is_floating]
    with tf.GradientTape() as tape:
        tape.watch(floats)
        out = call(thing, inputs, training=True)
        total = sum(ops.sum(ops.square(x)) for x in tree.flatten(out))
    for one in tape.gradient(total, [*floats, *(w.value for w in thing.trainable_variables)]):
        assert one is None or np.isfinite(one).all()


def on_two_replicas(strategy, work, inputs):
    """Runs a function on both halves of the batch at once; returns the results of both replicas."""
    import tensorflow as tf

    def halves(array):
        half = len(array) // 2
        return strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(array[half * context.replica_id_in_sync_group:][:half]))
    flat = [halves(array) for array in tree.flatten(inputs)]
    graph = tf.function(lambda *x: strategy.run(lambda *y: work(*tree.pack_sequence_as(inputs, y)), args=x),
                        autograph=False)
    return [strategy.experimental_local_results(one) for one in tree.flatten(graph(*flat))]


def has_a_step_of_its_own(name: str) -> bool:
    """Whether the tests of a model compare a whole step of its training by one replica and by two, as this one's."""
    module = registered()[name].__module__.removeprefix("tfwsss.models.")
    tests = ROOT / "tests" / "models" / f"test_{module}.py"
    return tests.is_file() and "    assert_one_step_equals_that_of_two(strategy, " in tests.read_text("utf-8")


@pytest.mark.parametrize("name", [name for name in CALLED if not has_a_step_of_its_own(name)])
def test_one_replica_equals_two(name, strategy):
    """Outputs, and variables that a call changes."""
    inputs = GOLDENS[name].inputs
    one = seeded(name)
    expected = arrays(call(one, inputs, training=True))
    with strategy.scope():
        two = seeded(name)
        call(two, inputs, training=False)                      # variables are made here, not inside a replica
    found = on_two_replicas(strategy, lambda *x: call(two, x, training=True), inputs)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.concatenate(ours), theirs, atol=1e-5)
    for ours, theirs in zip(two.weights, one.weights, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(ours), ops.convert_to_numpy(theirs), atol=1e-5,
                                   err_msg=theirs.path)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_give_one_float32_value_per_image(name):
    loss, (y_true, y_pred) = seeded(name), GOLDENS[name].inputs
    values = loss.call(ops.convert_to_tensor(y_true), ops.cast(y_pred, "float16"))
    assert tuple(values.shape) == (len(y_pred),) and np.isfinite(values).all()
    assert name == "PerImageLoss" or ops.dtype(values) == "float32"
    whole = arrays(loss.call(ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)))[0]
    for i in range(0 if GOLDENS[name].over_batch else len(whole)):     # an image's loss does not depend on the others
        np.testing.assert_allclose(loss.call(ops.convert_to_tensor(y_true[i:i + 1]),
                                             ops.convert_to_tensor(y_pred[i:i + 1]))[0], whole[i], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_have_finite_gradients_everywhere(name):
    import tensorflow as tf

    loss, (y_true, y_pred) = seeded(name), GOLDENS[name].inputs
    for scale in (0.0, 1.0, 1e4):
        logits = tf.constant(scale * y_pred)
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = loss(tf.convert_to_tensor(y_true), logits)
        found = tape.gradient(value, logits)
        assert np.isfinite(value) and np.isfinite(found).all()
        assert scale != 1.0 or np.any(found)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_two_replicas_add_up_to_that_of_one(name, strategy):
    loss, inputs = seeded(name), GOLDENS[name].inputs
    parts = on_two_replicas(strategy, lambda y_true, y_pred: loss(y_true, y_pred), inputs)[0]
    np.testing.assert_allclose(sum(map(float, parts)), float(loss(*inputs)), rtol=1e-5)


@pytest.mark.parametrize("name", METRICS)
def test_metrics_of_two_replicas_equal_those_of_one(name, strategy):
    one, inputs = seeded(name), GOLDENS[name].inputs
    one.update_state(*inputs)
    with strategy.scope():
        two = seeded(name)
    on_two_replicas(strategy, lambda *x: two.update_state(*x) or ops.zeros(()), inputs)
    for ours, theirs in zip(arrays(two.result()), arrays(one.result()), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    one.reset_state()
    assert all(not np.any(ops.convert_to_numpy(v)) for v in one.variables)
