"""Versions come and go: beside each other, by policy, and never under a request."""

import gc
import os
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
    (config.folder / "3" / "saved_model.pb").write_bytes(b"new")
    library.refresh([config])
    assert states(library)[3] == END
    (config.folder / "3" / "broken").unlink()
    library.refresh([config])
    assert states(library) == {3: AVAILABLE, 2: END}


def test_a_version_that_is_copied_slowly(config):
    """The graph first, as copies by name do it, its weights in pieces, with old times: it is found in the end."""
    loads, library = [], Library(lambda path: loads.append(path) or WithWeights(path))
    fill(config.folder, "3")
    weights, names = config.folder / "3" / "variables" / "weights", []
    for size in (None, 0, 3, 6, 6, 9):
        if size is not None:
            weights.parent.mkdir(exist_ok=True)
            weights.write_bytes(b"a" * size)
            os.utime(weights, (1, 1))
        library.refresh([config])
        names.append(states(library)[3])
    assert names == [END] * 5 + [AVAILABLE]
    assert len(loads) == 5                                   # not again while nothing has changed
    os.utime(weights, (2, 2))
    library.refresh([config])
    assert len(loads) == 5


class WithWeights(Loaded):
    """A model of 9 bytes of weights."""

    def __init__(self, path: Path):
        super().__init__(path)
        if len((path / "variables" / "weights").read_bytes()) < 9:
            raise ValueError("cut off")


def test_a_number_beyond_those_of_messages_is_no_version(config):
    fill(config.folder, "99999999999999999999")
    library = Library(Loaded)
    assert library.refresh([config]) == []
    assert states(library) == {2: AVAILABLE}


class Gate:
    """Loads a folder of the name `slow` when it is told to; meanwhile asks who answers."""

    def __init__(self, library_of):
        self._library_of, self.seen = library_of, []

    def __call__(self, path: Path) -> Loaded:
        if "slow" in path.parts:
            self.seen.append(self._library_of())
        return Loaded(path)


def answering(library: Library) -> list[tuple[str, str]]:
    """Each model that answers, with the folder of what does."""
    leases = [library.lease(Wanted(name)) for name in library.models()]
    for lease in leases:
        lease.give_back()
    return [(lease.model, lease.servable.path.parent.name) for lease in leases]


@pytest.fixture
def gated(config):
    """A library that serves `cat`, and notes who answers while what lies in `slow` is loaded."""
    gate = Gate(lambda: (answering(library), library.ready(), [version.state for version in
                                                              library.status(Wanted("dog"))] if named else None))
    library, named = Library(gate), []
    library.refresh([config])
    fill(config.folder.parent / "slow", "2")
    return library, gate, named


def test_another_list_takes_over_when_it_answers(config, gated):
    """Until then the old one does, and all is well; what comes can be looked at already."""
    library, gate, named = gated
    named.append(True)
    assert library.refresh([ModelConfig("dog", config.folder.parent / "slow")]) == []
    assert gate.seen == [([("cat", "cat")], True, ["LOADING"])]
    assert answering(library) == [("dog", "slow")] and states(library) == {2: END}


def test_another_folder_takes_over_when_it_answers(config, gated):
    """Under the same name and number."""
    library, gate, _ = gated
    assert library.refresh([ModelConfig("cat", config.folder.parent / "slow")]) == []
    assert gate.seen == [([("cat", "cat")], True, None)]
    assert answering(library) == [("cat", "slow")] and states(library) == {2: AVAILABLE}


def test_labels_move_when_the_version_answers(config, gated):
    library, gate, _ = gated
    old = ModelConfig("cat", config.folder, labels={"stable": 2})
    library.refresh([old])
    (config.folder.parent / "slow" / "2").rename(config.folder.parent / "slow" / "3")
    library._load = lambda path: gate.seen.append(library.lease(Wanted("cat", label="stable")).number) or Loaded(path)
    library.refresh([ModelConfig("cat", config.folder.parent / "slow", labels={"stable": 3})])
    assert gate.seen == [2] and library.lease(Wanted("cat", label="stable")).number == 3


@pytest.mark.parametrize("name", ["cat", "dog"])
def test_a_list_that_does_not_load_takes_nothing_over(config, name):
    """What was served goes on, also at later looks, until the new one loads or is asked for no more."""
    library, bad = Library(Loaded), config.folder.parent / "bad"
    library.refresh([config])
    fill(bad, "2")
    (bad / "2" / "broken").touch()
    for _ in range(3):
        assert library.refresh([ModelConfig(name, bad)]) == [name]
        assert library.lease(Wanted("cat")).servable.path == config.folder / "2"
        assert library.ready() == (name == "cat")
    (bad / "2" / "broken").unlink()
    assert library.refresh([ModelConfig(name, bad)]) == []
    assert answering(library) == [(name, "bad")]


def test_a_model_that_leaves_alone_leaves_at_once(config):
    """Others that do not load do not keep it."""
    library = Library(Loaded)
    fill(config.folder.parent / "bad", "2")
    (config.folder.parent / "bad" / "2" / "broken").touch()
    bad = ModelConfig("bad", config.folder.parent / "bad")
    assert library.refresh([config, bad]) == ["bad"]
    assert library.refresh([bad]) == ["bad"]
    assert library.models() == ["bad"] and states(library) == {2: END}


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
