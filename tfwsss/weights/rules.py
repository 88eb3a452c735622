"""What a name rule is: which arrays it speaks of, where they go, and how their axes are turned."""

import dataclasses
import functools
import re

LAYOUTS = {
    "as is": None,
    "kernel": (2, 3, 1, 0),  # (out, in, row, column) -> (row, column, in, out)
    "transposed": (1, 0),  # (out, in) -> (in, out)
}
"""How the axes of an array are turned."""


@dataclasses.dataclass(frozen=True)
class Rule:
    r"""Where the arrays of some names go.

    Args:
        source: regular expression that the whole name must match.
        targets: paths of variables, which may hold the expression's groups (`\1/kernel`); none for an array
            that is left out.
        layout: a key of `LAYOUTS`.
        why: the reason for leaving it out.

    Example:

    >>> Rule(r"(conv\d)\.weight", (r"\1/kernel",), "kernel").places("conv1.weight")
    ('conv1/kernel',)
    """

    source: str
    targets: tuple[str, ...] = ()
    layout: str = "as is"
    why: str = ""

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
