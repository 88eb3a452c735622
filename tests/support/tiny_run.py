"""A tiny data set in a folder of one's own, and settings with which methods run through it in seconds."""

import contextlib
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from tests.support.patience import PATIENCE, until
from tests.support.tiny_voc import CLASSES, SIDE, draw_tiny_voc
from tfwsss.data.voc import VOC_CLASSES
from tfwsss.palette import IGNORE, voc_palette

ODD_NAMES = ("two words", "жук 7", "猫/子 猫", "naïve é", "Ünï-code_1", "a.b.c", "plus + & %", "seven#7",
             "9", "deep/er/still", "(brackets) [x]", "дом/кот 2")
"""Names as people give them: spaces, other alphabets, folders, dots, signs."""

_FIT = {"backbone": {"name": "small", "initial": None, "width": 0.25}, "crop": 48, "batch_size": 4, "epochs": 2,
        "optimizer": "adam", "head_factor": 1.0, "weight_decay": 0.0}

SEGMENTER = {**_FIT, "width": 8, "dropout": 0.0}

SETTINGS = {
    "superpixels": {"min_size": 30}, "regions": {"max_regions": 0}, "workers": 1, "tensorboard": {"panels": 1},
    "icd": {"backbone": {"name": "small", "initial": None, "width": 0.25}, "crop": 49, "batch_size": 4, "epochs": 2,
            "optimizer": "adam", "schedule": "step", "head_width": 8, "head_factor": 1.0, "weight_decay": 0.0,
            "scales": [0.75, 1.0], "warm_up_epochs": 0.5},
    "cam": {"canvas": 65, "batch_size": 8}, "scores": {"canvas": 65, "batch_size": 8},
    "seeds": {"corners_aligned": True}, "pseudo": {"iterations": 2, "position_deviation": 20.0}, "rounds": 0,
}
"""Small in every way; nothing is learnt from it but that the stages fit together. No segmentation network."""

AFFINITYNET = {
    "workers": 1, "tensorboard": {"panels": 1}, "classifier": {**_FIT, "longer_side": [40, 70]},
    "cam": {"canvas": 65, "scales": [1.0, 0.5], "mirror": True, "batch_size": 8},
    "labels": {"low": None, "crf": {"iterations": 2, "position_deviation": 20.0}},
    "affinity": {**_FIT, "widths": [8, 8, 8], "radius": 3}, "walk": {"alpha": None},
    "pseudo": {"iterations": 2, "position_deviation": 20.0}, "segmenter": SEGMENTER,
}
"""The same for AffinityNet; its backgrounds' powers follow from the chosen threshold."""

CIAN = {
    **{key: AFFINITYNET[key] for key in ("workers", "tensorboard", "classifier", "cam")}, "rounds": 2,
    "seeds": AFFINITYNET["labels"], "segmenter": {**_FIT, "batch_size": 2, "filters": 8},
    "relabel": {"scales": [1.0], "mirror": False, "crf": {"iterations": 2, "position_deviation": 20.0}},
    "masks": {"scales": [1.0, 0.5], "crf": {"iterations": 0}},
}
"""The same for CIAN, two rounds."""

SEAM = {
    **{key: AFFINITYNET[key] for key in ("workers", "tensorboard", "labels", "affinity", "pseudo", "segmenter")},
    "seam": {**_FIT, "longer_side": [40, 70], "widths": [8, 8, 8], "copy_scale": 0.5},
    "cam": AFFINITYNET["cam"], "maps": AFFINITYNET["cam"], "walk": {"alpha": None},
}
"""The same for SEAM."""

_WITHOUT_CROP = {key: value for key, value in _FIT.items() if key != "crop"}

OAA = {
    "workers": 1, "tensorboard": {"panels": 1}, "oaa_plus": _WITHOUT_CROP,
    "oaa": {**_WITHOUT_CROP, "side": 49, "square": True},
    "cam": {"scales": [1.0, 0.5], "mirror": True, "batch_size": 8}, "maps": {"batch_size": 8},
    "labels": {"threshold": None, "share": 0.0}, "pseudo": {"iterations": 2, "position_deviation": 20.0},
    "segmenter": SEGMENTER,
}
"""The same for OAA; images become squares."""

CLIP_ES = {
    "workers": 1, "tensorboard": {"panels": 1},
    "clip": {"backbone": {"name": "clip_b16", "initial": None, "width": 1 / 64}},
    "pseudo": {"crf": {"iterations": 2, "position_deviation": 20.0}, "certain": 0.3}, "segmenter": SEGMENTER,
}
"""The same for CLIP-ES; CLIP has random weights."""

RETRAIN = {
    "workers": 1, "tensorboard": {"panels": 1}, "rounds": 2, "segmenter": {**SEGMENTER, "continued": True},
    "relabel": {"certain": 0.3, "crf": {"iterations": 2, "position_deviation": 20.0}},
    "masks": {"scales": [1.0, 0.5], "mirror": True, "window": 33},
}
"""The same for two rounds of a segmentation network."""

MCIS = {
    "workers": 1, "tensorboard": {"panels": 1},
    "mcis": {**_WITHOUT_CROP, "side": 32, "batch_size": 3},
    "cam": {"canvas": 32, "batch_size": 8}, "maps": {"side": 32, "references": 2, "batch_size": 8},
    "pseudo": SETTINGS["pseudo"], "rounds": 0,
}
"""The same for MCIS, without saliency."""

_NETWORK = {"width": 8, "epochs": [3, 3]}

A2GNN = {
    **{key: AFFINITYNET[key] for key in ("workers", "tensorboard", "classifier", "cam", "pseudo")},
    "seeds": {"crf": {"iterations": 2, "position_deviation": 20.0}, "segments": 3000, "certain": 0.5},
    "affinity": {**_FIT, "widths": [8, 8, 8], "radius": 2},
    "graph": {"network": _NETWORK, "box_network": _NETWORK, "walk": {"steps": 9}},
    "segmenter": SEGMENTER,
}
"""The same for A2GNN."""

TINY = {"icd": SETTINGS, "affinitynet": AFFINITYNET, "cian": CIAN, "mcis": MCIS, "oaa": OAA, "seam": SEAM,
        "a2gnn": A2GNN, "clip_es": CLIP_ES, "retrain": RETRAIN}
"""All of them by method."""


def draw_tiny_folder(root: Path, names: Sequence[str] | None = None) -> Path:
    """Draws the pictures of `tiny_voc` as images/, masks/, labels.csv, classes.txt and splits/; returns the folder.

    Lists: train (8 names), val (4); every name is in labels.csv.
    """
    root = Path(root)
    voc = draw_tiny_voc(root / ".voc")
    stems = sorted(path.stem for path in (voc / "JPEGImages").iterdir())
    names = list(names or stems)[: len(stems)]
    rows = ["name,classes"]
    for name, stem in zip(names, stems, strict=True):
        mask = np.array(Image.open(voc / "SegmentationClass" / f"{stem}.png"))
        own = np.zeros_like(mask)
        own[mask == IGNORE] = IGNORE
        for number, kind in enumerate(CLASSES, 1):
            own[mask == VOC_CLASSES.index(kind)] = number
        _save(root / "masks" / f"{name}.png", own)
        target = root / "images" / f"{name}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((voc / "JPEGImages" / f"{stem}.jpg").read_bytes())
        rows.append(f"{name},{' '.join(kind for n, kind in enumerate(CLASSES, 1) if (own == n).any())}")
    (root / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (root / "classes.txt").write_text("\n".join(["background", *CLASSES]) + "\n", encoding="utf-8")
    (root / "splits").mkdir()
    for split, part in (("train", names[:8]), ("val", names[8:])):
        (root / "splits" / f"{split}.txt").write_text("".join(f"{name}\n" for name in part), encoding="utf-8")
    return root


def grow(root: Path, count: int) -> None:
    """Adds copies of the pictures, without masks, until the folder has so many images: stages take longer."""
    table = (root / "labels.csv").read_text("utf-8").splitlines()
    rows = [line.split(",") for line in table[1:]]
    for number in range(len(rows), count):
        name, tags = rows[number % len(rows)]
        (root / "images" / f"more {number}.jpg").write_bytes((root / "images" / f"{name}.jpg").read_bytes())
        table.append(f"more {number},{tags}")
    (root / "labels.csv").write_text("\n".join(table) + "\n", encoding="utf-8")


def write_config(path: Path, root: Path, method: str = "icd", **sections) -> Path:
    """Writes a method's tiny settings for a folder as YAML; `sections` are laid over them."""
    from tfwsss.settings.reading import merge

    values = merge({**TINY[method], "data": {"kind": "folder", "root": str(root)}}, sections)
    path.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    return path


class Answer:
    """What a command gave back.

    Attributes: `code`; `out` and `err` texts; `result`, the JSON of the last line of `out`, where there is one.
    """

    def __init__(self, code: int, out: str, err: str):
        self.code, self.out, self.err = code, out, err
        last = out.strip().splitlines()[-1:] or [""]
        self.result = json.loads(last[0]) if last[0].startswith("{") else None

    @property
    def errors(self) -> list[str]:
        """Lines of standard error that begin with `error:`."""
        return [line for line in self.err.splitlines() if line.startswith("error:")]


def train(*arguments) -> Answer:
    """Calls the command line of `tfwsss.train` in this process."""
    return call("train", *arguments)


def call(command: str, *arguments) -> Answer:
    """Calls the command line of a module of `tfwsss` in this process."""
    from tfwsss import convert, evaluate, predict, report, train

    modules = {"convert": convert, "evaluate": evaluate, "predict": predict, "report": report, "train": train}
    main = modules[command].main
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return Answer(code, out.getvalue(), err.getvalue())


def refused(answer: Answer, words: str) -> str:
    """Asserts that a command ended with one error, whose first line holds these words; returns all that it said."""
    assert answer.code == 2 and answer.out == "" and "Traceback" not in answer.err, answer.err
    (error,) = answer.errors
    assert words in error, answer.err
    return answer.err


def start(*arguments, command: str = "tfwsss.train") -> subprocess.Popen:
    """Starts a command in a process group of its own."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "PYTHONUTF8": "1"}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)          # the commands choose it
    return subprocess.Popen([sys.executable, "-m", command, *map(str, arguments)], env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def stop_at_work(process, stage: Path, pattern: str, sign: int = signal.SIGKILL, at_least: int = 1) -> None:
    """Ends a started command once a stage has left so many of its files, and before it is finished."""
    def made() -> list[Path]:
        return [path for path in stage.glob(pattern) if not path.name.startswith(".")]

    until(lambda: len(made()) >= at_least or process.poll() is not None, pause=0.01)
    assert process.poll() is None, process.communicate()
    (os.killpg if sign == signal.SIGKILL else os.kill)(process.pid, sign)
    assert not (stage / "stage.json").exists(), f"{stage.name} was finished before it could be stopped"


def ended(process: subprocess.Popen, seconds: float = PATIENCE) -> Answer:
    """Waits for a started command."""
    out, err = process.communicate(timeout=seconds)
    return Answer(process.returncode, out, err)


def contents(folder: Path, pattern: str = "**/*.png") -> dict[str, str]:
    """Returns the hash of each file of a folder."""
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.glob(pattern)) if path.is_file()}


def times(folder: Path, stages: Iterable[str]) -> dict[str, int]:
    """Returns when each visible file of some stages was last written."""
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for stage in stages
            for path in sorted((folder / stage).rglob("*")) if path.is_file() and not path.name.startswith(".")}


def _save(path: Path, mask: np.ndarray) -> None:
    assert mask.shape == (SIDE, SIDE)
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(mask)
    image.putpalette(voc_palette().tobytes())
    image.save(path)
