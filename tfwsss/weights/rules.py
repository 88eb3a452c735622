"""What a name rule is: which arrays of a file go where, turned how, in how many parts."""

import dataclasses
import functools
import re
from typing import Any

import numpy as np

LAYOUTS: dict[str, Any] = {
    "as is": None,
    "kernel": (2, 3, 1, 0),  # (out, in, row, column) -> (row, column, in, out)
    "transposed": (1, 0),  # (out, in) -> (in, out)
    "squeezed": (),  # (1, ..., 1, rest) -> (rest), one number -> a scalar
}
"""How the axes of an array are turned."""

WRAPPED = r"(?:(?:state_dict|model_state_dict|model|net)\.)?(?:module\.)?"
"""What checkpoints put before a name, as a regular expression."""


@dataclasses.dataclass(frozen=True)
class Rule:
    r"""Where the arrays of some names go.

    Args:
        source: regular expression that the whole name must match.
        targets: paths of variables, which may hold the expression's groups (`\1/kernel`); none for an array
            that is left out.
        layout: a key of `LAYOUTS`.
        why: the reason for leaving it out.
        parts: into how many equal parts the first axis is cut, one for each target; 1: each target takes the whole.

    Example:

    >>> Rule(r"(conv\d)\.weight", (r"\1/kernel",), "kernel").places("conv1.weight")
    ('conv1/kernel',)
    """

    source: str
    targets: tuple[str, ...] = ()
    layout: str = "as is"
    why: str = ""
    parts: int = 1

    def pieces(self, array: np.ndarray) -> list[np.ndarray]:
        """Returns what of an array goes to each target."""
        if self.parts == 1:
            return [array] * len(self.targets)
        whole = array.ndim > 0 and len(array) % self.parts == 0
        return np.split(array, self.parts) if whole else [array] * self.parts

    def places(self, name: str) -> tuple[str, ...] | None:
        """Returns the paths for an array's name; None where the rule does not speak of it."""
        match = _compiled(self.source).fullmatch(name)
        return None if match is None else tuple(match.expand(target) for target in self.targets)


@dataclasses.dataclass(frozen=True)
class Network:
    """All rules of one network; the first that matches a name counts.

    Args:
        rules: where arrays go.
        fresh: (pattern of paths, reason) of the variables that no file fills.

    Example:

    >>> Network((Rule("a", ("b",)),)).rule_for("a").targets
    ('b',)
    """

    rules: tuple[Rule, ...]
    fresh: tuple[tuple[str, str], ...] = ()

    def rule_for(self, name: str) -> Rule | None:
        """Returns the first rule that matches a name, or None."""
        return next((rule for rule in self.rules if rule.places(name) is not None), None)

    def why_fresh(self, path: str) -> str | None:
        """Returns why a variable may stay as it is, or None if it may not."""
        return next((why for pattern, why in self.fresh if re.fullmatch(rf"(?:.*/)?(?:{pattern})", path)), None)


@functools.cache
def _compiled(source: str) -> re.Pattern:
    """Returns a pattern that is compiled once: there are more than Python itself keeps."""
    return re.compile(source)


def laid_out(array: np.ndarray, layout: str) -> np.ndarray:
    """Returns an array with its axes as Keras has them.

    Args:
        array: of any shape.
        layout: a key of `LAYOUTS`; an array of another number of axes stays as it is.

    Returns:
        A view of the array.

    Example:

    >>> [laid_out(np.zeros(shape), how).shape for shape, how in (((4, 3, 1, 2), "kernel"), ((1, 1, 5), "squeezed"))]
    [(1, 2, 3, 4), (5,)]
    """
    axes = LAYOUTS[layout]
    if layout == "squeezed":
        while array.ndim and len(array) == 1:
            array = array[0]
        return array
    return array if axes is None or array.ndim != len(axes) else array.transpose(axes)
