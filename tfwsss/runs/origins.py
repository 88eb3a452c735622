"""What the stages of a run were made from: photographs, true masks and saliency maps, by their contents."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tfwsss.artefacts.files import path_of, read_json
from tfwsss.artefacts.identity import identity
from tfwsss.data.image_set import ImageSet
from tfwsss.data.sources import Splits
from tfwsss.errors import UserError
from tfwsss.inference.stream import in_threads
from tfwsss.logs import LOG
from tfwsss.runs import journal
from tfwsss.runs.stage import Stage

FILE = "made_from.jsonl"
"""In a run folder: one line an image, with the identities of its files."""

CHANGED = "changed"
"""What `--redo` takes beside names of stages: whatever was made of images that differ now."""

_KINDS = {"image": "images", "mask": "masks", "saliency": "saliency"}
_WORDS = {"image": "photograph", "mask": "true mask", "saliency": "saliency map"}


class Stale(NamedTuple):
    """What differs makes of the finished stages.

    Args:
        whole: stages that are to be made again.
        partly: stages of which only some images are: stage to their names.
        scored: stages whose scores are stale, be it for another true mask alone.
    """

    whole: tuple[str, ...]
    partly: Mapping[str, tuple[str, ...]]
    scored: tuple[str, ...]


class Origins:
    """The files that a run's images have now, beside those that its stages were made from.

    A file is read where its size or time of change is another than before. Runs of older versions have no such notes:
    what is there now counts as what they were made from.

    Args:
        folder: of the run.
        splits: its images, as surveyed.
    """

    def __init__(self, folder: Path, splits: Splits):
        self._folder = folder
        self._splits = [images for images in splits if images is not None]
        self._known = journal.read(folder / FILE)
        every = {name: images for images in reversed(self._splits) for name in images.names}
        self._now = dict(in_threads(lambda item: (item[0], self._look(*item)), every.items()))
        self.changed = {name: kinds for name in self._now if (kinds := self._differing(name))}

    def _look(self, name: str, images: ImageSet) -> dict[str, Any]:
        """Returns the identity of each file of an image."""
        before = self._known.get(name, {})
        found: dict[str, Any] = {"name": name}
        for kind, field in _KINDS.items():
            path = getattr(images, field).get(name)
            if path is not None:
                known = before.get(kind)
                found[kind] = identity(path, known if isinstance(known, dict) else None)
        return found

    def _differing(self, name: str) -> frozenset[str]:
        """Returns the kinds of an image's files that are others than before; what was not noted is none."""
        before, now = self._known.get(name), self._now[name]
        if before is None:
            return frozenset()
        other = {kind for kind in _KINDS if (one := _hash(before, kind)) and one != _hash(now, kind)}
        come = {kind for kind in now.keys() - before.keys() if kind != "image"}
        return frozenset(other | come)

    def stale(self, stages: Sequence[Stage], given: Mapping[str, Path], redo: Collection[str]) -> Stale:
        """Refuses to mix what was made of other files, unless that is to be made again; deletes nothing.

        Args:
            stages: of the run, in their order.
            given: stages that a folder of the user's stands for, and the folders.
            redo: stages that are made again anyway, with those that depend on them; `CHANGED` for what is stale.

        Returns:
            What is stale of the stages that this call makes.

        Raises:
            UserError: something is stale, also of a stage that this call does not make, and `CHANGED` is not among
                `redo`.
        """
        stale = self._stale([stage for stage in stages if stage.name not in given], set(redo))
        unused = self.unused(stages, given, redo)
        if (stale.whole or stale.partly or unused) and CHANGED not in redo:
            raise UserError(self._told(stale._replace(whole=(*stale.whole, *unused))))
        return stale

    def unused(self, stages: Sequence[Stage], given: Mapping[str, Path], redo: Collection[str]) -> list[str]:
        """Returns the stale stages in the run folder that this call does not make; a later one would take them as made.

        They are those for which a folder is given now, and those of other settings or methods.

        Args:
            stages: as in `stale`.
            given: as in `stale`; folders of the user's are none of them, wherever they lie.
            redo: as in `stale`.
        """
        named = {stage.name: stage for stage in stages}
        homes = [path.resolve() for path in given.values()]
        found = []
        for folder in sorted(self._folder.iterdir()) if self.changed else ():
            made_now = folder.name in named and folder.name not in given
            if made_now or folder.name in redo or not _record_of(folder) or \
                    any(home.is_relative_to(folder.resolve()) for home in homes):
                continue
            stage = named.get(folder.name) or _recorded(folder)
            if any(self.changed.get(name, frozenset()) & _reads(stage) for name in self._own(stage)):
                found.append(folder.name)
        return found

    def settle(self, stages: Sequence[Stage], given: Mapping[str, Path], redo: Collection[str]) -> Stale:
        """Deletes the files that are stale of stages that are partly so, where that is asked for.

        Args:
            stages: as in `stale`.
            given: as in `stale`.
            redo: as in `stale`.

        Returns:
            What is stale; what is so as a whole is left to the caller.

        Raises:
            UserError: as `stale`.
        """
        stale = self.stale(stages, given, redo)
        kinds = {stage.name: stage.kind for stage in stages}
        for stage, names in stale.partly.items():
            (self._folder / stage / "stage.json").unlink(missing_ok=True)
            for name in names:
                path_of(self._folder / stage, kinds[stage], name).unlink(missing_ok=True)
            LOG.info("%s: %d images are made again", stage, len(names))
        return stale

    def keep(self) -> None:
        """Notes the files of now as those that the stages are made from."""
        if any(self._known.get(name) != record for name, record in self._now.items()):
            journal.write(self._folder / FILE, {**self._known, **self._now}.values())

    def _stale(self, stages: Iterable[Stage], redone: set[str]) -> Stale:
        """Goes through the stages that have begun, from the first on."""
        touched: dict[str, set[str]] = {}
        whole: list[str] = []
        scored: list[str] = []
        for stage in stages:
            if stage.name in redone or not _record_of(self._folder / stage.name):
                continue
            own = self._own(stage)
            names = {name for name in own & self.changed.keys() if self.changed[name] & _reads(stage)}
            names |= {name for need in stage.needs for name in touched.get(need, set()) & own}
            if any(need in whole for need in stage.needs) or (names and (stage.kind == "model" or not stage.alone)):
                whole.append(stage.name)
            elif names:
                touched[stage.name] = names
            judged = own if stage.kind != "model" else set()
            if names or stage.name in whole or any("mask" in self.changed.get(name, ()) for name in judged):
                scored.append(stage.name)
        return Stale(tuple(whole), {stage: tuple(sorted(names)) for stage, names in touched.items()}, tuple(scored))

    def _own(self, stage: Stage) -> set[str]:
        """Returns the names of the images that a stage reads: its settings hold the fingerprints of their sets."""
        prints = {stage.settings.get("images"), stage.settings.get("training")}
        found = [images for images in self._splits if images.fingerprint() in prints]
        return {name for images in found or self._splits for name in images.names}

    def _told(self, stale: Stale) -> str:
        """Says what differs, what is stale for that, and the cure."""
        shown = [f"{name!r} ({' and '.join(_WORDS[kind] for kind in _KINDS if kind in self.changed[name])})"
                 for name in list(self.changed)[:3]]
        more = f" and {len(self.changed) - 3} more" if len(self.changed) > 3 else ""
        again = [*([f"of {', '.join(stale.partly)} these images only"] if stale.partly else []),
                 *([f"{', '.join(stale.whole)} whole"] if stale.whole else [])]
        return (f"{self._folder}: not made from the files of now: {', '.join(shown)}{more}; add --redo {CHANGED} to "
                f"make again what was made of them ({'; '.join(again)}), or name another folder with --run")


def _record_of(folder: Path) -> Path | None:
    """Returns the file that says what a stage was made with; None where it has not begun."""
    return next((path for path in (folder / "stage.json", folder / "started.json") if path.is_file()), None)


def _recorded(folder: Path) -> Stage:
    """Returns what the record of a stage says of it."""
    record = read_json(_record_of(folder), "delete its folder to make the stage again")
    return Stage(folder.name, record.get("kind", ""), (), record.get("settings", {}), dict)


def named_files(settings: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the identities of the weights files that a stage's settings name.

    Args:
        settings: of the stage, flat: key with points to value; those that end with `initial` may name a file.
        known: what an earlier call has returned; a file is read where its size or time of change is another.

    Returns:
        Key to identity, of the files that are there.
    """
    return {key: identity(Path(value), known.get(key)) for key, value in settings.items()
            if key.endswith("initial") and isinstance(value, str) and Path(value).is_file()}


def _hash(record: Mapping[str, Any], kind: str) -> str | None:
    found = record.get(kind)
    return found.get("sha256") if isinstance(found, dict) else None


def _reads(stage: Stage) -> set[str]:
    """Returns the kinds of files that make a stage's result: those of a saliency folder where its settings name it."""
    return {"image", *(["mask"] if stage.truth else []), *(["saliency"] if "saliency" in stage.settings else [])}
