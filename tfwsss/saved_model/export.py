"""What `python -m tfwsss.export` does: a finished run to a version folder that servers load."""

import dataclasses
import hashlib
import importlib.metadata
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tfwsss
from tfwsss import logs
from tfwsss.artefacts.files import read_json
from tfwsss.errors import UserError
from tfwsss.inference.masker import Masker
from tfwsss.inference.views import Resized, View, WholeCells
from tfwsss.logs import LOG
from tfwsss.methods.opened import Run, load_run
from tfwsss.palette import voc_palette
from tfwsss.saved_model.saved import write_saved_model, write_warm_up
from tfwsss.saved_model.signatures import Signatures
from tfwsss.saved_model.trial import try_out
from tfwsss.saved_model.versions import publishing, versions
from tfwsss.settings.sections import CRFSettings

MAX_PIXELS = 16_000_000
"""A server's limit, unless it is set: one request must not take all of its memory."""

_LARGEST_SCALE = 8.0
_PACKAGES = ("tensorflow", "keras", "numpy")


def export(run: Path, model: Path, *, stage: str | None = None, crf: bool | None = None,
           scales: Sequence[float] | None = None, mirror: bool | None = None, version: int | None = None,
           max_pixels: int | None = None, least: float | None = None) -> dict[str, Any]:
    """Writes `model/<version>/`: the SavedModel of a finished run, from JPEG or PNG to mask.

    Its masks are those of `tfwsss.predict` where no option says otherwise. The
    folder appears whole or not at all.

    Args:
        run: a finished run.
        model: folder of the model; its name is the model's.
        stage: of the run, whose masks to make: `masks`, `pseudo` or `cam_masks`; None takes the first that it has.
        crf: whether the dense CRF sharpens the masks.
        scales: at which the network sees each image.
        mirror: whether it also sees each mirrored.
        version: number; by default the next.
        max_pixels: larger images are refused.
        least: without tags, an image whose likeliest class is less likely than this gets a mask of background, 0 to 1;
            None: what the run has chosen, mostly 0.

    Returns:
        model, version, signatures, warm_up_requests, milliseconds and memory_mib.

    Raises:
        UserError: no such run, an unfinished one, a bad option, or a folder that cannot be written.
    """
    logs.open_log()
    _check(scales, version, max_pixels)
    opened = load_run(run)
    chosen, masker = opened.masker(stage, least)
    masker = _changed(masker, crf, scales, mirror)
    limit = max_pixels or min(opened.config.data.max_pixels, MAX_PIXELS)
    record = opened.record
    signatures = Signatures(masker, record["classes"], voc_palette(), limit).all()
    with publishing(model, version) as folder:
        LOG.info("export: writes the graph and its weights")
        networks = [*(look.network for look in masker.looks), *masker.others]
        write_saved_model(folder, signatures, networks, record["classes"])
        requests = write_warm_up(folder, model.resolve().name, len(record["classes"]) - 1)
        if not requests:
            LOG.warning("export: no requests for warming up, since tensorflow-serving-api is not installed; "
                        "pip install 'tfwsss[serve]' and export again to have them")
        LOG.info("export: tries the model in a process of its own")
        cost = try_out(folder)
        card = _card(opened, chosen, masker, limit) | {"cost": cost}
        (folder / "model_card.json").write_text(json.dumps(card, indent=1, ensure_ascii=False), encoding="utf-8")
    return {"model": str(model), "version": version or versions(model)[-1], "signatures": sorted(signatures),
            "warm_up_requests": requests, "milliseconds": cost["milliseconds"], "memory_mib": cost["memory_mib"]}


def _check(scales: Sequence[float] | None, version: int | None, max_pixels: int | None) -> None:
    if scales is not None and (not scales or not all(math.isfinite(x) and 0 < x <= _LARGEST_SCALE for x in scales)):
        raise UserError(f"--scales {','.join(map(str, scales))}: expected numbers above 0 and up to "
                        f"{_LARGEST_SCALE:g}, such as 1,0.75,1.25")
    if version is not None and version < 1:
        raise UserError(f"--version {version}: expected a whole number from 1")
    if max_pixels is not None and max_pixels < 1:
        raise UserError(f"--max-pixels {max_pixels}: expected a whole number from 1")


def _changed(masker: Masker, crf: bool | None, scales: Sequence[float] | None, mirror: bool | None) -> Masker:
    """Lays the options over what the run has set."""
    def seen(view: View) -> View:
        if isinstance(view, WholeCells) or (isinstance(view, Resized) and view.features):
            if scales is not None or mirror is not None:
                raise UserError("--scales and --mirror: these masks are made of fixed views of an image; leave them "
                                "out, or name another --stage")
            return view
        return view._replace(scales=view.scales if scales is None else tuple(scales),
                             mirror=view.mirror if mirror is None else mirror)

    sharpener = masker.crf
    if crf is not None and crf != sharpener.on:
        iterations = CRFSettings().iterations if crf else 0
        sharpener = sharpener._replace(parameters={**sharpener.parameters, "iterations": iterations})
    further = tuple(look._replace(view=seen(look.view)) for look in masker.further)
    return dataclasses.replace(masker, view=seen(masker.view), crf=sharpener, further=further)


def _card(run: Run, stage: str, masker: Masker, max_pixels: int) -> dict[str, Any]:
    """Returns what a user of the model should know of it."""
    path, record = run.folder / "metrics.json", run.record
    metrics = read_json(path) if path.is_file() else {}
    packages = {name: importlib.metadata.version(name) for name in _PACKAGES}
    text = json.dumps(record["config"], sort_keys=True, ensure_ascii=False)
    return {
        "method": record["method"], "stage": stage, "classes": record["classes"],
        "data": {"kind": run.config.data.kind, "images": record["images"]},
        "miou": {name: score["miou"] for name, score in metrics.items()},
        "miou_note": "of the run's own stages, against the masks of its own images, with their tags where a stage "
                     "uses tags; empty where there are no masks",
        "view": {"kind": type(masker.view).__name__.lower(), **masker.view._asdict()},
        "crf": masker.crf.parameters if masker.crf.on else None, "max_pixels": max_pixels, "least": masker.least,
        **({"carried": masker.carried} if masker.carried else {}),
        "config_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "versions": {"tfwsss": tfwsss.__version__, **packages}, "trained_with": record["versions"],
    }
