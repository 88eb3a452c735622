"""Trains every method's networks for ten steps, together with the other processes: `python -m tests.hosts.steps`."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.tiny_run import AFFINITYNET, CIAN, MCIS, RETRAIN, SEAM, SETTINGS
from tfwsss import logs, methods
from tfwsss.artefacts.regions import write_regions
from tfwsss.data.sources import open_splits
from tfwsss.runs import devices
from tfwsss.runs.membership import member
from tfwsss.runs.stage import Context
from tfwsss.settings import reading
from tfwsss.settings.sections import TensorBoardSettings

FIT = {"batch_size": 6, "epochs": 5, "optimizer": "sgd", "momentum": 0.9, "learning_rate": 1e-2}

TRAININGS: Mapping[str, tuple[str, str, Mapping[str, Any], Mapping[str, Any]]] = {
    "icd": ("icd", "icd", SETTINGS, FIT),
    "classifier": ("affinitynet", "classifier", AFFINITYNET, FIT),
    "affinity": ("affinitynet", "affinity", AFFINITYNET, FIT),
    "cian": ("cian", "segmenter", CIAN, {**FIT, "epochs": 10}),
    "mcis": ("mcis", "mcis", MCIS, FIT),
    "seam": ("seam", "seam", SEAM, FIT),
    "segmenter": ("retrain", "segmenter", RETRAIN, FIT),
}
"""Name to method, stage, settings, and what is laid over those of the stage: twelve images make two steps an epoch."""


def main(data: Path, out: Path) -> int:
    """Trains all; process 0 leaves `out/<name>/model.keras` and `history.json`."""
    logs.open_log()
    regions = data / "regions"
    with member(out) as team:
        devices.strategy()
        for name, (method, stage, base, fit) in TRAININGS.items():
            values = reading.merge({**base, "data": {"kind": "folder", "root": str(data)}}, {stage: fit})
            values |= {"method": method, "given": _given(name, data)}
            config = reading.build(methods.get(method).config, values, "test")
            splits = open_splits(config.data, out)
            if team.first and not regions.exists():
                _cut(regions, splits.training.names)
            team.exchange(None)
            work = {each.name: each for each in methods.get(method).stages(config, splits)}[stage].work
            context = Context(team=team, tensorboard=TensorBoardSettings(enabled=False))
            work(context, {"labels": data / "masks", "seeds": data / "masks", "regions": regions}, out / name)
            team.exchange(None)
    return 0


def _given(name: str, data: Path) -> dict[str, str]:
    source = {"affinity": "labels", "cian": "seeds", "segmenter": "labels"}.get(name)
    return {source: str(data / "masks")} if source else {}


def _cut(folder: Path, names) -> None:
    """Writes superpixels of 8 x 8 pixels."""
    rows, columns = np.mgrid[:64, :64] // 8
    for name in names:
        write_regions(folder, name, (rows * 8 + columns).astype(np.int32))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
