"""Two logical CPU devices for the whole session, and the one strategy over them."""

import os
import signal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "1")      # its own keeps all that was ever needed at once

import pytest


def pytest_sessionstart(session):
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:      # as in a shell's background, which commands inherit
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if session.config.getoption("numprocesses", None) and "PYTEST_XDIST_WORKER" not in os.environ:
        return                                                 # it runs no test itself: its processes do
    try:
        import tensorflow as tf
    except ImportError:
        return
    processor = tf.config.list_physical_devices("CPU")[0]
    if tf.config.get_logical_device_configuration(processor) is None:
        tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)


@pytest.fixture(scope="session")
def strategy():
    """One MirroredStrategy for all tests, also for those that ask by name: a second one in the process clashes."""
    from tfwsss.runs import devices

    return devices.strategy(2)


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory):
    """A function of a method's name to the folder of `journeys.make`, which all tests share and only read."""
    import functools

    from tests.support import journeys

    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return functools.cache(lambda method: journeys.shared(base / "my photos", method))


@pytest.fixture(scope="module")
def kept_maskers():
    """Runs of the same networks and settings give the same Masker to all tests of a file, which is traced once."""
    from tests.support import kept_maskers

    with kept_maskers.kept():
        yield


@pytest.fixture
def eagerly():
    """No function is traced: other tests, and the runs that `finished_run` makes, are in graphs."""
    from tests.support import eager

    with eager.eagerly():
        yield


@pytest.fixture(autouse=True)
def _float32_policy():
    yield
    import sys

    if "keras" in sys.modules:
        sys.modules["keras"].mixed_precision.set_dtype_policy("float32")


def pytest_collection_modifyitems(items):
    """Files marked `large` come first; the others keep their order."""
    items.sort(key=lambda item: item.get_closest_marker("large") is None)


def pytest_collection_finish(session):
    from tests.support import memory

    memory.prepare()


@pytest.fixture(autouse=True, scope="module")
def _memory_is_given_back():
    """Before a file, not after the last one: until then its last test holds what it was given."""
    from tests.support import memory

    memory.give_back()


@pytest.fixture(autouse=True)
def _large_networks_are_given_back():
    from tests.support import memory

    memory.collect_what_is_large()
