import subprocess
import sys

import keras
import pytest
import tensorflow as tf

from tests.support.patience import PATIENCE
from tfwsss.errors import UserError
from tfwsss.runs import devices


@pytest.fixture(autouse=True)
def _started():
    """From here on TensorFlow has its devices; the session gave it two."""
    assert [device.name for device in tf.config.list_logical_devices("CPU")] == ["/device:CPU:0", "/device:CPU:1"]


@pytest.mark.parametrize("asked", [1, ("CPU:0",), ["CPU:0"]])
def test_one_device_needs_no_strategy(asked):
    assert devices.strategy(asked) is tf.distribute.get_strategy()


def test_two_replicas(strategy):
    found = devices.strategy(2)
    assert isinstance(found, tf.distribute.MirroredStrategy) and found.num_replicas_in_sync == 2
    assert found.extended.worker_devices == tuple(f"/job:localhost/replica:0/task:0/device:CPU:{i}" for i in range(2))


def test_the_same_devices_give_the_same_object(strategy):
    """Two mirrored strategies in one process disturb each other."""
    assert devices.strategy(2) is devices.strategy(("CPU:0", "CPU:1")) is devices.strategy(2) is strategy


def test_a_device_of_choice():
    with devices.strategy(("CPU:1",)).scope():
        variable = tf.Variable(1.0)
    assert variable.device.endswith("CPU:1")


@pytest.mark.parametrize(("asked", "words"), [
    (("GPU:7",), "devices: 'GPU:7' is not there; this machine has CPU:0, CPU:1"),
    (("CPU:0", "cpu:1"), "devices: 'cpu:1' is not there"), (("CPU:0", "CPU:2"), "devices: 'CPU:2' is not there"),
    (("",), "devices: '' is not there"),
    (("CPU:1", "CPU:1"), "devices: 'CPU:1' is named twice")])
def test_devices_that_are_not_there(asked, words):
    with pytest.raises(UserError, match=words):
        devices.strategy(asked)


def test_logical_devices_that_come_too_late():
    with pytest.raises(UserError, match="devices: 3 logical CPU devices must be made before TensorFlow starts; start "
                                        "a new process"):
        devices.strategy(3)
    assert len(tf.config.list_logical_devices("CPU")) == 2


FRESH = """
from tfwsss.runs import devices
strategy = devices.strategy(3)
print(strategy.num_replicas_in_sync, devices.strategy(3) is strategy)
"""


def test_a_fresh_process_splits_its_processor():
    done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert done.stdout == "3 True\n"


def test_more_replicas_than_gpus(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["one", "two"] if kind == "GPU" else [])
    with pytest.raises(UserError, match="devices: 4 replicas asked for, this machine has 2 GPUs; lower devices"):
        devices.strategy(4)


def test_gpus_come_first(monkeypatch):
    """On a machine with GPUs a number means GPUs."""
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["one", "two"] if kind == "GPU" else [])
    monkeypatch.setattr(devices, "_strategy", lambda names: names)
    assert [devices.strategy(count) for count in (1, 2)] == [("GPU:0",), ("GPU:0", "GPU:1")]


def test_precision_is_put_back():
    def policy():
        return keras.mixed_precision.dtype_policy().name

    with devices.precision(True):
        assert policy() == "mixed_float16"
        with devices.precision(False):
            assert policy() == "mixed_float16"
    assert policy() == "float32"
    with pytest.raises(ZeroDivisionError), devices.precision(True):
        raise ZeroDivisionError
    assert policy() == "float32"
