"""Keeps the models as the disk has them."""

import threading
from collections.abc import Callable

from tfwsss.errors import UserError
from tfwsss.logs import LOG
from tfwsss.server.library import Library
from tfwsss.server.model_configs import ModelConfig


class Poller:
    """Looks for new versions, and for changes of the list of models, in a thread of its own.

    Args:
        library: what is kept up to date.
        read: returns the list of models.
        seconds: between two looks.

    Raises:
        UserError: the list cannot be read.
    """

    def __init__(self, library: Library, read: Callable[[], list[ModelConfig]], seconds: float):
        self._library, self._read, self._seconds = library, read, seconds
        self._configs = self._last = read()
        self._told = ""                               # the fault that the log holds already
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="poller", daemon=True)

    def start(self) -> None:
        """Loads all models, then goes on in the thread.

        Raises:
            UserError: there is no model, or none that loads.
        """
        if not self._configs:
            raise UserError("no model to serve: no MODEL/VERSION/saved_model.pb under --models; make one with "
                            "python -m tfwsss.export")
        self._library.refresh(self._configs)
        faults = []
        for config in self._configs:
            for version in self._library.versions(config.name):
                if version.servable:
                    self._thread.start()
                    return
                faults.append(f"{config.folder / str(version.number)} cannot be loaded: {version.error}")
        config = self._configs[0]
        raise UserError(faults[0] if faults else f"model {config.name!r} has no wanted version in {config.folder}; "
                        "check base_path and model_version_policy")

    def reload(self, configs: list[ModelConfig]) -> list[str]:
        """Serves another list of models, until the file or folder behind the first one changes.

        Args:
            configs: the list.

        Returns:
            Names of those of which no wanted version is available.
        """
        self._configs = configs
        return self._library.refresh(configs)

    def _loop(self) -> None:
        while not self._stop.wait(self._seconds):
            try:
                self.look()
                self._told = ""
            except (UserError, OSError) as error:
                if str(error) != self._told:
                    self._told = str(error)
                    LOG.error("%s; the models stay as they are", error)

    def look(self) -> None:
        """Takes over what has changed; an empty folder changes nothing.

        Raises:
            UserError: the list cannot be read any more.
        """
        now = self._read()
        if now != self._last and now:
            self._configs = self._last = now
        self._library.refresh(self._configs)

    def stop(self, seconds: float) -> None:
        """Ends the thread.

        Args:
            seconds: to wait for a model that is being loaded.
        """
        self._stop.set()
        self._thread.join(seconds)
