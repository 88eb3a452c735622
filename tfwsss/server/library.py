"""The models in memory: new versions are loaded beside the old, which leave when their last request has ended."""

import dataclasses
import gc
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from tfwsss.logs import LOG
from tfwsss.server.model_configs import ModelConfig, held_by
from tfwsss.server.refusal import Code, Refusal, invalid, shortened
from tfwsss.server.servable import Servable

LOADING, AVAILABLE, UNLOADING, END = "LOADING", "AVAILABLE", "UNLOADING", "END"


@dataclasses.dataclass
class Version:
    """What is known of a version; `servable` is there from AVAILABLE to the end of UNLOADING."""

    number: int
    folder: Path
    state: str = LOADING
    error: str = ""
    servable: Servable | None = None
    users: int = 0


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Which version a request asks for: by number, by label, or (neither) the newest."""

    model: str
    version: int | None = None
    label: str | None = None


class Lease:
    """A version that cannot leave until it is given back."""

    def __init__(self, library: "Library", model: str, version: Version):
        self._library, self._version = library, version
        self.model, self.number, self.servable = model, version.number, version.servable

    def give_back(self) -> None:
        """Ends the use of the version."""
        self._library.end_use(self.model, self._version)


class Library:
    """All models and their versions. Any thread may call it.

    Args:
        load: makes a folder into a servable, warmed up; it may raise anything.
    """

    def __init__(self, load: Callable[[Path], Servable]):
        self._load = load
        self._lock = threading.Lock()             # guards what is below; never held while a model loads
        self._configs: dict[str, ModelConfig] = {}      # what answers
        self._coming: dict[str, ModelConfig] = {}       # what is being loaded
        self._leaving: dict[str, set[str]] = {}         # what is wanted no more, and those that shall answer before
        self._versions: dict[str, dict[int, Version]] = {}
        self._refreshing = threading.Lock()       # one refresh at a time, which alone uses what follows
        self._failed: dict[Path, tuple] = {}      # folder to what it held when it could not be loaded
        self._left = False                        # whether a version's memory waits for the collector

    def refresh(self, configs: Sequence[ModelConfig]) -> list[str]:
        """Loads what is wanted and not there, then lets go what is there and not wanted.

        A model's old versions and folder stay until a wanted version is available, and models
        that are wanted no more until those that came in their place answer: no request fails.

        Args:
            configs: all the models that are served from now on.

        Returns:
            Names of the models of which no wanted version is available.
        """
        with self._refreshing:
            named = {config.name: config for config in configs}
            with self._lock:
                self._coming, arrived = named, set(named) - set(self._configs)
                for name in set(self._configs) - set(named):
                    self._leaving.setdefault(name, arrived)
            wanted = {name: config.wanted() for name, config in named.items()}
            for name, config in named.items():
                for number in wanted[name]:
                    self._ensure(config, number)
            answering = {name for name, config in named.items() if self._answers(config, wanted[name])}
            with self._lock:
                self._coming = {}
                self._configs |= {name: config for name, config in named.items()
                                  if name in answering or name not in self._configs}
                self._leaving = {name: awaited & set(named) for name, awaited in self._leaving.items()
                                 if name not in named}
                gone = {name for name, awaited in self._leaving.items() if awaited <= answering}
                for name in gone:
                    del self._configs[name], self._leaving[name]
            for name in gone | answering:
                self._retire(name, keep=wanted.get(name, ()))
            if self._left:                        # graphs refer to themselves
                self._left = False
                gc.collect()
        return sorted(set(named) - answering)

    def _answers(self, config: ModelConfig, wanted: Sequence[int]) -> bool:
        return any(version.state == AVAILABLE and version.folder == config.folder / str(version.number)
                   for version in self.versions(config.name) if version.number in wanted)

    def _ensure(self, config: ModelConfig, number: int) -> None:
        """Loads a version unless it is there, or has failed and its folder still holds the same."""
        folder = config.folder / str(number)
        with self._lock:
            versions = self._versions.setdefault(config.name, {})
            known = versions.get(number)
        if known is not None and (known.state == UNLOADING or (known.state == AVAILABLE and known.folder == folder)):
            return
        held = held_by(folder)
        if not held or self._failed.get(folder) == held:         # taken away since it was listed, or tried before
            return
        version = Version(number, folder)
        answers = known is not None and known.state == AVAILABLE          # from another folder, until this one does
        with self._lock:
            if not answers:
                versions[number] = version
        try:
            servable = self._load(folder)
        except Exception as error:      # a folder may be anything: the fault is told, and the others are served
            LOG.error("model %s, version %d cannot be loaded: %s", config.name, number, error)
            self._failed[folder] = held
            with self._lock:
                version.state, version.error = END, shortened(f"{type(error).__name__}: {error}")
            return
        self._failed.pop(folder, None)
        with self._lock:
            version.state, version.servable, versions[number] = AVAILABLE, servable, version
            if answers:
                known.state = UNLOADING
                self._end_if_unused(config.name, known)
        LOG.info("model %s, version %d is available", config.name, number)

    def _retire(self, name: str, keep: Sequence[int]) -> None:
        with self._lock:
            leaving = [version for version in self._versions.get(name, {}).values()
                       if version.state == AVAILABLE and version.number not in keep]
            for version in leaving:
                version.state = UNLOADING
                self._end_if_unused(name, version)

    def _end_if_unused(self, name: str, version: Version) -> None:
        """Lets go of a leaving version; the lock is held."""
        if version.state == UNLOADING and not version.users:
            version.state, version.servable, self._left = END, None, True
            LOG.info("model %s, version %d is unloaded", name, version.number)

    def lease(self, wanted: Wanted) -> Lease:
        """Returns a version for the time of a request; the caller gives it back.

        Args:
            wanted: which one.

        Returns:
            The version.

        Raises:
            Refusal: there is no such model, version or label.
        """
        with self._lock:
            versions = self._known(wanted.model)
            number = self._number(wanted)
            available = [v for v in versions.values() if v.state == AVAILABLE and number in (None, v.number)]
            if not available:
                which = "no version" if number is None else f"not version {number}"
                raise Refusal(Code.NOT_FOUND, f"of model {wanted.model!r} {which} is available")
            version = max(available, key=lambda v: v.number)
            version.users += 1
            return Lease(self, wanted.model, version)

    def end_use(self, name: str, version: Version) -> None:
        """Counts one user less; the last one of a leaving version lets it go.

        Args:
            name: the model.
            version: as leased.
        """
        with self._lock:
            version.users -= 1
            self._end_if_unused(name, version)

    def _known(self, model: str) -> dict[int, Version]:
        if model not in self._configs and model not in self._coming:
            raise Refusal(Code.NOT_FOUND, f"no model {model!r}; there is {', '.join(sorted(self._configs)) or 'none'}")
        return self._versions.get(model, {})

    def _number(self, wanted: Wanted) -> int | None:
        if not wanted.label:
            return wanted.version
        labels = (self._configs.get(wanted.model) or self._coming[wanted.model]).labels
        if wanted.label not in labels:
            raise invalid(f"model {wanted.model!r} has no label {wanted.label!r}; it has {sorted(labels) or 'none'}")
        return labels[wanted.label]

    def versions(self, model: str) -> list[Version]:
        """Returns copies of what is known of a model's versions, the newest first; nothing if it is unknown."""
        with self._lock:
            known = self._versions.get(model, {}).values()
            return sorted(map(dataclasses.replace, known), key=lambda version: -version.number)

    def status(self, wanted: Wanted) -> list[Version]:
        """Returns what is known of a model's versions, or of one.

        Args:
            wanted: which one; neither number nor label for all.

        Returns:
            The versions, the newest first.

        Raises:
            Refusal: there is no such model, version or label.
        """
        with self._lock:
            self._known(wanted.model)
            number = self._number(wanted)
        found = [version for version in self.versions(wanted.model) if number in (None, version.number)]
        if not found and number is not None:
            raise Refusal(Code.NOT_FOUND, f"model {wanted.model!r} has no version {number}")
        return found

    def models(self) -> list[str]:
        """Returns the names of all models that are served."""
        with self._lock:
            return sorted(self._configs)

    def ready(self) -> bool:
        """Says whether each model has a version that answers."""
        return all(any(version.state == AVAILABLE for version in self.versions(name)) for name in self.models())
