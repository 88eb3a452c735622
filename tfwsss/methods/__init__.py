"""One folder a method: its settings, its list of stages, its training, how it makes masks."""

import difflib
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tfwsss.errors import UserError

METHODS = ("icd", "affinitynet", "cian", "mcis", "oaa", "seam", "a2gnn", "clip_es", "retrain")
"""Names of the methods; a folder of this one has each name."""


class Method(NamedTuple):
    """What the commands ask of a method.

    Args:
        config: class of its settings, `config.Config`.
        demo: settings for the built-in data set, `config.DEMO`.
        stages: settings and images to its list of stages.
        masker: settings and run folder to the Masker of its pseudo labels; None where only its segmentation network
            makes masks.
        class_maps: settings and run folder to the plain class maps beside which it is judged; None without.
    """

    config: Any
    demo: dict[str, Any]
    stages: Callable
    masker: Callable | None
    class_maps: Callable | None


def get(name: str) -> Method:
    """Imports a method.

    Args:
        name: one of `METHODS`.

    Returns:
        Method.

    Raises:
        UserError: no such method.

    Example:
    >>> get("icd").config(method="icd").icd.epochs
    20
    """
    if name not in METHODS:
        near = difflib.get_close_matches(name, METHODS, 1)
        cure = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(METHODS)}"
        raise UserError(f"unknown method '{name}'; {cure}")
    has_masker = Path(__file__).with_name(name).joinpath("masker.py").is_file()
    config, stages, masker = (importlib.import_module(f"tfwsss.methods.{name}.{part}") if part else None
                              for part in ("config", "stages", "masker" if has_masker else ""))
    return Method(config.Config, config.DEMO, stages.stages, getattr(masker, "masker", None),
                  getattr(masker, "class_maps", None))
