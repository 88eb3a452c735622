"""Whole runs in a process of their own, each made once for all tests, and how to read what they leave."""

import json
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from tests.support.patience import until
from tests.support.tiny_labels import FILES, label_tiny_folder, write_salient
from tests.support.tiny_run import ODD_NAMES, draw_tiny_folder, ended, start, write_config


class Journey(NamedTuple):
    """What a method's run consists of, and how the one that tests share is made."""

    stages: tuple[str, ...]
    scored: tuple[str, ...]           # those whose mean IoU is printed
    trained: dict[str, int]           # stages that learn, with their epochs
    options: tuple[str, ...]          # of the command line
    redo: str                         # stage to make again
    sections: dict                    # of the config file
    lists: dict[str, tuple[str, ...]] = {"training": ODD_NAMES, "pseudo": ODD_NAMES}     # images by use

    @property
    def masks(self) -> list[str]:
        """Stages that leave masks."""
        return [stage for stage in self.scored if stage not in ("cam", "scores", "accumulated", "maps", "graph")]

    def names(self, stage: str) -> tuple[str, ...]:
        """Returns the images that a stage makes masks of."""
        return self.lists["val" if stage.partition("_")[0] == "masks" else "pseudo"]


JOURNEYS = {
    "icd": Journey(("regions", "icd", "cam", "cam_masks", "scores", "seeds", "pseudo"),
                   ("cam", "cam_masks", "scores", "seeds", "pseudo"), {"icd": 4}, (), "seeds",
                   {"icd": {"epochs": 4}, "tensorboard": {"profile": [2, 3]}}),
    "affinitynet": Journey(("classifier", "cam", "cam_masks", "marginals", "labels", "affinity", "walk", "pseudo",
                            "segmenter", "relabel"),
                           ("cam", "cam_masks", "labels", "walk", "pseudo", "relabel"),
                           {"classifier": 2, "affinity": 2, "segmenter": 2}, ("--set", "devices=2"), "walk", {}),
    "cian": Journey(("classifier", "cam", "cam_masks", "seeds", "segmenter", "pseudo", "segmenter_2", "pseudo_2"),
                    ("cam", "cam_masks", "seeds", "pseudo", "pseudo_2"),
                    {"classifier": 2, "segmenter": 2, "segmenter_2": 2}, (), "segmenter_2", {}),
    "mcis": Journey(("saliency", "mcis", "cam", "cam_masks", "maps", "pseudo"),
                    ("cam", "cam_masks", "maps", "pseudo"), {"mcis": 3}, ("--set", "devices=2"), "maps",
                    {"data": {"saliency": "make"},
                     "mcis": {"epochs": 3, "batch_size": 4, "contrastive_from_epoch": 1}}),
    "oaa": Journey(("oaa", "cam", "cam_masks", "accumulated", "oaa_plus", "maps", "labels", "pseudo"),
                   ("cam", "cam_masks", "accumulated", "maps", "labels", "pseudo"), {"oaa": 3, "oaa_plus": 2}, (),
                   "maps", {"oaa": {"epochs": 3}, "rounds": 0}),
    "seam": Journey(("seam", "cam", "cam_masks", "maps", "map_masks", "marginals", "labels", "affinity", "walk",
                     "pseudo"),
                    ("cam", "cam_masks", "maps", "map_masks", "labels", "walk", "pseudo"), {"seam": 2, "affinity": 2},
                    (), "maps", {"rounds": 0}),
    "a2gnn": Journey(("classifier", "cam", "cam_masks", "seeds", "affinity", "graph", "pseudo", "segmenter", "relabel"),
                     ("cam", "cam_masks", "seeds", "graph", "pseudo", "relabel"),
                     {"classifier": 2, "affinity": 2, "segmenter": 2}, (), "graph",
                     {"data": FILES, "tensorboard": {"panels": 0}}),
    "clip_es": Journey(("clip", "maps", "labels", "pseudo"), ("maps", "labels", "pseudo"), {},
                       ("--set", "devices=2"), "maps", {"rounds": 0}),
    "retrain": Journey(("labels", "segmenter", "relabel", "masks", "segmenter_2", "relabel_2", "masks_2"),
                       ("labels", "relabel", "masks", "relabel_2", "masks_2"), {"segmenter": 2, "segmenter_2": 2}, (),
                       "segmenter_2", {"data": {"split": "train", "val_split": "val"}, "tensorboard": {"panels": 0}},
                       {"training": ODD_NAMES[:8], "pseudo": ODD_NAMES[:8], "val": ODD_NAMES[8:]}),
}
"""AffinityNet's, MCIS' and CLIP-ES' are made on two replicas, logical devices of a fresh process, which share a batch.
A2GNN's images have labels of all kinds. The segmentation network at the end, alike for all, is trained where the list
of stages names it."""

LINE = re.compile(r"(\d\d:\d\d:\d\d|        ) .*|"
                  r"(icd|classifier|affinity|mcis|oaa(_plus)?|seam|segmenter(_2)?): "
                  r"epoch \d+/\d+ (step \d+(/\d+)? )?loss .*")
"""All that a command says without a terminal: the log, a line an epoch, and more where an epoch takes long."""


def make(base: Path, method: str) -> Path:
    """Makes data/ under odd names, config.yaml, "run 1", and what was printed as out.txt and err.txt."""
    journey, root = JOURNEYS[method], draw_tiny_folder(base / "data", ODD_NAMES)
    label_tiny_folder(root, ODD_NAMES)
    write_config(base / "config.yaml", root, method, **journey.sections)
    answer = ended(start("--method", method, "--config", base / "config.yaml", "--run", base / "run 1",
                         *journey.options))
    assert answer.code == 0, answer.err
    (base / "out.txt").write_text(answer.out, "utf-8")
    (base / "err.txt").write_text(answer.err, "utf-8")
    return base


def shared(base: Path, method: str) -> Path:
    """Returns the folder of `make` under one that all processes of the tests know: the first makes it, others wait."""
    folder = base / method
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        until(lambda: any((folder / end).exists() for end in ("made", "failed")))
        assert (folder / "made").exists(), f"the run in {folder}, which another process made, has failed"
        return folder
    try:
        make(folder, method)
    except BaseException:
        (folder / "failed").touch()
        raise
    (folder / "made").touch()
    return folder


def result_of(base: Path) -> dict:
    """Returns the JSON that the first run printed."""
    return json.loads((base / "out.txt").read_text("utf-8"))


def masks_of(folder: Path) -> dict[str, np.ndarray]:
    """Returns the masks of a folder by name."""
    return {path.relative_to(folder).with_suffix("").as_posix(): np.array(Image.open(path))
            for path in folder.rglob("*.png")}


def salient_objects(base: Path, folder: Path) -> Path:
    """Writes the true objects of a journey's images as saliency maps; returns the folder."""
    return write_salient(base / "data" / "masks", folder)


def losses(run: Path, stage: str) -> list[float]:
    """Returns the loss of each epoch."""
    return [epoch["loss"] for epoch in json.loads((run / stage / "history.json").read_text())]
