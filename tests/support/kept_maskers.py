"""Maskers that the tests of one file share: most of a call's time goes into reading and tracing a run's networks."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tfwsss.methods.opened import Run

NETWORKS = (".keras", ".npy")
CHOSEN = ("threshold.json", "presence.json")


@contextmanager
def kept() -> Iterator[None]:
    """Lets `Run.masker` give the same Masker again of runs whose networks and settings are the same."""
    made, make = {}, Run.masker

    def masker(run: Run, stage: str | None = None, least: float | None = None):
        key = (made_of(run), stage, least)
        if key not in made:
            made[key] = make(run, stage, least)
        return made[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "masker", masker)
        yield


def made_of(run: Run) -> str:
    """Returns the hash of all that a Masker is made of: settings but those of data and speed, and the stages' files."""
    found = hashlib.sha256(run.config.model_dump_json(exclude={"data", "workers", "seed", "tensorboard"}).encode())
    stages = sorted(run.folder.iterdir()) if run.folder.is_dir() else []
    for path in (path for stage in stages for path in (sorted(stage.iterdir()) if stage.is_dir() else [stage])):
        if path.name in CHOSEN or path.suffix in NETWORKS:
            found.update(f"{path.relative_to(run.folder)} ".encode() + path.read_bytes())
    return found.hexdigest()
