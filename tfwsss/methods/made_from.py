"""What the masks of a folder were made from: those of the same photograph and network are kept, all others replaced."""

import collections
import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tfwsss
from tfwsss.artefacts.files import path_of, read_json, write_atomically
from tfwsss.artefacts.identity import fingerprint, identity
from tfwsss.errors import UserError
from tfwsss.inference.stream import in_threads
from tfwsss.logs import LOG
from tfwsss.methods.opened import Run
from tfwsss.runs import journal

JOURNAL, CALL = "made_from.jsonl", "made_by.json"
"""Files beside the masks: one line an image; and the last call as a whole."""

_NEW = "new"
_OF_NETWORKS = ("model.keras", "threshold.json", "references.npy")
_CHANGES_NO_MASK = {"data", "devices", "given", "seed", "tensorboard", "workers"}


def note_call(out: Path, source: Path, run: Run, stage: str, tags: Sequence[str] | None,
              least: float = 0.0) -> dict[str, Any]:
    """Finds what makes the masks of a call, and writes it to `made_by.json`.

    Args:
        out: folder of the masks.
        source: the photographs.
        run: which makes them.
        stage: of the run.
        tags: that the photographs show; None lets the network decide.
        least: how likely a class must be that the network decides on.

    Returns:
        Stage, tags, version of the package, and hashes of the run's networks and settings.
    """
    known = _read(out / CALL)
    folders = {**{path.name: path for path in run.folder.iterdir() if path.is_dir()}, **run.config.given}
    files = {f"{name}/{file}": folder / file for name, folder in sorted(folders.items()) for file in _OF_NETWORKS
             if (folder / file).is_file()}
    seen = {str(path.resolve()): identity(path, known.get(str(path.resolve()))) for path in files.values()}
    networks = {name: seen[str(path.resolve())]["sha256"] for name, path in files.items()}
    settings = run.config.model_dump(mode="json", exclude=_CHANGES_NO_MASK)
    facts = [settings, run.record["classes"], *([least] if least and tags is None else [])]     # 0: as ever
    maker = {"network": fingerprint(networks), "settings": fingerprint(facts),
             "stage": stage, "tags": None if tags is None else sorted(tags), "version": tfwsss.__version__}
    call = {"source": str(source.resolve()), "run": str(run.folder.resolve()), **maker, "files": seen}
    write_atomically(out / CALL, json.dumps(call, ensure_ascii=False, indent=1).encode())
    return maker


class MadeFrom:
    """The masks of a folder, and what each was made from.

    A record is written before its mask, and the mask of before is deleted before
    that: wherever a call is killed, no mask lies beside another's record.

    Args:
        out: folder of `masks`, `overlays` and the journal.
        maker: what `note_call` has found.
        images: name to photograph; each is read once, and again where its size or time of change is another.
    """

    def __init__(self, out: Path, maker: Mapping[str, Any], images: Mapping[str, Path]):
        self._out, self._maker, self._lock = out, dict(maker), threading.Lock()
        self._known = journal.read(out / JOURNAL)
        self._records = dict(self._known)
        self._now = dict(in_threads(lambda item: (item[0], self._look(*item)), images.items()))

    def _look(self, name: str, path: Path) -> dict[str, Any]:
        known, place = self._known.get(name, {}), str(path.resolve())
        try:
            facts = identity(path, known if known.get("path") == place else None)
        except UserError:
            facts = {"sha256": None}            # whoever opens it says why
        return {"name": name, "path": place, **facts, **self._maker}

    def missing(self, usable: Sequence[str]) -> list[str]:
        """Finds which masks are to be made; where some lie there, one line of the log says which are kept, and why not.

        Args:
            usable: names of the images that can be read; what lies there of others than these is deleted.

        Returns:
            Those of the names whose mask is to be made.
        """
        reasons = {name: self._reason(name) for name in self._now}
        for name in reasons.keys() - set(usable):
            if reasons[name] and name in self._known:
                self.drop(name)
        missing = [name for name in usable if reasons[name]]
        self._records |= {name: self._now[name] for name in usable if not reasons[name]}
        why = ", ".join(f"{count} {reason}" for reason, count in
                        sorted(collections.Counter(reasons[name] for name in missing).items()))
        if any(reasons[name] != _NEW for name in usable):
            LOG.info("predict: %d of %d masks kept, %d to make%s", len(usable) - len(missing), len(usable),
                     len(missing), why and f": {why}")
        return missing

    def _reason(self, name: str) -> str:
        """Says why a mask is to be made; nothing where the one that lies there will do."""
        before, now = self._known.get(name), self._now[name]
        if not path_of(self._out / "masks", "masks", name).is_file():
            return _NEW
        if before is None:
            return "of which it was not noted what they were made from"
        others = [key for key, value in self._maker.items() if before.get(key) != value]
        if others:
            return f"made with other {' and '.join(others)}"
        same = now["sha256"] and before.get("sha256") == now["sha256"]
        return "" if same else "of another photograph"

    def note(self, name: str) -> None:
        """Says that the next mask of this name to be written is of the photograph as it was seen.

        Args:
            name: of the image.
        """
        path_of(self._out / "masks", "masks", name).unlink(missing_ok=True)
        with self._lock:
            journal.append(self._out / JOURNAL, self._now[name])
            self._records[name] = self._now[name]

    def drop(self, name: str) -> None:
        """Deletes what an earlier call made of a name that this one cannot use.

        Args:
            name: of the image.
        """
        for kind, folder in (("masks", "masks"), ("images", "overlays")):
            path_of(self._out / folder, kind, name).unlink(missing_ok=True)
        self._records.pop(name, None)

    def close(self) -> None:
        """Writes the journal whole, one line an image."""
        if self._records != self._known:
            journal.write(self._out / JOURNAL, self._records.values())


def _read(path: Path) -> dict[str, Any]:
    """Returns the identities of a run's files as the last call saw them."""
    try:
        files = read_json(path)["files"]
        return {place: facts for place, facts in files.items() if isinstance(facts, dict)}
    except (UserError, KeyError, TypeError, AttributeError):
        return {}
