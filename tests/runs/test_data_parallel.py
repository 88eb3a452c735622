"""What is refused before several processes begin; what they then do, `tests/hosts` shows."""

import subprocess
import sys

import pytest

from tests.support.patience import PATIENCE
from tfwsss.errors import UserError
from tfwsss.runs import data_parallel
from tfwsss.runs.hosts import Place


def test_tensorflow_joins_no_processes():
    data_parallel.check_backend(Place())
    with pytest.raises(UserError, match="2 processes train together under KERAS_BACKEND=jax only; set"):
        data_parallel.check_backend(Place(0, 2, "node1", 4000))


@pytest.mark.parametrize("asked", [2, ("GPU:0",)])
def test_tensorflows_devices_are_refused_under_jax(asked):
    with pytest.raises(UserError, match="asks for TensorFlow's devices, but KERAS_BACKEND is jax"):
        data_parallel.all_devices(asked)


ALL = """
from tfwsss.runs import devices
import keras
found = devices.strategy(1)
with found.scope():
    dense = keras.layers.Dense(1)
    dense.build((None, 1))
    print(found.num_replicas_in_sync, len(dense.kernel.value.sharding.device_set), keras.distribution.distribution())
print(keras.distribution.distribution(), devices.strategy(1) is found)
"""


@pytest.mark.scale
@pytest.mark.parametrize("count", [1, 3])
def test_all_that_jax_sees_is_used(count, monkeypatch):
    pytest.importorskip("jax", reason="JAX is not installed; `make test-scale` has it")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setenv("XLA_FLAGS", f"--xla_force_host_platform_device_count={count}")
    done = subprocess.run([sys.executable, "-c", ALL], capture_output=True, text=True, timeout=PATIENCE, check=True)
    first, after = done.stdout.strip().splitlines()
    assert first.startswith(f"{count} {count} ") and ("DataParallel" in first) == (count > 1)
    assert after == "None True"
