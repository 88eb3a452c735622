"""Changes of the list of models, and lists that cannot be read."""

import logging
from pathlib import Path

import pytest

from tests.server.test_library import Loaded, states
from tests.server.test_model_configs import fill
from tests.support.patience import PATIENCE, until
from tfwsss.errors import UserError
from tfwsss.logs import LOG
from tfwsss.server.library import AVAILABLE, END, Library
from tfwsss.server.model_configs import ModelConfig
from tfwsss.server.poller import Poller


@pytest.fixture
def models(tmp_path) -> Path:
    fill(tmp_path / "cat", "1")
    fill(tmp_path / "dog", "1")
    return tmp_path


def test_look(models):
    """A list that changes is taken over; an empty one is not; a list by request stays until the first one changes."""
    cat, dog = ModelConfig("cat", models / "cat"), ModelConfig("dog", models / "dog")
    now, library = [[cat]], Library(Loaded)
    poller = Poller(library, lambda: now[-1], PATIENCE)
    poller.start()
    now.append([])
    poller.look()
    assert library.models() == ["cat"]
    now.append([cat])
    poller.reload([dog])
    poller.look()
    assert library.models() == ["dog"] and states(library) == {1: END}
    now.append([cat, dog])
    poller.look()
    assert library.models() == ["cat", "dog"] and states(library) == {1: AVAILABLE}
    poller.stop(PATIENCE)


def test_nothing_to_serve(models):
    with pytest.raises(UserError, match="no model to serve"):
        Poller(Library(Loaded), list, PATIENCE).start()
    with pytest.raises(UserError, match="model 'cow' has no wanted version in cow; check base_path"):
        Poller(Library(Loaded), lambda: [ModelConfig("cow", Path("cow"))], PATIENCE).start()
    (models / "cat" / "1" / "broken").touch()
    with pytest.raises(UserError, match="cat/1 cannot be loaded: ValueError: it is broken"):
        Poller(Library(Loaded), lambda: [ModelConfig("cat", models / "cat")], PATIENCE).start()


def test_a_fault_is_told_once(models):
    """The thread lives on, the models stay, the log does not fill."""
    told, broken, looks, library = [], [], [], Library(Loaded)

    def read() -> list[ModelConfig]:
        if broken:
            looks.append(True)
            raise UserError("torn")
        return [ModelConfig("cat", models / "cat")]

    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())
    LOG.addHandler(handler)
    try:
        poller = Poller(library, read, 0.01)
        poller.start()
        broken.append(True)
        until(lambda: len(looks) > 3)
        assert [text for text in told if "torn" in text] == ["torn; the models stay as they are"]
        broken.clear()
        fill(models / "cat", "2")
        until(lambda: states(library) == {2: AVAILABLE, 1: END})
        poller.stop(PATIENCE)
    finally:
        LOG.removeHandler(handler)
