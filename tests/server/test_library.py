"""Versions come and go: beside each other, by policy, and never under a request."""

import gc
import weakref
from pathlib import Path

import pytest

from tests.server.test_model_configs import fill
from tfwsss.server.library import AVAILABLE, END, UNLOADING, Library, Wanted
from tfwsss.server.model_configs import ModelConfig
from tfwsss.server.refusal import Code, Refusal


class Loaded:
    """What stands for a model here."""

    def __init__(self, path: Path):
        if (path / "broken").exists():
            raise ValueError("it is broken")
        self.path = path
        self.itself = self                                   # as graphs do


def states(library: Library, model: str = "cat") -> dict[int, str]:
    return {version.number: version.state for version in library.versions(model)}


@pytest.fixture
def config(tmp_path) -> ModelConfig:
    fill(tmp_path / "cat", "1", "2")
    return ModelConfig("cat", tmp_path / "cat", labels={"stable": 1, "future": 9})


def test_the_newest_answers(config):
    library = Library(Loaded)
    library.refresh([config])
    assert states(library) == {2: AVAILABLE} and library.ready() and library.models() == ["cat"]
    assert library.lease(Wanted("cat")).number == 2 == library.lease(Wanted("cat", 2)).number


@pytest.mark.parametrize(("wanted", "code"), [
    (Wanted("dog"), Code.NOT_FOUND), (Wanted("cat", 1), Code.NOT_FOUND),
    (Wanted("cat", label="stable"), Code.NOT_FOUND), (Wanted("cat", label="none"), Code.INVALID_ARGUMENT)])
def test_what_is_not_there(config, wanted, code):
    library = Library(Loaded)
    library.refresh([config])
    for ask in (library.lease, library.status):
        with pytest.raises(Refusal) as caught:
            ask(wanted)
        assert caught.value.code == code


def test_labels(config):
    library = Library(Loaded)
    library.refresh([ModelConfig("cat", config.folder, latest=0, labels=config.labels)])
    assert library.lease(Wanted("cat", label="stable")).number == 1
    assert [version.number for version in library.status(Wanted("cat", label="stable"))] == [1]
    assert [version.number for version in library.status(Wanted("cat"))] == [2, 1]


def test_an_old_version_leaves_with_its_last_request(config):
    library = Library(Loaded)
    library.refresh([config])
    first, second = library.lease(Wanted("cat")), library.lease(Wanted("cat"))
    memory = weakref.ref(first.servable)
    fill(config.folder, "3")
    library.refresh([config])
    assert states(library) == {3: AVAILABLE, 2: UNLOADING} and library.lease(Wanted("cat")).number == 3
    first.give_back()
    assert states(library)[2] == UNLOADING and second.servable is memory()
    second.give_back()
    assert states(library)[2] == END
    del first, second
    library.refresh([config])                                # collects what the version left
    gc.collect()
    assert memory() is None


def test_a_version_that_cannot_be_loaded(config):
    """The old one goes on; the reason is told; it is tried again when it has changed."""
    library = Library(Loaded)
    library.refresh([config])
    fill(config.folder, "3")
    (config.folder / "3" / "broken").touch()
    for _ in range(2):
        library.refresh([config])
        assert states(library) == {3: END, 2: AVAILABLE}
        assert library.status(Wanted("cat", 3))[0].error == "ValueError: it is broken"
    (config.folder / "3" / "broken").unlink()
    library.refresh([config])
    assert states(library)[3] == END                         # the same file as before
    (config.folder / "3" / "saved_model.pb").write_bytes(b"new")
    library.refresh([config])
    assert states(library) == {3: AVAILABLE, 2: END}


def test_a_version_that_is_taken_back(config):
    """The one before is loaded again, then the other leaves; an emptied folder changes nothing."""
    library = Library(Loaded)
    library.refresh([config])
    (config.folder / "2" / "saved_model.pb").unlink()
    library.refresh([config])
    assert states(library) == {1: AVAILABLE, 2: END}
    (config.folder / "1" / "saved_model.pb").unlink()
    library.refresh([config])
    assert states(library) == {1: AVAILABLE, 2: END}


def test_a_model_that_is_served_no_more(config):
    library = Library(Loaded)
    library.refresh([config])
    lease = library.lease(Wanted("cat"))
    library.refresh([])
    assert states(library) == {2: UNLOADING} and library.models() == []
    with pytest.raises(Refusal, match="no model 'cat'; there is none"):
        library.lease(Wanted("cat"))
    lease.give_back()
    library.refresh([config])
    assert states(library) == {2: AVAILABLE}


def test_not_ready_without_a_version(tmp_path):
    library = Library(Loaded)
    library.refresh([ModelConfig("cat", tmp_path)])
    assert not library.ready() and library.status(Wanted("cat")) == []
