"""The models in memory: new versions are loaded beside the old, which leave when their last request has ended."""

import dataclasses
import gc
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from tfwsss.logs import LOG
from tfwsss.server.model_configs import ModelConfig
from tfwsss.server.refusal import Code, Refusal, invalid
from tfwsss.server.servable import Servable

LOADING, AVAILABLE, UNLOADING, END = "LOADING", "AVAILABLE", "UNLOADING", "END"


@dataclasses.dataclass
class Version:
    """What is known of a version; `servable` is there from AVAILABLE to the end of UNLOADING."""

    number: int
    state: str = LOADING
    error: str = ""
    stamp: tuple[int, ...] = ()
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
        self._configs: dict[str, ModelConfig] = {}
        self._versions: dict[str, dict[int, Version]] = {}
        self._refreshing = threading.Lock()       # one refresh at a time
        self._left = False                        # whether a version's memory waits for the collector

    def refresh(self, configs: Sequence[ModelConfig]) -> None:
        """Loads what is wanted and not there, then lets go what is there and not wanted.

        A model's old versions stay until a wanted one is available, so that no request fails.

        Args:
            configs: all the models that are served from now on.
        """
        with self._refreshing:
            with self._lock:
                self._configs = {config.name: config for config in configs}
                gone = set(self._versions) - set(self._configs)
            for name in gone:
                self._retire(name, keep=())
            for config in configs:
                wanted = config.wanted()
                for number in wanted:
                    self._ensure(config, number)
                if any(version.state == AVAILABLE for version in self.versions(config.name)
                       if version.number in wanted):
                    self._retire(config.name, keep=wanted)
            if self._left:                        # graphs refer to themselves
                self._left = False
                gc.collect()

    def _ensure(self, config: ModelConfig, number: int) -> None:
        """Loads a version unless it is there, or has failed and is still the same."""
        folder = config.folder / str(number)
        try:
            status = (folder / "saved_model.pb").stat()
        except OSError:                                          # taken away since it was listed
            return
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        with self._lock:
            versions = self._versions.setdefault(config.name, {})
            known = versions.get(number)
            if known is not None and (known.state in (AVAILABLE, UNLOADING) or (known.error and known.stamp == stamp)):
                return
            version = versions[number] = Version(number, stamp=stamp)
        try:
            servable = self._load(folder)
        except Exception as error:      # a folder may be anything: the fault is told, and the others are served
            LOG.error("model %s, version %d cannot be loaded: %s", config.name, number, error)
            with self._lock:
                version.state, version.error = END, f"{type(error).__name__}: {error}"
            return
        with self._lock:
            version.state, version.servable = AVAILABLE, servable
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
        if model not in self._configs:
            raise Refusal(Code.NOT_FOUND, f"no model {model!r}; there is {', '.join(sorted(self._configs)) or 'none'}")
        return self._versions.get(model, {})

    def _number(self, wanted: Wanted) -> int | None:
        if not wanted.label:
            return wanted.version
        labels = self._configs[wanted.model].labels
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
