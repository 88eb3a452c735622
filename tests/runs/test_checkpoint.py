import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfwsss.errors import ImageFault, UserError
from tfwsss.runs.checkpoint import EpochCheckpoint

EPOCHS = 4


def fresh(seed: int = 0) -> keras.Model:
    """A network with dropout and batch statistics, compiled."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dropout(0.5),
                              keras.layers.BatchNormalization(), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.05), "mse", jit_compile=False)
    return model


def batches(first: int) -> tf.data.Dataset:
    """Four batches an epoch, other ones in every epoch, one stream."""
    draws = [np.random.default_rng(epoch).normal(size=(16, 6)).astype(np.float32) for epoch in range(first, EPOCHS)]
    rows = np.concatenate(draws)
    return tf.data.Dataset.from_tensor_slices((rows[:, :5], rows[:, 5:])).batch(4)


def train(folder, *, until: int = EPOCHS, seed: int = 0, start: int = 0) -> tuple[list, list]:
    """Trains as a new process does; returns all that is saved and the history."""
    model, checkpoint = fresh(start), EpochCheckpoint(folder, seed)
    first = checkpoint.restore(model)
    if first < until:
        model.fit(batches(first), initial_epoch=first, epochs=until, steps_per_epoch=4, verbose=0, shuffle=False,
                  callbacks=[checkpoint])
    return [np.asarray(value) for value in (*model.weights, *model.optimizer.variables)], checkpoint.history


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    return folder, *train(folder)


@pytest.fixture
def folder(unbroken, tmp_path):
    """A copy of what an unbroken training leaves."""
    return shutil.copytree(unbroken[0], tmp_path / "checkpoint")


def same(found: tuple, expected: tuple) -> None:
    for one, other in zip(found[0], expected[0], strict=True):
        np.testing.assert_array_equal(one, other)
    assert found[1] == expected[1]


@pytest.mark.parametrize("ends", [(1,), (2,), (1, 2, 3)])
def test_a_broken_training_ends_as_an_unbroken_one(tmp_path, unbroken, ends):
    """Weights, batch statistics, the optimiser's moments and the history are the same to the last bit."""
    for place, end in enumerate(ends):
        train(tmp_path, until=end, start=place)         # later initial weights differ: they must not matter
    same(train(tmp_path, start=9), unbroken[1:])


def test_history_has_an_entry_an_epoch(unbroken):
    assert [set(logs) for logs in unbroken[2]] == [{"loss"}] * EPOCHS
    assert len({logs["loss"] for logs in unbroken[2]}) == EPOCHS


def test_dropout_follows_the_seed(tmp_path, unbroken):
    other = train(tmp_path, seed=1)
    assert other[1][0] != unbroken[2][0]


def test_two_checkpoints_are_kept(unbroken):
    assert sorted(path.name for path in unbroken[0].iterdir()) == [
        "epoch-0003.json", "epoch-0003.npz", "epoch-0004.json", "epoch-0004.npz"]


def test_no_checkpoint(tmp_path):
    model = fresh()
    before = [value.copy() for value in model.get_weights()]
    assert EpochCheckpoint(tmp_path / "nowhere", 0).restore(model) == 0
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not (tmp_path / "nowhere").exists()


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    """Turns one bit of a kernel, as a failing disk does: the file's structure stays whole."""
    contents = bytearray(path.read_bytes())
    with np.load(path) as file:
        contents[contents.index(file["arr_0"].tobytes()) + 2] ^= 1
    path.write_bytes(contents)


SPOILT = {
    "weights cut off": lambda folder, epoch: cut(folder / f"epoch-{epoch:04d}.npz"),
    "weights empty": lambda folder, epoch: (folder / f"epoch-{epoch:04d}.npz").write_bytes(b""),
    "weights gone": lambda folder, epoch: (folder / f"epoch-{epoch:04d}.npz").unlink(),
    "a bit turned": lambda folder, epoch: flip(folder / f"epoch-{epoch:04d}.npz"),
    "history cut off": lambda folder, epoch: cut(folder / f"epoch-{epoch:04d}.json"),
    "history no text": lambda folder, epoch: (folder / f"epoch-{epoch:04d}.json").write_bytes(b"\xff\x00"),
    "history gone": lambda folder, epoch: (folder / f"epoch-{epoch:04d}.json").unlink(),
}
EACH = pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)


@EACH
def test_a_spoilt_checkpoint_falls_back_to_the_one_before(folder, unbroken, spoil):
    spoil(folder, EPOCHS)
    checkpoint = EpochCheckpoint(folder, 0)
    assert checkpoint.restore(fresh()) == EPOCHS - 1 and checkpoint.history == unbroken[2][:3]
    same(train(folder), unbroken[1:])


@EACH
def test_spoilt_checkpoints_leave_the_model_as_it_was(folder, spoil):
    """Training then starts anew: from the initial weights, not from half-read ones."""
    for epoch in (EPOCHS, EPOCHS - 1):
        spoil(folder, epoch)
    model, checkpoint = fresh(), EpochCheckpoint(folder, 0)
    before = [value.copy() for value in model.get_weights()]
    assert checkpoint.restore(model) == 0 and checkpoint.history == []
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_kill_between_weights_and_history_costs_that_epoch_only(folder, unbroken):
    (folder / "epoch-0004.json").unlink()
    (folder / ".0123456789abcdef.part").write_bytes(b"half")
    same(train(folder), unbroken[1:])


def test_epochs_beyond_four_digits(folder):
    """Names grow longer; the newest is still the newest."""
    for kind in ("json", "npz"):
        (folder / f"epoch-0004.{kind}").rename(folder / f"epoch-10001.{kind}")
    assert EpochCheckpoint(folder, 0).restore(fresh()) == 10001


def test_a_checkpoint_of_another_network(folder):
    """Settings guard against it; should it happen, nothing is half filled."""
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
    model.compile("adam", "mse", jit_compile=False)
    before = [value.copy() for value in model.get_weights()]
    with pytest.raises(UserError, match="epoch-0004.npz: is of another network; add --redo net to train it again"):
        EpochCheckpoint(shutil.copytree(folder, folder.parent / "net" / "checkpoint"), 0).restore(model)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_metrics_that_grow_while_training_do_not_matter(tmp_path):
    """Keras makes the variables of compiled metrics at the first batch."""
    def compiled():
        model = fresh()
        model.compile("adam", "mse", metrics=["mae"], jit_compile=False)
        return model

    compiled().fit(batches(0), epochs=1, verbose=0, steps_per_epoch=4, callbacks=[EpochCheckpoint(tmp_path, 0)])
    assert EpochCheckpoint(tmp_path, 0).restore(compiled()) == 1


def test_losses_that_are_no_numbers_are_kept(tmp_path):
    checkpoint = EpochCheckpoint(tmp_path, 0)
    checkpoint.set_model(fresh())
    checkpoint.model.optimizer.build(checkpoint.model.trainable_variables)
    checkpoint.on_epoch_end(0, {"loss": np.float32("nan")})
    again = EpochCheckpoint(tmp_path, 0)
    assert again.restore(fresh()) == 1 and np.isnan(again.history[0]["loss"])
    assert json.loads(json.dumps(again.history)) is not None


class Count:
    """What a training may gather outside of its network: here a number."""

    FILE = "count.txt"

    def __init__(self):
        self.value = 0

    def save(self, path):
        path.write_text(str(self.value))

    def load(self, path):
        try:
            self.value = int(path.read_text())
        except (OSError, ValueError):
            raise ImageFault(f"{path}: spoilt") from None


def counted(folder, until: int = EPOCHS) -> int:
    """Trains on and adds the epoch's number, from 1, in every epoch; returns the sum."""
    model, count = fresh(), Count()
    checkpoint = EpochCheckpoint(folder, 0, count)
    first = checkpoint.restore(model)

    def add(epoch, logs):
        count.value += epoch + 1

    if first < until:
        model.fit(batches(first), initial_epoch=first, epochs=until, steps_per_epoch=4, verbose=0, shuffle=False,
                  callbacks=[keras.callbacks.LambdaCallback(on_epoch_begin=add), checkpoint])
    return count.value


@pytest.mark.parametrize("spoilt", ["nothing", "count-0003.txt", "epoch-0003.json", "epoch-0003.npz"])
def test_what_is_gathered_beside_the_network_goes_on_with_it(tmp_path, spoilt):
    """The newest checkpoint that is whole in all its parts counts: nothing is added twice, nothing is lost."""
    assert counted(tmp_path, until=3) == 6
    assert sorted(path.name for path in tmp_path.glob("count*")) == ["count-0002.txt", "count-0003.txt"]
    if spoilt != "nothing":
        cut(tmp_path / spoilt)
        if spoilt.startswith("count"):
            (tmp_path / spoilt).write_text("no number")
    assert EpochCheckpoint(tmp_path, 0, Count()).restore(fresh()) == (3 if spoilt == "nothing" else 2)
    assert counted(tmp_path) == 10
