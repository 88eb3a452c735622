"""Runs as training would leave them, made in a second: networks of random weights, and the files beside them."""

import functools
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tests.support.tiny_run import A2GNN, AFFINITYNET, CLIP_ES, MCIS, OAA, SEAM, SETTINGS

CLASSES = ("background", "cat", "dog", "sheep")
CRF = {"iterations": 3, "position_deviation": 12.0}
HEADS = ("fc8", "conv_ft", "score", "classes")
PLAIN: dict[str, Any] = {"mirror": False, "crf": {"iterations": 0}}
"""Masks of a segmentation network that are made in half the time, where it matters when and not how they are made."""

SEGMENTER: dict[str, Any] = {"masks": {"window": 65, "scales": [1.0, 0.75], "mirror": True, "crf": CRF}}


def untrained_run(folder: Path, method: str, seed: int = 0, **sections) -> Path:
    """Makes a finished run of a method; `sections` are laid over its tiny settings."""
    from tfwsss import methods
    from tfwsss.settings import reading

    tiny = {"icd": SETTINGS, "affinitynet": AFFINITYNET, "mcis": MCIS, "oaa": OAA, "seam": SEAM, "a2gnn": A2GNN,
            "clip_es": CLIP_ES,
            "retrain": SEGMENTER}[method]
    values = reading.merge({**tiny, "method": method, "data": {"kind": "demo"}}, sections)
    settings = reading.build(methods.get(method).config, values, "test")
    keras.utils.set_random_seed(seed)
    for stage, contents in _networks(method, seed).items():
        (folder / stage).mkdir(parents=True)
        (folder / stage / "model.keras").write_bytes(contents)
    if method == "mcis":
        (folder / "maps").mkdir()
        shape = (len(CLASSES) - 1, settings.maps.references, 8, 8, _small().output["classifier"].shape[-1])
        np.save(folder / "maps" / "references.npy", np.random.default_rng(seed).uniform(0, 1, shape).astype("float16"))
    record = {"method": method, "config": settings.model_dump(mode="json"), "classes": list(CLASSES),
              "images": {"training": 8, "pseudo": 4}, "versions": {"keras": keras.__version__}}
    (folder / "config.json").write_text(json.dumps(record), "utf-8")
    (folder / "metrics.json").write_text(json.dumps({"pseudo": {"kind": "masks", "miou": 0.5}}), "utf-8")
    return folder


@functools.cache
def _networks(method: str, seed: int) -> dict[str, bytes]:
    """Returns the model file of each stage; a process makes each once."""
    keras.utils.set_random_seed(seed)
    found = {}
    with tempfile.TemporaryDirectory() as aside:
        for stage, build in NETWORKS[method].items():
            model, path = build(), Path(aside, f"{stage}.keras")
            for variable in model.trainable_variables:          # large enough that no map is all but flat
                if variable.path.split("/")[-2] in HEADS:
                    variable.assign(variable * 30.0)
            model.save(path)
            found[stage] = path.read_bytes()
    return found


def _small():
    from tfwsss.backbones.small import small

    return small(width=0.25)


def _icd() -> keras.Model:
    from tfwsss.models.icd import ICD

    return ICD(_small(), len(CLASSES) - 1, head_width=8)


def _classifier() -> keras.Model:
    from tfwsss.models.classifier import Classifier

    return Classifier(_small(), len(CLASSES) - 1, 0.0)


def _affinity() -> keras.Model:
    from tfwsss.models.affinity import AffinityNet

    return AffinityNet(_small(), widths=(8, 8, 8), radius=3)


def _mcis() -> keras.Model:
    from tfwsss.models.mcis import MCIS as Network

    return Network(_small(), len(CLASSES) - 1)


def _oaa(**settings) -> keras.Model:
    from tfwsss.models.oaa import OAA

    return OAA(_small(), len(CLASSES) - 1, **settings)


def _clip_maps() -> keras.Model:
    from tests.support.transformers import shallow
    from tfwsss.backbones.vit import FORMS
    from tfwsss.models.clip_maps import ClipMaps

    form = shallow(FORMS["clip_b16"], 1 / 64)
    return ClipMaps(form.get_config(), [*CLASSES[1:], "grass", "sky"], len(CLASSES) - 1, channels=8)


def _seam() -> keras.Model:
    from tfwsss.models.seam import SEAM as Network

    return Network(_small(), len(CLASSES) - 1, widths=(8, 8, 8), dropout=0.0)


def _segmenter() -> keras.Model:
    from tfwsss.models.segmenter import Segmenter

    return Segmenter(_small(), len(CLASSES), width=8)


NETWORKS: dict[str, dict[str, Callable[[], keras.Model]]] = {
    "icd": {"icd": _icd}, "affinitynet": {"classifier": _classifier, "affinity": _affinity}, "mcis": {"mcis": _mcis},
    "oaa": {"oaa": _oaa, "oaa_plus": lambda: _oaa(integral=True, name="oaa_plus")},
    "seam": {"seam": _seam, "affinity": _affinity}, "a2gnn": {"classifier": _classifier},
    "clip_es": {"clip": _clip_maps}, "retrain": {"segmenter": _segmenter}}


def photographs(folder: Path) -> Path:
    """Writes pictures of all kinds that are served: several sizes, grey, alpha, EXIF, one pixel wide."""
    from tests.data.files import encoded, odd_images

    folder.mkdir()
    random = np.random.default_rng(11)
    for rows, columns in ((48, 64), (65, 65), (1, 40), (90, 1), (1, 1), (130, 70), (33, 150)):
        grid = random.integers(0, 256, (rows // 12 + 2, columns // 12 + 2, 3))
        smooth = grid.repeat(12, 0).repeat(12, 1)[:rows, :columns]
        pixels = np.clip(smooth + random.normal(0, 9, smooth.shape), 0, 255).astype(np.uint8)
        (folder / f"{rows}x{columns}.jpg").write_bytes(encoded(pixels, "JPEG", quality=95))
    for kind in ("grey", "alpha", "exif 6", "palette", "a transparent colour", "16 bits"):
        (folder / f"{kind}.png").write_bytes(odd_images()[kind][1])
    return folder
