"""Each method is a `Config` and a function `stages(config, splits)`."""

import difflib
import importlib
from types import ModuleType

from tfwsss.errors import UserError

METHODS = ("icd", "affinitynet", "cian", "retrain")
"""Names of the methods; a module of this folder has each name."""


def get(name: str) -> ModuleType:
    """Imports a method's module.

    Args:
        name: one of `METHODS`.

    Returns:
        Module with `Config`, `DEMO`, `stages` and `predict`.

    Raises:
        UserError: no such method.

    Example:
    >>> get("icd").Config(method="icd").icd.epochs
    20
    """
    if name not in METHODS:
        near = difflib.get_close_matches(name, METHODS, 1)
        cure = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(METHODS)}"
        raise UserError(f"unknown method '{name}'; {cure}")
    return importlib.import_module(f"tfwsss.methods.{name}")
