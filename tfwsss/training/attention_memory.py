"""The maps that OAA gathers during a training: one for each image and class, kept with its checkpoint."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfwsss.artefacts.files import aside, reading
from tfwsss.errors import UserError
from tfwsss.refine.accumulation import accepted, accumulate


class AttentionMemory:
    """Gathers the class maps of images at every visit of a training, by `refine.accumulation`.

    Images are known by name, not by place, so their order may change from epoch to
    epoch. Maps of one image may be gathered by one process only. It never holds more
    than a map for each image and class: of 10 582 images with 15 555 classes at 28x37
    positions 16 MB of bytes, four times that as float32, twice with the latest maps.

    Args:
        rule: how maps are joined, one of `refine.accumulation.RULES`.
        accept: which maps are taken, one of `refine.accumulation.ACCEPTS`.
        start: number of the first visit that counts, from 1: the release for Caffe passes over as many as there are
            images, less one.
        quantised: whether maps are kept as bytes, as published; otherwise as float32.
        latest: whether the map of each class' latest visit that was taken is kept too, for itself, as bytes.

    Example:

    >>> memory = AttentionMemory()
    >>> memory.visit("cow", np.float32([[[0.0, 1.0], [3.0, 0.0]]]), np.array([0.9, 0.1]), labels=[0])
    (0,)
    >>> memory.get("cow", 0).tolist(), memory.get("cow", 1)
    ([[0, 255]], None)

    Reference: Jiang et al., OAA, ICCV 2019.
    """

    FILE = "attention.npz"
    """Where a stage keeps it, beside its network."""

    def __init__(self, rule: str = "max", accept: str = "rank", start: int = 1, quantised: bool = True,
                 latest: bool = False):
        self.rule, self.accept, self.start, self.quantised, self.latest = rule, accept, start, quantised, latest
        self.seen = 0
        self._maps: dict[tuple[str, int], np.ndarray] = {}
        self._latest: dict[tuple[str, int], np.ndarray] = {}
        self._visits: dict[tuple[str, int], int] = {}

    @classmethod
    def read(cls, folder: Path) -> "AttentionMemory":
        """Returns what a finished stage has gathered, under the settings of its file.

        Args:
            folder: of the stage.

        Raises:
            ImageFault: the file is missing or broken.
        """
        with reading(folder / cls.FILE), np.load(folder / cls.FILE, allow_pickle=False) as file:
            rule, accept, start, quantised = file["settings"].tolist()
        memory = cls(rule, accept, int(start), quantised == "True")
        memory.load(folder / cls.FILE)
        return memory

    def __len__(self) -> int:
        """Returns the number of maps."""
        return len(self._maps)

    @property
    def num_bytes(self) -> int:
        """Memory that the maps take."""
        return sum(each.nbytes for maps in (self._maps, self._latest) for each in maps.values())

    def visit(self, name: str, scores: np.ndarray, probabilities: np.ndarray, labels: Sequence[int],
              mirrored: bool = False, last: bool = False) -> tuple[int, ...]:
        """Adds what the network found in an image.

        Args:
            name: of the image.
            scores: float `(row, column, class)`, raw class maps.
            probabilities: float `(class,)`, of all classes.
            labels: the image's classes, without background.
            mirrored: whether the network saw the image mirrored.
            last: whether classes of which nothing is kept yet are taken however improbable, as in the last epoch of
                the release for PyTorch.

        Returns:
            Those of the labels whose maps were taken.

        Raises:
            UserError: the image had another size before.
        """
        self.seen += 1
        if self.seen < self.start:
            return ()
        taken = set(accepted(probabilities, labels, self.accept))
        if last:
            taken |= {label for label in labels if (name, label) not in self._maps}
        for label in (label for label in labels if label in taken):
            key, found = (name, label), scores[..., label]
            old = self._maps.get(key)
            if old is not None and old.shape != found.shape:
                raise UserError(f"maps of {name!r} had {old.shape} positions, now {found.shape}: images must be shown "
                                "at one size for their maps to be gathered")
            found = found[:, ::-1] if mirrored else found
            self._maps[key] = accumulate(found, old, self._visits.get(key, 0), self.rule, self.quantised)
            if self.latest:
                self._latest[key] = accumulate(found, rule=self.rule)
            self._visits[key] = self._visits.get(key, 0) + 1
        return tuple(label for label in labels if label in taken)

    def get(self, name: str, label: int) -> np.ndarray | None:
        """Returns the map of an image and class, uint8 (or float32) `(row, column)`; None if none was ever taken."""
        return self._maps.get((name, label))

    def get_latest(self, name: str, label: int) -> np.ndarray | None:
        """Returns the map of the latest visit that was taken, uint8 `(row, column)`; None where none is kept."""
        return self._latest.get((name, label))

    def save(self, path: Path) -> None:
        """Writes all maps to one file, aside and then renamed.

        Args:
            path: of a file `.npz`; readers see the old or the new.

        Raises:
            UserError: the disk is full or the folder cannot be written.
        """
        keys = list(self._maps)
        values, latest = ([maps[key].ravel() for key in keys if key in maps] for maps in (self._maps, self._latest))
        kept = {"names": np.array([name for name, _ in keys], dtype=np.str_),
                "labels": np.array([label for _, label in keys], np.int32),
                "visits": np.array([self._visits[key] for key in keys], np.int32),
                "sizes": np.array([self._maps[key].shape for key in keys], np.int32).reshape(-1, 2),
                "values": np.concatenate(values) if values else np.zeros(0, np.uint8),
                "latest": np.concatenate(latest) if latest else np.zeros(0, np.uint8),
                "seen": np.array(self.seen), "settings": np.array(self._settings)}
        with aside(path, ".npz") as part:
            np.savez_compressed(part, **kept)

    def load(self, path: Path) -> None:
        """Takes the maps of a file in place of its own; a training that goes on sees what it would have seen.

        Args:
            path: a file that `save` wrote.

        Raises:
            ImageFault: it is missing or broken.
            UserError: it was written under other settings.
        """
        with reading(path), np.load(path, allow_pickle=False) as file:
            kept = {key: file[key] for key in file.files}
        if kept["settings"].tolist() != self._settings:
            raise UserError(f"{path}: maps gathered by {kept['settings'].tolist()}; expected {self._settings}: start "
                            "this stage anew")
        ends = np.cumsum(kept["sizes"].prod(axis=1))
        keys = list(zip(kept["names"].tolist(), kept["labels"].tolist(), strict=True))
        self._maps, self._latest = ({key: part.reshape(size) for key, part, size in
                                     zip(keys, np.split(values, ends[:-1]), kept["sizes"], strict=True)}
                                    if len(values) else {} for values in (kept["values"], kept["latest"]))
        self._visits = dict(zip(keys, kept["visits"].tolist(), strict=True))
        self.seen = int(kept["seen"])

    @property
    def _settings(self) -> list[str]:
        """What changes the maps, as text."""
        return [self.rule, self.accept, str(self.start), str(self.quantised)]
